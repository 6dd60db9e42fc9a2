//! The devices of this machine, as `gyrus devices` and the service list them.

use serde::Serialize;

use crate::gpu::{Adapter, adapters};
use crate::plan::{DeviceClass, Precision};
use crate::tuning::Cache;

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
    /// How many kernels, each at one place of a network, were held against the operators' twins with this driver and version and found
    /// right; null for the CPU engine, which has none.
    pub verified: Option<usize>,
    /// Kernels that were found wrong, and are not used.
    pub wrong: Vec<String>,
}

/// All devices, the adapters in the order of their numbers.
pub fn list_devices() -> Vec<Listed> {
    let adapters = adapters();
    let auto = adapters.iter().position(|a| a.class != DeviceClass::Software);
    let gpus = adapters.into_iter().enumerate().map(|(i, adapter)| entry(adapter, Some(i) == auto));
    gpus.chain([cpu(auto.is_none())]).collect()
}

fn entry(adapter: Adapter, auto: bool) -> Listed {
    // A file that cannot be used is told by whoever runs a network.
    let (known, _) = Cache::of_adapter(&adapter, Precision::F32).load();
    Listed {
        verified: Some(known.verified()),
        wrong: known.dropped.keys().cloned().collect(),
        device: adapter.number.to_string(),
        name: adapter.name,
        class: class(adapter.class).into(),
        auto,
        backend: Some(adapter.backend),
        driver: Some(adapter.driver),
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
    }
}
