//! Textures as memory: a texel holds four f32, texel after texel in rows of [`TEXELS_A_ROW`].

use wgpu::{
    Buffer, CommandEncoder, Extent3d, Origin3d, TexelCopyBufferInfo, TexelCopyBufferLayout,
    TexelCopyTextureInfo, Texture, TextureAspect, TextureDescriptor, TextureDimension, TextureFormat,
    TextureUsages,
};

use super::device::Gpu;
use crate::plan::{TEXEL_BYTES, TEXELS_A_ROW};

/// A texture of so many bytes: whole rows, or part of a single one.
pub(super) fn texture(gpu: &Gpu, label: &str, bytes: u64, usage: TextureUsages) -> Texture {
    gpu.device.create_texture(&TextureDescriptor {
        label: Some(label),
        size: extent(bytes),
        mip_level_count: 1,
        sample_count: 1,
        dimension: TextureDimension::D2,
        format: TextureFormat::Rgba32Float,
        usage,
        view_formats: &[],
    })
}

fn extent(bytes: u64) -> Extent3d {
    // No texture has more texels than 32 bits count.
    let texels = (bytes / TEXEL_BYTES).max(1) as u32;
    Extent3d {
        width: texels.min(TEXELS_A_ROW),
        height: texels.div_ceil(TEXELS_A_ROW),
        depth_or_array_layers: 1,
    }
}

fn rows(texture: &Texture) -> TexelCopyBufferLayout {
    let bytes_per_row = Some(texture.width() * TEXEL_BYTES as u32);
    TexelCopyBufferLayout { offset: 0, bytes_per_row, rows_per_image: None }
}

fn all(texture: &Texture) -> TexelCopyTextureInfo<'_> {
    TexelCopyTextureInfo { texture, mip_level: 0, origin: Origin3d::ZERO, aspect: TextureAspect::All }
}

/// Writes all of a texture.
pub(super) fn write(gpu: &Gpu, texture: &Texture, bytes: &[u8]) {
    gpu.queue.write_texture(all(texture), bytes, rows(texture), texture.size());
}

/// Copies all of a texture that has whole rows.
pub(super) fn encode_copy(encoder: &mut CommandEncoder, texture: &Texture, buffer: &Buffer) {
    let to = TexelCopyBufferInfo { buffer, layout: rows(texture) };
    encoder.copy_texture_to_buffer(all(texture), to, texture.size());
}
