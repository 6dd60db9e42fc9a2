//! Textures as memory: a texel holds four numbers, texel after texel in rows of [`TEXELS_A_ROW`].

use std::borrow::Cow;

use half::f16;
use wgpu::{
    Buffer, CommandEncoder, Extent3d, Origin3d, TexelCopyBufferInfo, TexelCopyBufferLayout,
    TexelCopyTextureInfo, Texture, TextureAspect, TextureDescriptor, TextureDimension, TextureFormat,
    TextureUsages,
};

use super::device::Gpu;
use crate::plan::{Precision, TEXELS_A_ROW, texture_size};

/// The format of textures that store numbers so. Every WebGPU device reads and writes both.
pub(super) fn format(precision: Precision) -> TextureFormat {
    match precision {
        Precision::F32 => TextureFormat::Rgba32Float,
        Precision::F16 => TextureFormat::Rgba16Float,
    }
}

/// What a texture of this format stores.
fn precision(texture: &Texture) -> Precision {
    if texture.format() == TextureFormat::Rgba16Float { Precision::F16 } else { Precision::F32 }
}

/// A texture for so many bytes.
pub(super) fn texture(
    gpu: &Gpu,
    label: &str,
    bytes: u64,
    precision: Precision,
    usage: TextureUsages,
) -> Texture {
    let [width, height] = texture_size(bytes, precision);
    gpu.device.create_texture(&TextureDescriptor {
        label: Some(label),
        size: Extent3d { width, height, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: TextureDimension::D2,
        format: format(precision),
        usage,
        view_formats: &[],
    })
}

/// Numbers as a texture stores them.
pub(super) fn stored(numbers: &[f32], precision: Precision) -> Cow<'_, [u8]> {
    match precision {
        Precision::F32 => Cow::Borrowed(bytemuck::cast_slice(numbers)),
        Precision::F16 => numbers.iter().flat_map(|&v| f16::from_f32(v).to_le_bytes()).collect(),
    }
}

/// The texels of so many bytes from the start of a texture: whole rows, or part of the first.
fn extent(texture: &Texture, bytes: u64) -> Extent3d {
    let texels = (bytes / precision(texture).texel_bytes()) as u32;
    Extent3d {
        width: texels.min(TEXELS_A_ROW),
        height: texels.div_ceil(TEXELS_A_ROW),
        depth_or_array_layers: 1,
    }
}

fn rows(texture: &Texture, extent: Extent3d) -> TexelCopyBufferLayout {
    let bytes_per_row = Some(extent.width * precision(texture).texel_bytes() as u32);
    TexelCopyBufferLayout { offset: 0, bytes_per_row, rows_per_image: None }
}

/// From its first texel on.
fn start(texture: &Texture) -> TexelCopyTextureInfo<'_> {
    TexelCopyTextureInfo { texture, mip_level: 0, origin: Origin3d::ZERO, aspect: TextureAspect::All }
}

/// Writes the first texels of a texture.
pub(super) fn write(gpu: &Gpu, texture: &Texture, bytes: &[u8]) {
    let extent = extent(texture, bytes.len() as u64);
    gpu.queue.write_texture(start(texture), bytes, rows(texture, extent), extent);
}

/// Copies whole rows of a texture, as many as there are bytes.
pub(super) fn encode_copy(encoder: &mut CommandEncoder, texture: &Texture, bytes: u64, buffer: &Buffer) {
    let extent = extent(texture, bytes);
    let to = TexelCopyBufferInfo { buffer, layout: rows(texture, extent) };
    encoder.copy_texture_to_buffer(start(texture), to, extent);
}
