//! Every kernel's WGSL: it must parse, validate and agree with the host on bindings and parameters. No device is needed
//! for that. What other compilers make of it is the business of `compilers.rs`.

use std::collections::BTreeMap;

use gyrus::gpu::CEILING_KERNELS;
use gyrus::ops;
use gyrus::ops::kernel::Kernel;
use gyrus::plan::{Precision, Textures};
use naga::valid::{Capabilities, ModuleInfo, ShaderStages, SubgroupOperationSet, ValidationFlags, Validator};
use naga::{AddressSpace, ImageClass, Module, StorageAccess, TypeInner};

/// Every kernel once.
fn kernels() -> BTreeMap<&'static str, &'static Kernel> {
    all().map(|kernel| (kernel.name, kernel)).collect()
}

/// Those that networks run, some more than once, and those that measure a device.
fn all() -> impl Iterator<Item = &'static Kernel> {
    ops::kernels().chain(CEILING_KERNELS.iter().copied())
}

/// Runs a check on every kernel and reports all that fail.
fn check_all(check: impl Fn(&Kernel, &Module, &ModuleInfo) -> Result<(), String>) {
    let kernels = kernels();
    let all = kernels.values().map(|&kernel| (kernel, Textures::default()));
    let of_texels = kernels.values().filter(|kernel| kernel.is_of_texels());
    // A step of a plan that stores f16 may itself write f32.
    let stored = [Precision::F32, Precision::F16].map(|written| Textures { read: Precision::F16, written });
    let half = of_texels.flat_map(|&kernel| stored.map(|textures| (kernel, textures)));
    let failures: Vec<String> = all
        .chain(half)
        .filter_map(|(kernel, textures)| {
            let result = parse(kernel, textures).and_then(|(module, info)| check(kernel, &module, &info));
            result.err().map(|reason| format!("{}, {textures:?}: {reason}", kernel.name))
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn parse(kernel: &Kernel, textures: Textures) -> Result<(Module, ModuleInfo), String> {
    let text = kernel.text(textures);
    let module = naga::front::wgsl::parse_str(&text).map_err(|e| e.emit_to_string(&text))?;
    let (capabilities, stages, operations) = match kernel.subgroups {
        true => (Capabilities::SUBGROUP, ShaderStages::COMPUTE, SubgroupOperationSet::all()),
        false => (Capabilities::empty(), ShaderStages::empty(), SubgroupOperationSet::empty()),
    };
    let info = Validator::new(ValidationFlags::all(), capabilities)
        .subgroup_stages(stages)
        .subgroup_operations(operations)
        .validate(&module)
        .map_err(|e| e.emit_to_string(&text))?;
    Ok((module, info))
}

#[test]
fn names_tell_kernels_apart() {
    let named = kernels();
    for kernel in all() {
        assert_eq!(named[kernel.name].sources, kernel.sources, "two kernels are named {}", kernel.name);
    }
}

#[test]
fn bindings_are_inputs_then_the_output_then_parameters() {
    check_all(|_, module, _| {
        let mut bindings: Vec<(u32, &str)> = Vec::new();
        for (_, variable) in module.global_variables.iter() {
            let Some(binding) = &variable.binding else { continue };
            let kind = match (variable.space, &module.types[variable.ty].inner) {
                (AddressSpace::Storage { access }, _) if access.contains(StorageAccess::STORE) => "output",
                (AddressSpace::Storage { .. }, _) => "input",
                (AddressSpace::Uniform, _) => "parameters",
                (_, TypeInner::Image { class: ImageClass::Storage { access, .. }, .. }) => match *access {
                    StorageAccess::STORE => "output",
                    StorageAccess::LOAD => "input",
                    _ => "a texture that is read and written",
                },
                (_, TypeInner::Image { .. }) => "input",
                _ => "something else",
            };
            if binding.group != 0 {
                return Err(format!("a binding in group {}", binding.group));
            }
            bindings.push((binding.binding, kind));
        }
        bindings.sort_unstable();
        let is_contiguous = bindings.iter().enumerate().all(|(i, b)| b.0 as usize == i);
        let kinds: Vec<&str> = bindings.iter().map(|b| b.1).collect();
        match kinds.as_slice() {
            [inputs @ .., "output", "parameters"]
                if is_contiguous && inputs.iter().all(|&k| k == "input") =>
            {
                Ok(())
            }
            _ => Err(format!("bindings are {bindings:?}")),
        }
    });
}

#[test]
fn parameters_lie_as_the_host_writes_them() {
    check_all(|kernel, module, _| {
        let uniform = module.global_variables.iter().find(|(_, v)| v.space == AddressSpace::Uniform);
        let (_, uniform) = uniform.ok_or("no parameters")?;
        let TypeInner::Struct { members, span } = &module.types[uniform.ty].inner else {
            return Err("parameters are not a struct".into());
        };
        let shader: Vec<(&str, usize)> =
            members.iter().map(|m| (m.name.as_deref().unwrap_or(""), m.offset as usize)).collect();
        if shader != kernel.params.fields {
            return Err(format!("the shader has {shader:?}, the host {:?}", kernel.params.fields));
        }
        let (shader, host) = (span.next_multiple_of(16) as usize, kernel.params.size.next_multiple_of(16));
        if shader == host { Ok(()) } else { Err(format!("the shader has {shader} bytes, the host {host}")) }
    });
}
