//! What a compute kernel is to the planner: a name, a WGSL text and the layout of its parameters.

use std::borrow::Cow;

use super::activation::{ACTIVATION, NO_ACTIVATION};
use crate::plan::lowering::TEXELS;
use crate::plan::{Precision, Textures};

const STORED_F32: &str = include_str!("../../shaders/stored_f32.wgsl");
const STORED_F16: &str = include_str!("../../shaders/stored_f16.wgsl");

/// A WGSL kernel. Its name is pipeline label, registry key and profile row.
#[derive(Debug)]
pub struct Kernel {
    pub name: &'static str,
    /// WGSL texts joined in this order; shared ones first.
    pub sources: &'static [&'static str],
    /// The `Params` struct as the host writes it; a test holds it to the shader's.
    pub params: ParamsLayout,
    /// Whether the kernel needs subgroup operations.
    pub subgroups: bool,
}

impl Kernel {
    /// The whole WGSL text, for textures that store numbers so.
    pub fn text(&self, textures: Textures) -> String {
        self.sources_for(textures).collect()
    }

    /// Whether textures hold what it reads and writes.
    pub fn is_of_texels(&self) -> bool {
        self.sources.contains(&TEXELS)
    }

    /// The texts, and in front of what knows textures the one that says what they store.
    fn sources_for(&self, textures: Textures) -> impl Iterator<Item = &'static str> {
        let stored = match textures.written {
            Precision::F32 => STORED_F32,
            Precision::F16 => STORED_F16,
        };
        self.sources.iter().flat_map(move |&source| {
            let before = (source == TEXELS).then_some(stored);
            before.into_iter().chain([if textures.read == Precision::F16 { sampled(source) } else { source }])
        })
    }

    /// The WGSL text for these constants: of all activations only those that FIRST and LAST name. A driver writes out
    /// every one of them wherever `activate` is called before it drops what is never taken: half a second's work.
    pub fn text_for(&self, constants: &[(Cow<'static, str>, f64)], textures: Textures) -> String {
        let named = constants.iter().filter(|(name, _)| matches!(name.as_ref(), "FIRST" | "LAST"));
        let named: Vec<u32> = named.map(|(_, code)| *code as u32).collect();
        let is_kept = |line: &str| case_of(line).is_none_or(|code| named.contains(&code));
        // What names none may still call one of the functions.
        let is_active =
            named.is_empty() || ACTIVATION.lines().filter_map(case_of).any(|code| named.contains(&code));
        let lines = self.sources_for(textures).flat_map(|source| {
            let source = if source == ACTIVATION && !is_active { NO_ACTIVATION } else { source };
            source.split_inclusive('\n').filter(move |line| source != ACTIVATION || is_kept(line))
        });
        lines.collect()
    }
}

/// Texts that read storage textures, which store f32, and those that read sampled ones in their place. Neither can be a
/// function's parameter on Metal, so what reads a binding is written out for both.
const READS: [(&str, &str); 4] = [
    (include_str!("../../shaders/x_held.wgsl"), include_str!("../../shaders/x_sampled.wgsl")),
    (include_str!("../../shaders/conv_held.wgsl"), include_str!("../../shaders/conv_sampled.wgsl")),
    (
        include_str!("../../shaders/attention_gate_held.wgsl"),
        include_str!("../../shaders/attention_gate_sampled.wgsl"),
    ),
    (
        include_str!("../../shaders/attention_gate_masks_held.wgsl"),
        include_str!("../../shaders/attention_gate_masks_sampled.wgsl"),
    ),
];

/// The text in the place of this one where textures may store f16.
fn sampled(source: &'static str) -> &'static str {
    READS.iter().find(|(held, _)| *held == source).map_or(source, |(_, sampled)| sampled)
}

/// The number of a line that is a whole case of a `switch`.
fn case_of(line: &str) -> Option<u32> {
    line.trim_start().strip_prefix("case ")?.split_once("u:")?.0.parse().ok()
}

/// Size and field offsets of a parameter struct, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParamsLayout {
    pub size: usize,
    pub fields: &'static [(&'static str, usize)],
}

/// Declares a parameter struct once: the Rust type, and the layout that is compared with the shader's.
#[macro_export]
macro_rules! params {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($field:ident: $type:ty),+ $(,)? }) => {
        $(#[$meta])*
        #[repr(C)]
        #[derive(Debug, Clone, Copy, Default, bytemuck::Pod, bytemuck::Zeroable)]
        $vis struct $name { $($vis $field: $type),+ }
        impl $name {
            $vis const LAYOUT: $crate::ops::kernel::ParamsLayout = $crate::ops::kernel::ParamsLayout {
                size: std::mem::size_of::<$name>(),
                fields: &[$((stringify!($field), std::mem::offset_of!($name, $field))),+],
            };
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_activations_that_are_named_are_compiled() {
        let sources = &[ACTIVATION, "\nswitch x {\n    case 9u: { return; }\n}\n"];
        let kernel =
            Kernel { name: "", sources, params: ParamsLayout { size: 0, fields: &[] }, subgroups: false };
        let constants = [("FIRST".into(), 1.0), ("LAST".into(), 4.0), ("SLICES".into(), 5.0)];
        let text = kernel.text_for(&constants, Textures::default());
        let cases: Vec<u32> = text.lines().filter_map(case_of).collect();
        assert_eq!(cases, [1, 4, 9], "the last is no activation");
        let rest = |text: &str| text.lines().filter(|line| case_of(line).is_none()).count();
        assert_eq!(rest(&text), rest(&kernel.text(Textures::default())));
        let none = [("FIRST".into(), 0.0), ("LAST".into(), 0.0)];
        assert!(!kernel.text_for(&none, Textures::default()).contains("switch code"));
        assert!(
            kernel.text_for(&[], Textures::default()).contains("fn sigmoid"),
            "the attention gate calls it by itself"
        );
    }
}
