//! `gyrus devices`: what `--device` can take on this machine.

use std::io::{self, Write};

use anyhow::Result;
use gyrus::gpu::{Adapter, adapters};
use gyrus::plan::DeviceClass;
use serde::Serialize;

use super::Outcome;
use super::output::{Column, Format, bytes, json_line, table, unless_closed};

/// List the devices that --device takes; the one that auto means is marked.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// json is one object a line
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// One device, as it is printed. The CPU engine is no adapter: what only adapters have is null.
#[derive(Debug, Serialize)]
struct Entry {
    /// What `--device` takes: a number, or `cpu`.
    device: String,
    name: String,
    /// `discrete`, `integrated`, `software` or `cpu`.
    class: String,
    /// Whether `--device auto` means this one.
    auto: bool,
    backend: Option<String>,
    driver: Option<String>,
    subgroup: Option<u32>,
    f16: Option<bool>,
    timestamps: Option<bool>,
    max_binding_bytes: Option<u64>,
    max_buffer_bytes: Option<u64>,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome> {
    let adapters = adapters();
    let auto = adapters.iter().position(|a| a.class != DeviceClass::Software);
    let gpus = adapters.into_iter().enumerate().map(|(i, adapter)| entry(adapter, Some(i) == auto));
    let entries: Vec<Entry> = gpus.chain([cpu(auto.is_none())]).collect();
    print(&entries, args.format).or_else(unless_closed)?;
    Ok(Outcome::AllGood)
}

fn entry(adapter: Adapter, auto: bool) -> Entry {
    Entry {
        device: adapter.number.to_string(),
        name: adapter.name,
        class: class(adapter.class).into(),
        auto,
        backend: Some(adapter.backend),
        driver: Some(adapter.driver),
        subgroup: adapter.subgroup,
        f16: Some(adapter.f16),
        timestamps: Some(adapter.timestamps),
        max_binding_bytes: Some(adapter.max_binding_bytes),
        max_buffer_bytes: Some(adapter.max_buffer_bytes),
    }
}

fn class(class: DeviceClass) -> &'static str {
    match class {
        DeviceClass::Discrete => "discrete",
        DeviceClass::Integrated => "integrated",
        DeviceClass::Software => "software",
    }
}

fn cpu(auto: bool) -> Entry {
    Entry {
        device: "cpu".into(),
        name: "CPU engine".into(),
        class: "cpu".into(),
        auto,
        backend: None,
        driver: None,
        subgroup: None,
        f16: None,
        timestamps: None,
        max_binding_bytes: None,
        max_buffer_bytes: None,
    }
}

fn print(entries: &[Entry], format: Format) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match format {
        Format::Json => entries.iter().try_for_each(|entry| json_line(&mut out, entry))?,
        Format::Table => {
            let columns = [
                Column::Left("device"),
                Column::Left("name"),
                Column::Left("class"),
                Column::Left("backend"),
                Column::Left("largest binding"),
                Column::Left("driver"),
            ];
            table(&mut out, &columns, &entries.iter().map(row).collect::<Vec<_>>())?;
        }
    }
    out.flush()
}

fn row(entry: &Entry) -> Vec<String> {
    let auto = if entry.auto { " (auto)" } else { "" };
    let text = |field: &Option<String>| field.clone().unwrap_or_else(|| "-".into());
    vec![
        format!("{}{auto}", entry.device),
        entry.name.clone(),
        entry.class.clone(),
        text(&entry.backend),
        text(&entry.max_binding_bytes.map(bytes)),
        text(&entry.driver),
    ]
}
