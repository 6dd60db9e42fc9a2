//! `gyrus models`: the models of the models folder.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use gyrus::model::{Card, Listed, Task, list_models, models_folder};
use serde::Serialize;

use super::Outcome;
use super::output::{Format, json_line, unless_closed};

/// List the models of the models folder, broken ones with what is wrong with them.
///
/// The folder is GYRUS_MODELS where it is set, else weights/ in the current directory, beside the
/// executable, or in the source tree.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The models folder
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    /// The form of the list; json is one object a line
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// One model, as it is printed.
#[derive(Debug, Serialize)]
struct Entry {
    name: String,
    title: Option<String>,
    version: Option<u32>,
    task: Option<Task>,
    labels: Vec<String>,
    licence: Option<String>,
    /// The card is right and the model's file is the one that it names.
    usable: bool,
    /// What is wrong, where something is.
    error: Option<String>,
}

/// Runs the command: exit 1 when a model is broken, 2 when there are none.
pub fn run(args: &Args) -> Result<Outcome> {
    let folder = args.models.clone().unwrap_or_else(models_folder);
    let entries: Vec<Entry> = list_models(&folder)?.into_iter().map(entry).collect();
    print(&entries, args.format).or_else(unless_closed)?;
    if entries.is_empty() {
        anyhow::bail!(
            "{}: the folder holds no model; a model is a folder with a card.toml",
            folder.display()
        );
    }
    Ok(if entries.iter().all(|e| e.usable) { Outcome::AllGood } else { Outcome::SomeFailed })
}

fn entry(listed: Listed) -> Entry {
    match listed.card {
        Ok(card) => {
            let error = card.check_model_file().err().map(|e| e.to_string());
            described(listed.name, &card, error)
        }
        Err(e) => Entry {
            name: listed.name,
            title: None,
            version: None,
            task: None,
            labels: Vec::new(),
            licence: None,
            usable: false,
            error: Some(e.to_string()),
        },
    }
}

fn described(name: String, card: &Card, error: Option<String>) -> Entry {
    Entry {
        name,
        title: Some(card.title.clone()),
        version: Some(card.version),
        task: Some(card.task),
        labels: card.labels().to_vec(),
        licence: card.usage.as_ref().map(|u| u.licence.clone()),
        usable: error.is_none(),
        error,
    }
}

fn print(entries: &[Entry], format: Format) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for entry in entries {
        match format {
            Format::Json => json_line(&mut out, entry)?,
            Format::Table => print_entry(&mut out, entry)?,
        }
    }
    out.flush()
}

/// A block of lines a model: the labels and licences are too long for columns.
fn print_entry(out: &mut impl Write, entry: &Entry) -> io::Result<()> {
    let title = entry.title.as_deref().unwrap_or("(card cannot be read)");
    let version = entry.version.map(|v| format!(" v{v}")).unwrap_or_default();
    writeln!(out, "{}{version}  {title}", entry.name)?;
    if !entry.labels.is_empty() {
        writeln!(out, "    labels   {}", entry.labels.join(", "))?;
    }
    if let Some(licence) = &entry.licence {
        writeln!(out, "    licence  {licence}")?;
    }
    match &entry.error {
        Some(error) => writeln!(out, "    broken   {error}"),
        None => writeln!(out, "    checked  card and model file agree"),
    }
}
