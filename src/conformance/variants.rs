//! Every kernel as plans specialise it, for the compilers that are to take them. No device takes part.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::builtin;
use super::plans::plans;
use crate::error::Result;
use crate::gpu::CEILING_KERNELS;
use crate::ops::kernel::Kernel;
use crate::ops::kernels;
use crate::plan::lowering::LAYOUT_KERNELS;
use crate::plan::{DeviceClass, Plan, Precision, Step, Target, Textures};

/// A kernel with the values of its `override` constants, and with what its textures store.
#[derive(Debug, Clone)]
pub struct Variant {
    pub kernel: &'static Kernel,
    pub constants: Vec<(Cow<'static, str>, f64)>,
    pub textures: Textures,
}

/// By [`Variant::id`], each once.
pub type Variants = BTreeMap<String, Variant>;

impl Variant {
    /// The kernel of a step; none where the step names one that there is not.
    pub(super) fn of(step: &Step) -> Option<Variant> {
        let mut known = kernels().chain(CEILING_KERNELS.iter().copied());
        let kernel = known.find(|kernel| kernel.name == step.kernel)?;
        Some(Variant { kernel, constants: step.constants.clone(), textures: step.textures() })
    }

    /// The WGSL as a device gets it.
    pub fn text(&self) -> String {
        self.kernel.text_for(&self.constants, self.textures)
    }

    /// The kernel's name, and what tells its variants apart.
    pub fn id(&self) -> String {
        let text = format!("{}\n{:?}", self.text(), self.constants);
        let digest = Sha256::digest(text);
        let hex: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{hex}", self.kernel.name)
    }
}

/// What the builtin cases come to, on every kind of device that there is.
///
/// # Errors
/// A case that cannot be planned.
pub fn of_cases() -> Result<Variants> {
    let found: Vec<Variants> = builtin::known_cases(None)?.par_iter().map(of_case).collect::<Result<_>>()?;
    Ok(found.into_iter().flatten().chain(of_layouts()).collect())
}

/// Conversions of layout have no constants; few cases of one operator need them.
fn of_layouts() -> Variants {
    let (f32, f16) = (Precision::F32, Precision::F16);
    let stored = [(f32, f32), (f16, f32), (f16, f16)].map(|(read, written)| Textures { read, written });
    let variants = LAYOUT_KERNELS.iter().flat_map(|&kernel| {
        // What is in no texture is stored in one way.
        let stored = if kernel.is_of_texels() { &stored[..] } else { &stored[..1] };
        stored.iter().map(move |&textures| Variant { kernel, constants: vec![], textures })
    });
    variants.map(|variant| (variant.id(), variant)).collect()
}

/// What these plans come to.
pub fn of_plans<'a>(plans: impl IntoIterator<Item = &'a Plan>) -> Variants {
    let steps = plans.into_iter().flat_map(|plan| &plan.steps);
    steps.filter_map(Variant::of).map(|variant| (variant.id(), variant)).collect()
}

/// Devices that differ in what plans depend on: those that promise no width of subgroups, and the widths that there are.
pub fn targets() -> Vec<Target> {
    let widths = [
        (DeviceClass::Discrete, &[32, 64][..]),
        (DeviceClass::Integrated, &[8, 16, 32]),
        // SwiftShader's, llvmpipe's, and llvmpipe's with vectors of 512 bits.
        (DeviceClass::Software, &[4, 8, 16]),
    ];
    let of_class = |(class, widths): (DeviceClass, &[u32])| {
        let widths: Vec<Option<u32>> = widths.iter().copied().map(Some).chain([None]).collect();
        widths.into_iter().map(move |subgroup| Target { class, subgroup, ..Target::portable() })
    };
    widths.into_iter().flat_map(of_class).collect()
}

fn of_case(case: &builtin::OfKernels) -> Result<Variants> {
    let graph = case.graph()?;
    let mut found = Variants::new();
    for (target, precision) in
        targets().iter().flat_map(|t| case.precisions().into_iter().map(move |p| (t, p)))
    {
        let target = Target { precision, ..target.clone() };
        found.extend(of_plans(&plans(&graph, &target, case.kernels)?));
    }
    Ok(found)
}
