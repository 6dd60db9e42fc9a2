//! Compiled kernels, one pipeline for each kernel and set of constants, with layouts reflected from the WGSL.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rayon::prelude::*;
use wgpu::{
    BindGroupLayout, BindGroupLayoutEntry, BindingType, BufferBindingType, ShaderStages,
    StorageTextureAccess, TextureSampleType, TextureViewDimension,
};

use super::ceilings::CEILING_KERNELS;
use super::device::Gpu;
use super::pipeline_file::PipelineFile;
use super::texels;
use crate::error::{Error, Result};
use crate::ops::kernel::Kernel;
use crate::ops::kernels;
use crate::plan::{Precision, Step, Textures};

/// A compiled kernel.
#[derive(Debug)]
pub(super) struct Pipeline {
    pub pipeline: wgpu::ComputePipeline,
    pub layout: BindGroupLayout,
}

/// Kernel name, what its textures store, and constants.
type Key = (String, Textures, Vec<(String, u64)>);

/// All pipelines compiled so far on one device.
#[derive(Default)]
pub(super) struct Pipelines {
    compiled: Mutex<HashMap<Key, Arc<Pipeline>>>,
    /// A text of the kernels, and what stands for it from now on: how tests break one.
    pub(super) sabotage: OnceLock<[String; 2]>,
}

impl Pipelines {
    fn get(&self, key: &Key) -> Option<Arc<Pipeline>> {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn insert(&self, key: Key, pipeline: Arc<Pipeline>) {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner).insert(key, pipeline);
    }
}

/// The pipeline of each step. Those not compiled yet are compiled in parallel: a driver takes up to
/// half a second for one.
pub(super) fn pipelines(gpu: &Gpu, steps: &[Step]) -> Result<Vec<Arc<Pipeline>>> {
    let mut seen = HashSet::new();
    let is_new = |step: &&Step| gpu.pipelines.get(&key(step)).is_none() && seen.insert(key(step));
    let missing: Vec<&Step> = steps.iter().filter(is_new).collect();
    missing.par_iter().try_for_each(|step| pipeline(gpu, step).map(drop))?;
    gpu.check()?;
    steps.iter().map(|step| pipeline(gpu, step)).collect()
}

/// The pipeline of a step, compiled unless it is there already.
fn pipeline(gpu: &Gpu, step: &Step) -> Result<Arc<Pipeline>> {
    let key = key(step);
    if let Some(found) = gpu.pipelines.get(&key) {
        return Ok(found);
    }
    let compiled = Arc::new(compile(gpu, step)?);
    gpu.pipelines.insert(key, compiled.clone());
    Ok(compiled)
}

fn key(step: &Step) -> Key {
    let constants = step.constants.iter().map(|(name, value)| (name.to_string(), value.to_bits()));
    (step.kernel.to_string(), step.textures(), constants.collect())
}

fn compile(gpu: &Gpu, step: &Step) -> Result<Pipeline> {
    let fault = |reason: String| Error::Gpu { device: gpu.name(), reason };
    let mut known = kernels().chain(CEILING_KERNELS.iter().copied());
    let kernel = known.find(|k| k.name == step.kernel);
    let kernel =
        kernel.ok_or_else(|| fault(format!("the plan names an unknown kernel '{}'", step.kernel)))?;
    let text = kernel.text_for(&step.constants, step.textures());
    let text = match gpu.pipelines.sabotage.get() {
        Some([from, to]) => text.replace(from, to),
        None => text,
    };
    let bindings = reflect(kernel, &text).map_err(fault)?;
    let layout = gpu.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some(kernel.name),
        entries: &bindings,
    });
    let module = gpu.device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(kernel.name),
        source: wgpu::ShaderSource::Wgsl(text.into()),
    });
    let pipeline_layout = gpu.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some(kernel.name),
        bind_group_layouts: &[Some(&layout)],
        ..Default::default()
    });
    let constants: Vec<(&str, f64)> = step.constants.iter().map(|(n, v)| (n.as_ref(), *v)).collect();
    let pipeline = gpu.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(kernel.name),
        layout: Some(&pipeline_layout),
        module: &module,
        entry_point: Some("main"),
        compilation_options: wgpu::PipelineCompilationOptions { constants: &constants, ..Default::default() },
        cache: gpu.kept.as_ref().map(PipelineFile::cache),
    });
    Ok(Pipeline { pipeline, layout })
}

/// The bindings that the WGSL declares, used or not.
fn reflect(kernel: &Kernel, text: &str) -> Result<Vec<BindGroupLayoutEntry>, String> {
    let module = naga::front::wgsl::parse_str(text).map_err(|e| format!("kernel {}: {e}", kernel.name))?;
    let mut entries: Vec<BindGroupLayoutEntry> = module
        .global_variables
        .iter()
        .filter_map(|(_, variable)| {
            let binding = variable.binding.as_ref()?.binding;
            Some(BindGroupLayoutEntry {
                binding,
                visibility: ShaderStages::COMPUTE,
                ty: binding_type(&module.types[variable.ty].inner, variable.space),
                count: None,
            })
        })
        .collect();
    entries.sort_by_key(|e| e.binding);
    Ok(entries)
}

/// Kernels bind buffers, textures of unfiltered floats, and textures to write.
fn binding_type(declared: &naga::TypeInner, space: naga::AddressSpace) -> BindingType {
    let view_dimension = TextureViewDimension::D2;
    let ty = match (declared, space) {
        (naga::TypeInner::Image { class: naga::ImageClass::Storage { format, access }, .. }, _) => {
            let precision = match format {
                naga::StorageFormat::Rgba16Float => Precision::F16,
                _ => Precision::F32,
            };
            return BindingType::StorageTexture {
                access: match access.contains(naga::StorageAccess::STORE) {
                    true => StorageTextureAccess::WriteOnly,
                    false => StorageTextureAccess::ReadOnly,
                },
                format: texels::format(precision),
                view_dimension,
            };
        }
        (naga::TypeInner::Image { .. }, _) => {
            let sample_type = TextureSampleType::Float { filterable: false };
            return BindingType::Texture { sample_type, view_dimension, multisampled: false };
        }
        (_, naga::AddressSpace::Storage { access }) => {
            BufferBindingType::Storage { read_only: !access.contains(naga::StorageAccess::STORE) }
        }
        _ => BufferBindingType::Uniform,
    };
    BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None }
}
