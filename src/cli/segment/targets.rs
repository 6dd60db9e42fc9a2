//! Where the files of each answer go.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use gyrus::Error;
use gyrus::error::Result;
use gyrus::imaging::{Found, RESULT_SUFFIXES};

use super::Args;

/// The target of every file, or why it cannot have one.
pub struct Targets {
    of_file: Vec<Result<Target>>,
}

/// `<out>/<folder within the given one>/<stem>`, to which the endings are added.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    base: PathBuf,
}

impl Target {
    pub fn mask(&self) -> PathBuf {
        self.with(RESULT_SUFFIXES[0])
    }

    pub fn overlay(&self) -> PathBuf {
        self.with(RESULT_SUFFIXES[1])
    }

    pub fn probabilities(&self) -> PathBuf {
        self.with(RESULT_SUFFIXES[2])
    }

    fn with(&self, suffix: &str) -> PathBuf {
        let mut name = OsString::from(self.base.as_os_str());
        name.push(suffix);
        name.push(".png");
        PathBuf::from(name)
    }

    fn of(out: &Path, file: &Path, root: Option<&PathBuf>) -> Target {
        let folder = root.and_then(|root| file.parent()?.strip_prefix(root).ok()).unwrap_or(Path::new(""));
        Target { base: out.join(folder).join(file.file_stem().unwrap_or_default()) }
    }
}

impl Targets {
    /// Finds out before any work is done what cannot be written: files that exist, and two answers of one
    /// name.
    pub fn new(args: &Args, found: &Found) -> Targets {
        let mut taken: HashMap<Target, &Path> = HashMap::new();
        let mut of_file = Vec::with_capacity(found.files.len());
        for (file, root) in found.files.iter().zip(&found.roots) {
            let target = Target::of(&args.out, file, root.as_ref());
            let before = taken.get(&target).copied();
            taken.entry(target.clone()).or_insert(file);
            of_file.push(match before {
                Some(other) => Err(Error::file(
                    file,
                    format!("its mask would take the name of that of {}", other.display()),
                    "segment them with different --out, or give the folder above both",
                )),
                None => free(args, target),
            });
        }
        Targets { of_file }
    }

    /// # Errors
    /// When the answer cannot be written.
    pub fn of(&self, file: usize) -> Result<Target> {
        let missing = || Err(Error::tensor("output", "belongs to no file"));
        self.of_file.get(file).cloned().unwrap_or_else(missing)
    }
}

fn free(args: &Args, target: Target) -> Result<Target> {
    let wanted = [
        Some(target.mask()),
        args.overlay.then(|| target.overlay()),
        args.probabilities.then(|| target.probabilities()),
    ];
    match wanted.into_iter().flatten().find(|path| path.symlink_metadata().is_ok()) {
        Some(path) if !args.force => {
            Err(Error::file(&path, "exists already", "write over it with --force, or give another --out"))
        }
        _ => Ok(target),
    }
}
