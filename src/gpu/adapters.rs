//! Which GPUs the machine has, one entry each even if several backends show it.

use serde::Serialize;
use sysinfo::System;
use wgpu::{Backend, Backends, DeviceType, Features, InstanceDescriptor};

use crate::plan::DeviceClass;

/// One adapter as `gyrus devices` lists it.
#[derive(Debug, Clone, Serialize)]
pub struct Adapter {
    /// The number that `--device` takes.
    pub number: usize,
    pub name: String,
    /// `vulkan`, `metal` or `dx12`.
    pub backend: String,
    pub class: DeviceClass,
    /// Name and version, of the system where the backend names none.
    pub driver: String,
    /// Lanes of a subgroup, where the adapter has subgroup operations and one fixed width.
    pub subgroup: Option<u32>,
    /// Whether shaders may store f16.
    pub f16: bool,
    /// Whether the time of single dispatches can be measured on the device.
    pub timestamps: bool,
    /// Largest range that one binding can hold, in bytes.
    pub max_binding_bytes: u64,
    /// Largest buffer, in bytes.
    pub max_buffer_bytes: u64,
    #[serde(skip)]
    identity: (u32, u32, String),
}

/// An adapter with the handle that opens it.
pub(super) struct Found {
    pub adapter: Adapter,
    pub handle: wgpu::Adapter,
}

/// All adapters of the machine, best first: discrete, integrated, software.
pub fn adapters() -> Vec<Adapter> {
    find().into_iter().map(|f| f.adapter).collect()
}

pub(super) fn find() -> Vec<Found> {
    let mut descriptor = InstanceDescriptor::new_without_display_handle();
    descriptor.backends = Backends::VULKAN | Backends::METAL | Backends::DX12;
    let instance = wgpu::Instance::new(descriptor);
    let handles = pollster::block_on(instance.enumerate_adapters(Backends::all()));
    let mut found: Vec<Found> = handles.into_iter().map(describe).collect();
    found.sort_by_key(|f| (rank(f.adapter.class), backend_rank(&f.adapter.backend)));
    drop_second_backends(&mut found);
    for (number, found) in found.iter_mut().enumerate() {
        found.adapter.number = number;
    }
    found
}

fn rank(class: DeviceClass) -> u32 {
    match class {
        DeviceClass::Discrete => 0,
        DeviceClass::Integrated => 1,
        DeviceClass::Software => 2,
    }
}

fn backend_rank(backend: &str) -> u32 {
    u32::from(backend == "dx12")
}

/// Keeps one entry of a GPU that two backends show. Two equal cards on one backend are two.
fn drop_second_backends(found: &mut Vec<Found>) {
    let mut kept: Vec<((u32, u32, String), String)> = Vec::new();
    found.retain(|f| {
        let adapter = &f.adapter;
        let seen = kept.iter().any(|(id, backend)| *id == adapter.identity && *backend != adapter.backend);
        kept.push((adapter.identity.clone(), adapter.backend.clone()));
        !seen
    });
}

fn describe(handle: wgpu::Adapter) -> Found {
    let (info, limits, features) = (handle.get_info(), handle.limits(), handle.features());
    let fixed = info.subgroup_min_size == info.subgroup_max_size && features.contains(Features::SUBGROUP);
    let adapter = Adapter {
        number: 0,
        name: info.name.clone(),
        backend: match info.backend {
            Backend::Vulkan => "vulkan".into(),
            Backend::Metal => "metal".into(),
            Backend::Dx12 => "dx12".into(),
            other => other.to_string(),
        },
        class: class(&info),
        driver: driver(&info.driver, &info.driver_info, || System::long_os_version().ok()),
        subgroup: fixed.then_some(info.subgroup_min_size),
        f16: features.contains(Features::SHADER_F16),
        timestamps: features.contains(Features::TIMESTAMP_QUERY),
        max_binding_bytes: limits.max_storage_buffer_binding_size,
        max_buffer_bytes: limits.max_buffer_size,
        // Vulkan and DX12 agree on the PCI numbers of a card.
        identity: (info.vendor & 0xFFFF, info.device & 0xFFFF, info.device_pci_bus_id.clone()),
    };
    Found { adapter, handle }
}

/// The driver's name and version. Metal names none: there it is a part of the system, and as new as that.
fn driver(name: &str, version: &str, system: impl FnOnce() -> Option<String>) -> String {
    let named = format!("{name} {version}").trim().to_string();
    if named.is_empty() { system().unwrap_or_default() } else { named }
}

fn class(info: &wgpu::AdapterInfo) -> DeviceClass {
    let name = info.name.to_lowercase();
    let software = ["llvmpipe", "swiftshader", "basic render", "warp"].iter().any(|s| name.contains(s));
    match info.device_type {
        _ if software => DeviceClass::Software,
        DeviceType::Cpu => DeviceClass::Software,
        DeviceType::IntegratedGpu => DeviceClass::Integrated,
        _ => DeviceClass::Discrete,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_without_a_name_is_as_new_as_the_system() {
        let system = || Some("macOS 26.1".to_string());
        assert_eq!(driver("llvmpipe", "Mesa 22", system), "llvmpipe Mesa 22");
        assert_eq!(driver("", "", system), "macOS 26.1");
        assert!(System::long_os_version().is_ok_and(|named| !named.is_empty()));
    }
}
