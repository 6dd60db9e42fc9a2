//! The devices of this machine, as `gyrus devices` and the service list them.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::gpu::{Adapter, adapters};
use crate::plan::{DeviceClass, Precision};
use crate::tuning::{Cache, Tunings};

/// How networks can store numbers; each has verdicts of its own.
const PRECISIONS: [Precision; 2] = [Precision::F32, Precision::F16];

/// One device. The CPU engine is no adapter: what only adapters have is null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// What `--device` takes: a number, or `cpu`.
    pub device: String,
    pub name: String,
    /// `discrete`, `integrated`, `software` or `cpu`.
    pub class: String,
    /// Whether `--device auto` means this one.
    pub auto: bool,
    pub backend: Option<String>,
    pub driver: Option<String>,
    pub subgroup: Option<u32>,
    pub f16: Option<bool>,
    pub timestamps: Option<bool>,
    pub max_binding_bytes: Option<u64>,
    pub max_buffer_bytes: Option<u64>,
    /// How many kernels, each at one place of a network and of one precision, were held against the operators' twins with this driver and
    /// version and found right; null for the CPU engine, which has none.
    pub verified: Option<usize>,
    /// Kernels that were found wrong in one precision at least, and are not used in that.
    pub wrong: Vec<String>,
    /// Why verdicts are missing here: a file that cannot be used.
    pub notice: Option<String>,
}

/// All devices, the adapters in the order of their numbers.
pub fn list_devices() -> Vec<Listed> {
    listed(&adapters())
}

/// The same where the adapters are known, with what is known of their kernels by now.
pub(crate) fn listed(adapters: &[Adapter]) -> Vec<Listed> {
    let auto = adapters.iter().position(|a| a.class != DeviceClass::Software);
    let gpus = adapters.iter().enumerate().map(|(i, adapter)| entry(adapter, Some(i) == auto));
    gpus.chain([cpu(auto.is_none())]).collect()
}

fn entry(adapter: &Adapter, auto: bool) -> Listed {
    let (known, notices): (Vec<Tunings>, Vec<Option<String>>) =
        PRECISIONS.map(|precision| Cache::of_adapter(adapter, precision).load()).into_iter().unzip();
    let wrong: BTreeSet<String> = known.iter().flat_map(|known| known.dropped.keys().cloned()).collect();
    let notices: Vec<String> = notices.into_iter().flatten().collect();
    Listed {
        verified: Some(known.iter().map(Tunings::verified).sum()),
        wrong: wrong.into_iter().collect(),
        notice: (!notices.is_empty()).then(|| notices.join("; ")),
        device: adapter.number.to_string(),
        name: adapter.name.clone(),
        class: class(adapter.class).into(),
        auto,
        backend: Some(adapter.backend.clone()),
        driver: Some(adapter.driver.clone()),
        subgroup: adapter.subgroup,
        f16: Some(adapter.f16),
        timestamps: Some(adapter.timestamps),
        max_binding_bytes: Some(adapter.max_binding_bytes),
        max_buffer_bytes: Some(adapter.max_buffer_bytes),
    }
}

fn class(class: DeviceClass) -> &'static str {
    match class {
        DeviceClass::Discrete => "discrete",
        DeviceClass::Integrated => "integrated",
        DeviceClass::Software => "software",
    }
}

fn cpu(auto: bool) -> Listed {
    Listed {
        device: "cpu".into(),
        name: "CPU engine".into(),
        class: "cpu".into(),
        auto,
        backend: None,
        driver: None,
        subgroup: None,
        f16: None,
        timestamps: None,
        max_binding_bytes: None,
        max_buffer_bytes: None,
        verified: None,
        wrong: Vec::new(),
        notice: None,
    }
}
