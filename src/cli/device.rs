//! The options that name a device.

use gyrus::plan::Precision;
use gyrus::{Device, Result};

/// A device, and how it stores numbers.
#[derive(Debug, clap::Args)]
pub struct Wanted {
    /// auto, cpu, software, the number of an adapter, or part of its name
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// How a GPU stores activations and weights: f16 takes half the memory. Arithmetic is in f32; classify and segment want a
    /// card that allows it
    #[arg(long, value_enum, default_value_t = Stored::F32)]
    pub precision: Stored,
}

/// [`Precision`] as an option's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stored {
    F32,
    F16,
}

impl From<Stored> for Precision {
    fn from(stored: Stored) -> Precision {
        match stored {
            Stored::F32 => Precision::F32,
            Stored::F16 => Precision::F16,
        }
    }
}

impl Wanted {
    /// Opens the device.
    pub fn open(&self) -> Result<Device> {
        Device::open_storing(&self.device, self.precision.into())
    }
}
