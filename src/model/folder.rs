//! Where models are: the models folder, and what a MODEL on the command line means.

use std::path::{Path, PathBuf};

use super::card::{CARD_FILE, Card};
use crate::error::{Error, Result};

/// The environment variable that names the models folder.
pub const MODELS_VARIABLE: &str = "GYRUS_MODELS";

/// A model that was found.
#[derive(Debug, Clone)]
pub enum ModelSource {
    /// A network with its card.
    Carded(Box<Card>),
    /// An ONNX file alone: it can be run, but not interpreted.
    Bare(PathBuf),
}

impl ModelSource {
    /// The path of the ONNX file.
    ///
    /// # Errors
    /// When the card has no model.
    pub fn onnx_path(&self) -> Result<PathBuf> {
        match self {
            ModelSource::Bare(path) => Ok(path.clone()),
            ModelSource::Carded(card) => card
                .model_path()
                .ok_or_else(|| Error::file(&card.path, "the card has no [model]", "give a model's folder")),
        }
    }
}

/// A folder of the models folder that holds a card, good or broken.
#[derive(Debug)]
pub struct Listed {
    /// The folder's name, by which the model is called.
    pub name: String,
    pub folder: PathBuf,
    pub card: Result<Card>,
}

/// The models folder: `GYRUS_MODELS` where it is set, else `weights/` in the current directory, beside
/// the executable, or in the source tree that Gyrus was built from, whichever is there first.
pub fn models_folder() -> PathBuf {
    if let Some(folder) = std::env::var_os(MODELS_VARIABLE).filter(|v| !v.is_empty()) {
        return PathBuf::from(folder);
    }
    let here = PathBuf::from("weights");
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join("weights")));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("weights");
    let mut places = [Some(here.clone()), beside, Some(source)].into_iter().flatten();
    places.find(|p| p.is_dir()).unwrap_or(here)
}

/// The models of a models folder, sorted by name; folders without a card are no models.
///
/// # Errors
/// When the folder cannot be read.
pub fn list_models(folder: &Path) -> Result<Vec<Listed>> {
    let unreadable = |e: std::io::Error| {
        let remedy = format!("set {MODELS_VARIABLE} to a folder of models");
        Error::file(folder, format!("the models folder cannot be read ({e})"), remedy)
    };
    let mut models = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if !path.join(CARD_FILE).is_file() {
            continue;
        }
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        models.push(Listed { name, card: Card::load(&path), folder: path });
    }
    models.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(models)
}

/// The model that `model` means: a folder with a card, an `.onnx` file, or a name under `folder`.
///
/// # Errors
/// When there is no such model (the known ones are listed), or its card is wrong.
pub fn find_model(model: &str, folder: &Path) -> Result<ModelSource> {
    let path = Path::new(model);
    if path.is_dir() {
        return Card::load(path).map(|card| ModelSource::Carded(Box::new(card)));
    }
    if path.is_file() {
        let is_card = path.extension().is_some_and(|e| e == "toml");
        return match is_card {
            true => Card::load(path).map(|card| ModelSource::Carded(Box::new(card))),
            false => Ok(ModelSource::Bare(path.to_path_buf())),
        };
    }
    let named = folder.join(model);
    // A name must not lead out of the models folder.
    if path.components().count() == 1 && named.join(CARD_FILE).is_file() {
        return Card::load(&named).map(|card| ModelSource::Carded(Box::new(card)));
    }
    Err(unknown(model, folder))
}

fn unknown(model: &str, folder: &Path) -> Error {
    let known: Vec<String> =
        list_models(folder).map(|all| all.into_iter().map(|m| m.name).collect()).unwrap_or_default();
    let remedy = if known.is_empty() {
        format!("there are no models in {}; give a model's folder or an .onnx file", folder.display())
    } else {
        format!("known models: {}; a model's folder or an .onnx file will do too", known.join(", "))
    };
    Error::file(Path::new(model), "no such model", remedy)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const CARD: &str = "name = \"a\"\nversion = 1\ntitle = \"A\"\ntask = \"classification\"\n\
        [input]\nchannels = \"grey\"\nheight = 4\nwidth = 4\nfit = \"pad\"\nintensity = \"unit\"\n";

    fn folder() -> std::io::Result<tempfile::TempDir> {
        let folder = tempfile::tempdir()?;
        for (name, text) in [("good", CARD), ("broken", "name = 1")] {
            fs::create_dir(folder.path().join(name))?;
            fs::write(folder.path().join(name).join(CARD_FILE), text)?;
        }
        fs::create_dir(folder.path().join("empty"))?;
        fs::write(folder.path().join("net.onnx"), "x")?;
        Ok(folder)
    }

    #[test]
    fn broken_cards_are_listed_too() {
        let folder = folder().expect("a folder");
        let models = list_models(folder.path()).expect("a listing");
        let listed: Vec<(&str, bool)> = models.iter().map(|m| (m.name.as_str(), m.card.is_ok())).collect();
        assert_eq!(listed, [("broken", false), ("good", true)]);
    }

    #[test]
    fn a_model_is_a_name_a_folder_or_a_file() {
        let folder = folder().expect("a folder");
        let by_path = folder.path().join("good").display().to_string();
        for model in ["good", &by_path] {
            let found = find_model(model, folder.path());
            assert!(matches!(found, Ok(ModelSource::Carded(_))), "{model}: {found:?}");
        }
        let onnx = folder.path().join("net.onnx").display().to_string();
        assert!(matches!(find_model(&onnx, folder.path()), Ok(ModelSource::Bare(_))));
        assert!(find_model("broken", folder.path()).is_err());
    }

    #[test]
    fn an_unknown_model_lists_the_known_ones() {
        let folder = folder().expect("a folder");
        for model in ["none", "../good", "empty", ""] {
            let error = find_model(model, folder.path()).expect_err(model).to_string();
            assert!(error.contains("broken, good"), "{model}: {error}");
        }
        let error = find_model("x", Path::new("/nowhere")).expect_err("no folder").to_string();
        assert!(error.contains("no models in /nowhere"), "{error}");
    }
}
