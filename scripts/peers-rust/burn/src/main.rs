//! burn on its wgpu backend, through Vulkan. Its settings are cargo features: `fusion` and `autotune`.

use std::process::ExitCode;

use burn::tensor::{Device, DeviceKind, Tensor, TensorData};
use peer_harness::{Job, Network, Result, serve};

mod network {
    include!(concat!(env!("OUT_DIR"), "/generated/network.rs"));
}

struct Burn {
    model: network::Model,
    device: Device,
    input: TensorData,
}

/// What a generated `forward` returns: one tensor or several of any ranks.
trait Outputs {
    fn host(self) -> Result<Vec<Vec<f32>>>;
}

impl<const D: usize> Outputs for Tensor<D> {
    fn host(self) -> Result<Vec<Vec<f32>>> {
        Ok(vec![self.try_into_data()?.to_vec().map_err(|e| format!("{e:?}"))?])
    }
}

impl<A: Outputs, B: Outputs> Outputs for (A, B) {
    fn host(self) -> Result<Vec<Vec<f32>>> {
        Ok([self.0.host()?, self.1.host()?].concat())
    }
}

impl<A: Outputs, B: Outputs, C: Outputs> Outputs for (A, B, C) {
    fn host(self) -> Result<Vec<Vec<f32>>> {
        Ok([self.0.host()?, self.1.host()?, self.2.host()?].concat())
    }
}

fn load(job: &Job) -> Result<Burn> {
    let device = Device::vulkan(DeviceKind::Cpu);
    let input = TensorData::new(job.input.clone(), job.shape.clone());
    Ok(Burn { model: network::Model::from_embedded(&device), device, input })
}

impl Network for Burn {
    fn run(&mut self) -> Result<Vec<Vec<f32>>> {
        let input = Tensor::<4>::from_data(self.input.clone(), &self.device);
        self.model.forward(input).host()
    }

    fn adapter(&self) -> String {
        format!("{:?}", self.device)
    }
}

fn main() -> ExitCode {
    serve(load)
}
