//! What a driver is given of a kernel: whether a mistake makes any difference there.

use std::borrow::Cow;

use naga::back::pipeline_constants::process_overrides;
use naga::back::spv;
use naga::compact::{KeepUnused, compact};
use naga::front::wgsl;
use naga::valid::{Capabilities, ModuleInfo, ShaderStages, SubgroupOperationSet, ValidationFlags, Validator};
use naga::{Module, ShaderStage};

use crate::conformance::variants::Variant;

/// A kernel with the values of its constants, as plans ask for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Code {
    pub wgsl: String,
    subgroups: bool,
    /// The values' bits, so that they can be compared.
    constants: Vec<(Cow<'static, str>, u64)>,
}

/// What a mistake makes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// The same SPIR-V: what is wrong is never reached, or is replaced by what plans say.
    None,
    Some,
    /// No shader any more, and why.
    Refused(String),
}

impl Code {
    pub fn of(variant: &Variant) -> Code {
        let constants = variant.constants.iter().map(|(name, value)| (name.clone(), value.to_bits()));
        Code { wgsl: variant.text(), subgroups: variant.kernel.subgroups, constants: constants.collect() }
    }

    /// What comes of one text in place of another.
    pub fn change(&self, from: &str, to: &str) -> Change {
        match self.compiled(&self.wgsl.replace(from, to)) {
            Err(refusal) => Change::Refused(refusal),
            Ok(broken) if self.compiled(&self.wgsl).is_ok_and(|whole| whole == broken) => Change::None,
            Ok(_) => Change::Some,
        }
    }

    /// The SPIR-V of a text with these constants, without what is never called.
    fn compiled(&self, wgsl: &str) -> Result<Vec<u32>, String> {
        let module = wgsl::parse_str(wgsl).map_err(|error| error.message().to_string())?;
        let info = self.validated(&module)?;
        let constants = self.constants.iter().map(|(name, bits)| (name.to_string(), f64::from_bits(*bits)));
        let entry = Some((ShaderStage::Compute, "main"));
        let (module, _) = process_overrides(&module, &info, entry, &constants.collect())
            .map_err(|error| error.to_string())?;
        let mut module = module.into_owned();
        compact(&mut module, KeepUnused::No);
        let info = self.validated(&module)?;
        // Names would tell one text from the other.
        let options = spv::Options { flags: spv::WriterFlags::empty(), ..Default::default() };
        spv::write_vec(&module, &info, &options, None).map_err(|error| error.to_string())
    }

    fn validated(&self, module: &Module) -> Result<ModuleInfo, String> {
        let (capabilities, stages, operations) = match self.subgroups {
            true => (Capabilities::SUBGROUP, ShaderStages::COMPUTE, SubgroupOperationSet::all()),
            false => (Capabilities::empty(), ShaderStages::empty(), SubgroupOperationSet::empty()),
        };
        let mut validator = Validator::new(ValidationFlags::all(), capabilities);
        let checked = validator.subgroup_stages(stages).subgroup_operations(operations).validate(module);
        checked.map_err(|error| error.as_inner().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_that_no_device_sees_is_told_from_one_that_it_does() {
        let wgsl = "override N: u32 = 1u;
            @group(0) @binding(0) var<storage, read_write> y: array<u32>;
            fn never() -> u32 { return 2u; }
            @compute @workgroup_size(1) fn main() { y[0] = N + 3u; }";
        let code =
            Code { wgsl: wgsl.into(), subgroups: false, constants: vec![("N".into(), 7f64.to_bits())] };
        assert_eq!(code.change("3u", "4u"), Change::Some);
        assert_eq!(code.change("return 2u", "return 1u"), Change::None, "nobody calls it");
        assert_eq!(code.change("= 1u", "= 2u"), Change::None, "the plan says what it is");
        assert!(matches!(code.change("3u", "3.0"), Change::Refused(_)));
        let usual = Code { constants: vec![], ..code };
        assert_eq!(usual.change("= 1u", "= 2u"), Change::Some);
    }
}
