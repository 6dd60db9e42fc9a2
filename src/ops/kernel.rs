//! What a compute kernel is to the planner: a name, a WGSL text and the layout of its parameters.

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
    /// The whole WGSL text.
    pub fn text(&self) -> String {
        self.sources.concat()
    }
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
