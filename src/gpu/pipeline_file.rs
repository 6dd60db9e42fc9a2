//! What the driver made of the kernels, kept from one start to the next where the backend gives it away: Vulkan does. Most
//! desktop drivers keep their own; then this costs little and brings nothing.
//!
//! A file that is missing, damaged or another driver's costs a start its time, and is written anew.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use sha2::{Digest, Sha256};
use wgpu::{AdapterInfo, Device, Features, PipelineCache, PipelineCacheDescriptor};

use crate::error::{Error, Result};
use crate::part_file::PartFile;
use crate::tuning::cache_folder;

/// The largest file that is read; the kernels of a network take a few hundred KiB.
const MAX_BYTES: u64 = 64 << 20;

/// Length of a file's first part, the SHA-256 of the rest.
const SEAL_BYTES: usize = 32;

/// The pipelines of one device, and where they are kept.
#[derive(Debug)]
pub(super) struct PipelineFile {
    cache: PipelineCache,
    path: PathBuf,
    /// Whether anything was compiled with it.
    used: AtomicBool,
}

impl PipelineFile {
    /// What is kept for this device; `None` where the backend or the system has no place for it.
    pub fn open(device: &Device, adapter: &AdapterInfo) -> Option<PipelineFile> {
        if !device.features().contains(Features::PIPELINE_CACHE) {
            return None;
        }
        let name = wgpu::util::pipeline_cache_key(adapter)?;
        let path = cache_folder()?.join("pipelines").join(format!("{name}-{}", env!("CARGO_PKG_VERSION")));
        let data = read(&path);
        let descriptor =
            PipelineCacheDescriptor { label: Some("gyrus"), data: data.as_deref(), fallback: true };
        // SAFETY: the data must be what `PipelineCache::get_data` returned. Only `drop` writes such files, into the user's
        // own cache folder, sealed with their SHA-256, which `read` holds them to. wgpu itself refuses those of another
        // adapter, driver or version.
        let cache = unsafe { device.create_pipeline_cache(&descriptor) };
        Some(PipelineFile { cache, path, used: AtomicBool::new(false) })
    }

    /// For the driver to look in, and to add to.
    pub fn cache(&self) -> &PipelineCache {
        self.used.store(true, Ordering::Relaxed);
        &self.cache
    }
}

impl Drop for PipelineFile {
    /// Writes what there is by now. That it cannot be written costs later starts their time and nothing else.
    fn drop(&mut self) {
        if !self.used.load(Ordering::Relaxed) {
            return;
        }
        let Some(data) = self.cache.get_data().filter(|data| data.len() as u64 <= MAX_BYTES) else { return };
        if let Err(error) = write(&self.path, &data) {
            tracing::debug!(%error, "compiled kernels are not kept");
        }
    }
}

/// A file's content; `None` where there is none, or not as it was written.
fn read(path: &Path) -> Option<Vec<u8>> {
    let length = fs::metadata(path).ok()?.len();
    if length > MAX_BYTES + SEAL_BYTES as u64 {
        return None;
    }
    let mut bytes = fs::read(path).ok()?;
    let data = bytes.split_off(SEAL_BYTES.min(bytes.len()));
    let is_whole = Sha256::digest(&data).as_slice() == bytes;
    if !is_whole {
        tracing::debug!("compiled kernels on disk are damaged, and are ignored");
    }
    is_whole.then_some(data)
}

fn write(path: &Path, data: &[u8]) -> Result<()> {
    let unwritable =
        |e: std::io::Error| Error::file(path, format!("cannot be written ({e})"), "check the cache folder");
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(unwritable)?;
    }
    let (part, mut file) = PartFile::create(path)?;
    file.write_all(Sha256::digest(data).as_slice()).map_err(unwritable)?;
    file.write_all(data).map_err(unwritable)?;
    drop(file);
    part.keep()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_written_is_read() {
        let folder = std::env::temp_dir().join(format!("gyrus-pipelines-{}", std::process::id()));
        let path = folder.join("pipelines/some");
        assert_eq!(read(&path), None);
        write(&path, b"compiled").unwrap();
        assert_eq!(read(&path).as_deref(), Some(&b"compiled"[..]));
        write(&path, b"").unwrap();
        assert_eq!(read(&path).as_deref(), Some(&b""[..]));
        write(&path, b"compiled").unwrap();
        let whole = fs::read(&path).unwrap();
        for damaged in [&whole[..0], &whole[..20], &whole[..32], &whole[..39]] {
            fs::write(&path, damaged).unwrap();
            assert_eq!(read(&path), None, "{} bytes", damaged.len());
        }
        for at in [0, 31, 32, 39] {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            fs::write(&path, flipped).unwrap();
            assert_eq!(read(&path), None, "byte {at}");
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
