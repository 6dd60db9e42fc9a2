//! Textures as memory: a texel holds four f32, texel after texel in rows of [`TEXELS_A_ROW`].

use wgpu::{
    Buffer, CommandEncoder, Extent3d, Origin3d, TexelCopyBufferInfo, TexelCopyBufferLayout,
    TexelCopyTextureInfo, Texture, TextureAspect, TextureDescriptor, TextureDimension, TextureFormat,
    TextureUsages,
};

use super::device::Gpu;
use crate::plan::{TEXEL_BYTES, TEXELS_A_ROW, texture_size};

/// A texture for so many bytes.
pub(super) fn texture(gpu: &Gpu, label: &str, bytes: u64, usage: TextureUsages) -> Texture {
    let [width, height] = texture_size(bytes);
    gpu.device.create_texture(&TextureDescriptor {
        label: Some(label),
        size: Extent3d { width, height, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: TextureDimension::D2,
        format: TextureFormat::Rgba32Float,
        usage,
        view_formats: &[],
    })
}

/// The texels of so many bytes from the start of a texture: whole rows, or part of the first.
fn extent(bytes: u64) -> Extent3d {
    let texels = (bytes / TEXEL_BYTES) as u32;
    Extent3d {
        width: texels.min(TEXELS_A_ROW),
        height: texels.div_ceil(TEXELS_A_ROW),
        depth_or_array_layers: 1,
    }
}

fn rows(extent: Extent3d) -> TexelCopyBufferLayout {
    let bytes_per_row = Some(extent.width * TEXEL_BYTES as u32);
    TexelCopyBufferLayout { offset: 0, bytes_per_row, rows_per_image: None }
}

/// From its first texel on.
fn start(texture: &Texture) -> TexelCopyTextureInfo<'_> {
    TexelCopyTextureInfo { texture, mip_level: 0, origin: Origin3d::ZERO, aspect: TextureAspect::All }
}

/// Writes the first texels of a texture.
pub(super) fn write(gpu: &Gpu, texture: &Texture, bytes: &[u8]) {
    let extent = extent(bytes.len() as u64);
    gpu.queue.write_texture(start(texture), bytes, rows(extent), extent);
}

/// Copies whole rows of a texture, as many as there are bytes.
pub(super) fn encode_copy(encoder: &mut CommandEncoder, texture: &Texture, bytes: u64, buffer: &Buffer) {
    let extent = extent(bytes);
    let to = TexelCopyBufferInfo { buffer, layout: rows(extent) };
    encoder.copy_texture_to_buffer(start(texture), to, extent);
}
