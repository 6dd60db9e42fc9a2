//! A model that was loaded: its network, and its card where it has one.

use std::path::Path;
use std::sync::Arc;

use super::card::{Card, Task};
use super::folder::{ModelSource, find_model, models_folder};
use crate::error::{Error, Result};
use crate::graph;
use crate::graph::network::{Dim, Network};
use crate::onnx::{self, OnnxFile};

/// A network with its card, checked against each other.
///
/// ```no_run
/// let model = gyrus::Model::load("weights/alzheimer".as_ref())?;
/// println!("{} parameters", model.network().parameters());
/// # Ok::<(), gyrus::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Model {
    /// The card's name, or the file's where there is no card.
    pub name: String,
    pub card: Option<Arc<Card>>,
    pub(crate) file: Arc<OnnxFile>,
}

impl Model {
    /// Loads a folder with a card, the name of a model in the models folder, or an ONNX file.
    ///
    /// # Errors
    /// No such model; a card that is broken or disagrees with its ONNX file; a damaged ONNX file. That a
    /// network holds unsupported nodes is no error yet: see [`Model::unsupported`].
    pub fn load(model: &Path) -> Result<Model> {
        Model::from_source(find_model(&model.to_string_lossy(), &models_folder())?)
    }

    fn from_source(source: ModelSource) -> Result<Model> {
        let path = source.onnx_path()?;
        match source {
            ModelSource::Bare(path) => {
                let name = path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
                Ok(Model { name, card: None, file: Arc::new(onnx::read(&path)?) })
            }
            ModelSource::Carded(card) => {
                card.check_model_file()?;
                let file = onnx::read(&path)?;
                check(&card, &file.network)?;
                Ok(Model { name: card.name.clone(), card: Some(Arc::from(card)), file: Arc::new(file) })
            }
        }
    }

    pub fn network(&self) -> &Network {
        &self.file.network
    }

    /// Every node that Gyrus cannot run, with the reason.
    pub fn unsupported(&self) -> Vec<crate::error::UnsupportedNode> {
        graph::unsupported(self.network())
    }
}

/// Holds the card's names and sizes against the network's.
fn check(card: &Card, network: &Network) -> Result<()> {
    let fault = |reason: String| Error::file(&card.path, reason, "correct the card or the ONNX file");
    let Some(model) = &card.model else { return Ok(()) };
    let input = match network.inputs.as_slice() {
        [input] if input.name == model.input => input,
        inputs => {
            let names: Vec<&str> = inputs.iter().map(|i| i.name.as_str()).collect();
            let names = names.join(", ");
            return Err(fault(format!("names the input '{}', the network has: {names}", model.input)));
        }
    };
    for output in [Some(&model.output), model.features.as_ref()].into_iter().flatten() {
        if !network.outputs.iter().any(|o| o.name == *output) {
            return Err(fault(format!("names the output '{output}', which the network does not have")));
        }
    }
    let wanted = card.input.shape(1);
    let dims = input.dims.as_deref().unwrap_or_default();
    let agrees = dims.len() == wanted.len()
        && dims.iter().zip(wanted).skip(1).all(|(dim, want)| !matches!(dim, Dim::Fixed(d) if *d != want));
    if !agrees {
        return Err(fault(format!("prepares an input of {wanted:?}, the network wants another shape")));
    }
    let output = network.outputs.iter().find(|o| o.name == model.output).and_then(|o| o.dims.as_deref());
    output.map_or(Ok(()), |dims| check_output(card, dims)).map_err(fault)
}

/// The reason why the output's dimensions are not what the card's task needs.
fn check_output(card: &Card, dims: &[Dim]) -> std::result::Result<(), String> {
    let labels = card.labels().len();
    let (wanted, meaning) = match card.task {
        Task::Classification => (vec![labels], format!("has {labels} labels")),
        Task::Segmentation => {
            (vec![1, card.input.height, card.input.width], "makes one mask of the input's size".to_string())
        }
    };
    // The batch size is nobody's business here.
    let last = dims.iter().skip(1).rev().zip(wanted.iter().rev());
    match last.into_iter().find(|(dim, want)| matches!(dim, Dim::Fixed(d) if d != *want)) {
        Some((Dim::Fixed(size), want)) => {
            Err(format!("{meaning}, the network's output has {size} where {want} is due"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_of_the_inputs_size() -> Result<()> {
        let text = "name = \"t\"\nversion = 1\ntitle = \"T\"\ntask = \"segmentation\"\n\
            [input]\nchannels = \"grey\"\nheight = 6\nwidth = 8\nfit = \"pad\"\nintensity = \"unit\"\n\
            [output]\nactivation = \"none\"\nlabels = [\"a\"]\nthreshold = 0.5\n";
        let card = Card::parse(Path::new("card.toml"), text)?;
        let fixed = |dims: &[usize]| dims.iter().map(|&d| Dim::Fixed(d)).collect::<Vec<_>>();
        assert_eq!(check_output(&card, &fixed(&[1, 1, 6, 8])), Ok(()));
        assert_eq!(check_output(&card, &[Dim::Unknown, Dim::Fixed(1), Dim::Unknown, Dim::Unknown]), Ok(()));
        let cases = [([1, 1, 8, 6], "6 where 8"), ([1, 1, 3, 8], "3 where 6"), ([1, 2, 6, 8], "2 where 1")];
        for (wrong, said) in cases {
            let reason = check_output(&card, &fixed(&wrong)).expect_err("another size");
            assert!(reason.contains("one mask of the input's size") && reason.contains(said), "{reason}");
        }
        Ok(())
    }
}
