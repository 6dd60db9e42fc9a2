//! Which device a network runs on, and what the user must be told about the choice.

mod list;

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::gpu::{Adapter, Gpu};
use crate::plan::{DeviceClass, Precision};
#[cfg(feature = "serve")]
pub(crate) use list::listed;
pub use list::{Listed, list_devices};

/// A device that networks run on: a GPU through wgpu, or the CPU engine.
///
/// ```
/// let device = gyrus::Device::open("cpu")?;
/// assert_eq!(device.name(), "cpu");
/// # Ok::<(), gyrus::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Device {
    pub(crate) kind: Kind,
    notice: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Cpu,
    Gpu(Arc<Gpu>),
}

impl Device {
    /// Opens a device by the words of `--device`: `auto` (the best hardware GPU, else the CPU engine), `cpu`,
    /// `software` (a software adapter such as llvmpipe), the number of an adapter, or part of its name.
    ///
    /// # Errors
    /// No such device, or one that the driver does not open. `auto` always finds one.
    pub fn open(choice: &str) -> Result<Device> {
        Device::open_storing(choice, Precision::F32)
    }

    /// As [`Device::open`], a GPU with textures that store numbers so. The name that reports quote says it. The CPU engine
    /// keeps to f32, with a notice.
    ///
    /// # Errors
    /// As [`Device::open`].
    pub fn open_storing(choice: &str, precision: Precision) -> Result<Device> {
        match choice.trim().to_lowercase().as_str() {
            "cpu" => Ok(Device::cpu(None, precision)),
            "auto" => Ok(Device::auto(precision)),
            "software" => Device::gpu("software", precision, |a| a.class == DeviceClass::Software),
            "" => Err(Error::Device { device: choice.into(), reason: "no device named".into() }),
            wanted => match wanted.parse::<usize>() {
                Ok(number) => Device::gpu(wanted, precision, |a| a.number == number),
                Err(_) => Device::gpu(wanted, precision, |a| a.name.to_lowercase().contains(wanted)),
            },
        }
    }

    /// The CPU engine, with what is to be said of why.
    fn cpu(notice: Option<String>, precision: Precision) -> Device {
        let kept = "the CPU engine stores f32, which is more exact than the f16 that was asked for";
        let kept = (precision == Precision::F16).then(|| kept.to_string());
        let notices: Vec<String> = notice.into_iter().chain(kept).collect();
        Device { kind: Kind::Cpu, notice: (!notices.is_empty()).then(|| notices.join("; ")) }
    }

    fn gpu(what: &str, precision: Precision, accept: impl Fn(&Adapter) -> bool) -> Result<Device> {
        let gpu = Gpu::open(what, accept)?.storing(precision);
        Ok(Device { kind: Kind::Gpu(Arc::new(gpu)), notice: None })
    }

    fn auto(precision: Precision) -> Device {
        let hardware = |a: &Adapter| a.class != DeviceClass::Software;
        let notice = match Device::gpu("auto", precision, hardware) {
            Ok(device) => return device,
            Err(Error::Device { device, reason }) if device != "auto" => format!(
                "the GPU '{device}' could not be opened ({reason}); running on the CPU engine, which is slower"
            ),
            Err(_) => "no hardware GPU found; running on the CPU engine (a GPU needs its Vulkan, Metal or DX12 driver; \
                       `--device software` runs the shaders on a software driver)"
                .into(),
        };
        Device::cpu(Some(notice), precision)
    }

    /// The device's name as every report quotes it.
    pub fn name(&self) -> String {
        match &self.kind {
            Kind::Cpu => "cpu".into(),
            Kind::Gpu(gpu) => gpu.name(),
        }
    }

    /// What the user must know about the choice: that it fell back, and the way out.
    pub fn notice(&self) -> Option<&str> {
        self.notice.as_deref()
    }

    /// How networks on it store activations and weights.
    pub fn precision(&self) -> Precision {
        self.as_gpu().map_or(Precision::F32, |gpu| gpu.precision())
    }

    /// The GPU behind the device, if it is one.
    pub fn as_gpu(&self) -> Option<&Arc<Gpu>> {
        match &self.kind {
            Kind::Cpu => None,
            Kind::Gpu(gpu) => Some(gpu),
        }
    }
}
