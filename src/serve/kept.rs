//! Files of requests that lie on disc while readers want them there.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

/// Where all of them lie, so that none is left when the process ends before its requests do.
#[derive(Clone, Default)]
pub struct Kept(Arc<Mutex<BTreeSet<PathBuf>>>);

/// A folder that only this user can look into, removed when it is dropped.
pub struct Folder {
    own: TempDir,
    all: Kept,
}

impl Kept {
    /// A folder among the system's temporary files.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn folder(&self) -> io::Result<Folder> {
        let own = tempfile::tempdir()?;
        self.paths().insert(own.path().to_path_buf());
        Ok(Folder { own, all: self.clone() })
    }

    /// Removes what is left.
    pub fn clear(&self) {
        let left = std::mem::take(&mut *self.paths());
        for path in left {
            // Where it lies is nobody's business.
            if let Err(error) = std::fs::remove_dir_all(path) {
                tracing::warn!(kind = %error.kind(), "a temporary folder is left");
            }
        }
    }

    fn paths(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Folder {
    pub fn path(&self) -> &Path {
        self.own.path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.all.paths().remove(self.own.path());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_go_with_their_readers_or_with_the_process() {
        let kept = Kept::default();
        let [one, two] = [(); 2].map(|()| kept.folder().expect("a folder"));
        let paths = [&one, &two].map(|folder| folder.path().to_path_buf());
        std::fs::write(paths[1].join("scan"), b"a scan").expect("a file");
        drop(one);
        assert_eq!(paths.each_ref().map(|path| path.exists()), [false, true]);
        kept.clear();
        assert!(!paths[1].exists());
        drop(two);
    }
}
