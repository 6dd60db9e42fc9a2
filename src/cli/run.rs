//! `gyrus run`: raw tensors through any ONNX file.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use gyrus::graph::input_shapes;
use gyrus::graph::network::{Dim, Network, ValueDef};
use gyrus::platform;
use gyrus::tuning::Adapters;
use gyrus::{Error, Model, Session, Tensor, npy};

use super::output::{Column, table, unless_closed};
use super::{Outcome, device, progress};

/// Run an ONNX network on .npy tensors; the outputs become .npy files.
///
/// An output's file is its name with every character outside [A-Za-z0-9_.-] turned into _.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// An .onnx file, a model's folder, or its name in the models folder
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// An input's tensor, once for every input; the name may be left out where there is only one
    #[arg(long, required = true, value_name = "NAME=FILE.npy")]
    input: Vec<PathBuf>,
    /// Where the outputs go; made where it is missing
    #[arg(long, value_name = "DIR")]
    output_dir: PathBuf,
    #[command(flatten)]
    device: device::Wanted,
    /// Do not measure kernels in the background after the first answer, as is done on hardware adapters (see
    /// `gyrus tune`)
    #[arg(long)]
    no_tune: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome> {
    let model = Model::load(&args.model)?;
    let files = output_files(model.network(), &args.output_dir)?;
    let device = args.device.open()?;
    let about = || args.model.display().to_string();
    let mut session = Session::new(&model, &device).with_context(about)?;
    if !args.no_tune {
        session.tune_in_background(Adapters::Hardware);
    }
    let inputs = read_inputs(model.network(), &args.input)?;
    session.notices().iter().for_each(|notice| progress::notice(notice));
    let told = session.notices().len();
    let outputs = session.run(inputs).with_context(about)?;
    session.notices().iter().skip(told).for_each(|notice| progress::notice(notice));
    fs::create_dir_all(&args.output_dir).map_err(|e| {
        let reason = format!("the folder cannot be made ({e})");
        Error::file(&args.output_dir, reason, "give a folder that can be written to")
    })?;
    let mut rows = Vec::new();
    for ((name, tensor), file) in outputs.iter().zip(&files) {
        npy::write(file, tensor)?;
        rows.push(vec![name.clone(), tensor.shape().to_string(), file.display().to_string()]);
    }
    let verified = session.verified();
    print(&rows, session.device_name(), verified.words()).or_else(unless_closed)?;
    Ok(Outcome::AllGood)
}

fn print(rows: &[Vec<String>], device: &str, verified: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "on {device}{verified}")?;
    table(&mut out, &[Column::Left("output"), Column::Left("shape"), Column::Left("file")], rows)?;
    out.flush()
}

/// The file of every output, none of them named twice.
fn output_files(network: &Network, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut owners: HashMap<String, &str> = HashMap::new();
    let mut files = Vec::new();
    for output in &network.outputs {
        let name = file_name(&output.name);
        // Some file systems do not tell A from a.
        let key = if platform::FOLDS_CASE { name.to_lowercase() } else { name.clone() };
        if let Some(other) = owners.insert(key, &output.name) {
            bail!(
                "the outputs '{other}' and '{}' would both be written to {name}; rename one of them in the network",
                output.name
            );
        }
        files.push(folder.join(name));
    }
    Ok(files)
}

fn file_name(output: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let name: String = output.chars().map(|c| if allowed(c) { c } else { '_' }).collect();
    format!("{name}.npy")
}

/// Reads the tensors and holds each against what the network wants, so that errors name the file.
fn read_inputs(network: &Network, given: &[PathBuf]) -> Result<BTreeMap<String, Tensor>> {
    let mut inputs = BTreeMap::new();
    let mut files = BTreeMap::new();
    for argument in given {
        let (input, file) = parse_input(network, argument)?;
        let tensor = npy::read(&file)?;
        if tensor.dtype() != input.dtype {
            let reason = format!("holds {} where the network wants {}", tensor.dtype(), input.dtype);
            return Err(Error::file(&file, reason, "convert it with numpy's astype").into());
        }
        if tensor.shape().elements() == 0 {
            let reason = format!("its shape {} holds no elements", tensor.shape());
            return Err(Error::file(
                &file,
                reason,
                format!("the input '{}' is {}", input.name, wanted(input)),
            )
            .into());
        }
        if inputs.insert(input.name.clone(), tensor).is_some() {
            bail!("the input '{}' is given twice; give it once", input.name);
        }
        files.insert(input.name.clone(), file);
    }
    let missing = network.inputs.iter().find(|i| !inputs.contains_key(&i.name));
    if let Some(input) = missing {
        bail!("the input '{}' ({}) is missing; add --input {0}=FILE.npy", input.name, wanted(input));
    }
    let shapes = inputs.iter().map(|(name, tensor)| (name.clone(), tensor.shape().clone())).collect();
    input_shapes(network, &shapes, 1).map_err(|error| name_file(error, network, &files))?;
    Ok(inputs)
}

fn name_file(error: Error, network: &Network, files: &BTreeMap<String, PathBuf>) -> Error {
    let Error::Tensor { name, reason } = &error else { return error };
    let input = network.inputs.iter().find(|i| i.name == *name);
    match (files.get(name), input) {
        (Some(file), Some(input)) => {
            Error::file(file, reason.clone(), format!("the input '{name}' is {}", wanted(input)))
        }
        _ => error,
    }
}

/// The input that an argument means, and its file: NAME=FILE, or FILE alone for a single input.
fn parse_input<'a>(network: &'a Network, argument: &Path) -> Result<(&'a ValueDef, PathBuf)> {
    let text = argument.to_str().unwrap_or_default();
    let named =
        |input: &&ValueDef| text.strip_prefix(input.name.as_str()).is_some_and(|rest| rest.starts_with('='));
    // Names may hold an equals sign themselves: the longest that fits is meant.
    let meant = network.inputs.iter().filter(named).max_by_key(|input| input.name.len());
    if let Some(input) = meant {
        return Ok((input, PathBuf::from(&text[input.name.len() + 1..])));
    }
    match network.inputs.as_slice() {
        [input] if argument.exists() || !text.contains('=') => Ok((input, argument.to_path_buf())),
        inputs => {
            let names: Vec<&str> = inputs.iter().map(|i| i.name.as_str()).collect();
            bail!(
                "--input {}: names no input of the network; give NAME=FILE.npy with a NAME of: {}",
                argument.display(),
                names.join(", ")
            )
        }
    }
}

/// An input's type and shape in words.
pub fn wanted(input: &ValueDef) -> String {
    let dim = |dim: &Dim| match dim {
        Dim::Fixed(size) => size.to_string(),
        Dim::Named(name) => name.clone(),
        Dim::Unknown => "?".into(),
    };
    let shape = match &input.dims {
        Some(dims) if dims.is_empty() => "scalar".into(),
        Some(dims) => dims.iter().map(dim).collect::<Vec<_>>().join("x"),
        None => "of any shape".into(),
    };
    format!("{} {shape}", input.dtype)
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn names_become_file_names() {
        let names = ["probs", "a/b:0", "../x", "é", "", "A.b-c_9"].map(file_name);
        assert_eq!(names, ["probs.npy", "a_b_0.npy", ".._x.npy", "_.npy", ".npy", "A.b-c_9.npy"]);
    }
}
