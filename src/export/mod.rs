//! Plans with all that a player elsewhere needs: as JSON, with the texts of their kernels and their numbers beside them.
//!
//! `web/gpu/player.js` plays them through WebGPU, so what is written here and what it reads go together.

mod known;
mod web;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::ops::kernels;
use crate::plan::{Plan, Step};
pub use web::write_site;

/// What plays plans in a browser, by where it lies in the exported folder.
pub const PLAYER: &[(&str, &str)] = &[
    ("gpu/device.js", include_str!("../../web/gpu/device.js")),
    ("gpu/faults.js", include_str!("../../web/gpu/faults.js")),
    ("gpu/memory.js", include_str!("../../web/gpu/memory.js")),
    ("gpu/pipelines.js", include_str!("../../web/gpu/pipelines.js")),
    ("gpu/player.js", include_str!("../../web/gpu/player.js")),
    ("gpu/poison.js", include_str!("../../web/gpu/poison.js")),
    ("gpu/readback.js", include_str!("../../web/gpu/readback.js")),
    ("gpu/texels.js", include_str!("../../web/gpu/texels.js")),
];

/// A folder that is being written.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    /// The names of shaders by their texts.
    shaders: HashMap<String, String>,
}

/// Numbers that lie in a file of little-endian f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Span {
    /// The first one's place.
    pub start: usize,
    pub count: usize,
}

/// A file of little-endian f32, in which equal lists lie once.
#[derive(Debug, Default)]
pub struct Numbers {
    bytes: Vec<u8>,
    known: HashMap<[u8; 32], Span>,
}

impl Numbers {
    /// Where these numbers lie.
    pub fn add(&mut self, numbers: &[f32]) -> Span {
        let new: &[u8] = bytemuck::cast_slice(numbers);
        let span = Span { start: self.bytes.len() / 4, count: numbers.len() };
        let known = self.known.entry(Sha256::digest(new).into()).or_insert(span);
        if *known == span {
            // What has no length may be known to begin here, and adds nothing.
            self.bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        }
        *known
    }

    /// The file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Folder {
    /// A folder that is not there yet, or is empty.
    ///
    /// # Errors
    /// A folder that holds something, or cannot be made.
    pub fn create(root: &Path) -> Result<Folder> {
        let unwritable =
            |e: std::io::Error| Error::file(root, format!("cannot be made ({e})"), "name another folder");
        fs::create_dir_all(root).map_err(unwritable)?;
        if fs::read_dir(root).map_err(unwritable)?.next().is_some() {
            return Err(Error::file(
                root,
                "is not empty, and nothing in it is overwritten",
                "name a new folder",
            ));
        }
        Ok(Folder { root: root.to_path_buf(), shaders: HashMap::new() })
    }

    /// Writes a file; its name may hold folders.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> Result<()> {
        let path = self.root.join(name);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, bytes));
        written.map_err(|e| Error::file(&path, format!("cannot be written ({e})"), "name another folder"))
    }

    /// Writes numbers to a file whose name tells what is in it, so that no cache hands out those of another export.
    /// Returns all by which whoever fetches it knows that it has come whole.
    ///
    /// # Errors
    /// As [`Folder::write`].
    pub fn numbers(&self, stem: &str, numbers: &Numbers) -> Result<Value> {
        let sha256 = sha256(numbers.bytes());
        let file = format!("{stem}-{}.bin", first(16, &sha256));
        self.write(&file, numbers.bytes())?;
        Ok(json!({ "file": file, "bytes": numbers.bytes().len(), "sha256": sha256 }))
    }

    /// Writes files that are part of the program.
    ///
    /// # Errors
    /// As [`Folder::write`].
    pub fn write_all(&self, files: &[(&str, &str)]) -> Result<()> {
        files.iter().try_for_each(|(name, text)| self.write(name, text))
    }

    /// The plan as JSON, each step with the name of its kernel's text under `shaders/` and whether that needs subgroups.
    ///
    /// # Errors
    /// As [`Folder::write`]; a kernel that there is not.
    pub fn plan(&mut self, plan: &Plan) -> Result<Value> {
        let mut value = json!(plan);
        let steps = value.get_mut("steps").and_then(Value::as_array_mut);
        for (step, written) in plan.steps.iter().zip(steps.into_iter().flatten()) {
            let (shader, subgroups) = self.shader(step)?;
            written["shader"] = shader.into();
            written["subgroups"] = subgroups.into();
        }
        Ok(value)
    }

    fn shader(&mut self, step: &Step) -> Result<(String, bool)> {
        let unknown = || Error::Graph(format!("the plan names an unknown kernel '{}'", step.kernel));
        let kernel = kernels().find(|kernel| kernel.name == step.kernel).ok_or_else(unknown)?;
        let text = kernel.text_for(&step.constants, step.textures());
        if let Some(name) = self.shaders.get(&text) {
            return Ok((name.clone(), kernel.subgroups));
        }
        let name = format!("{}-{}", kernel.name, first(8, &sha256(text.as_bytes())));
        self.write(&format!("shaders/{name}.wgsl"), &text)?;
        self.shaders.insert(text, name.clone());
        Ok((name, kernel.subgroups))
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn first(letters: usize, text: &str) -> String {
    text.chars().take(letters).collect()
}

/// Where the weights of a plan lie among these numbers, in its order.
pub fn weights(plan: &Plan, numbers: &mut Numbers) -> Vec<Span> {
    plan.weights.iter().map(|weights| numbers.add(&weights.data)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_lie_once() {
        let mut numbers = Numbers::default();
        let spans = [&[1.0, 2.0][..], &[], &[3.0], &[1.0, 2.0], &[]].map(|list| numbers.add(list));
        let expected = [(0, 2), (2, 0), (2, 1), (0, 2), (2, 0)].map(|(start, count)| Span { start, count });
        assert_eq!(spans, expected);
        assert_eq!(numbers.bytes(), bytemuck::cast_slice::<f32, u8>(&[1.0, 2.0, 3.0]));
    }

    #[test]
    fn the_name_of_numbers_tells_what_they_are() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::create(root.path()).unwrap();
        let mut numbers = Numbers::default();
        numbers.add(&[1.0]);
        let one = folder.numbers("few", &numbers).unwrap();
        let sha256 = "e00e5eb9444182f352323374ef4e08ebcb784725fdd4fd612d7730540b3e0c8c";
        assert_eq!(one, json!({ "file": "few-e00e5eb9444182f3.bin", "bytes": 4, "sha256": sha256 }));
        numbers.add(&[2.0]);
        assert_ne!(one["file"], folder.numbers("few", &numbers).unwrap()["file"]);
    }

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let written = Folder::create(&folder.path().join("new")).unwrap();
        written.write("a/b.txt", "text").unwrap();
        let refused = Folder::create(&folder.path().join("new")).unwrap_err().to_string();
        assert!(refused.contains("is not empty"), "{refused}");
    }
}
