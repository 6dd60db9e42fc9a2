//! `gyrus ops`: the operators that networks may use.

use std::io::{self, Write};

use anyhow::Result;
use gyrus::ops::{OPS, Operator};
use serde::Serialize;

use super::Outcome;
use super::output::{Column, Format, json_line, table, unless_closed};

/// List the ONNX operators that Gyrus runs, with their kernels and the limits of each.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// json is one object a line
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Entry {
    operator: &'static str,
    /// The first and the last operator set in which it is understood.
    opsets: [i64; 2],
    kernels: Vec<&'static str>,
    /// What is supported only in part; empty when nothing is missing.
    limits: &'static str,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome> {
    let entries: Vec<Entry> = OPS.iter().map(|operator| entry(operator)).collect();
    print(&entries, args.format).or_else(unless_closed)?;
    Ok(Outcome::AllGood)
}

fn entry(operator: &Operator) -> Entry {
    Entry {
        operator: operator.name,
        opsets: [*operator.opsets.start(), *operator.opsets.end()],
        kernels: operator.kernels.iter().map(|k| k.name).collect(),
        limits: operator.limits,
    }
}

fn print(entries: &[Entry], format: Format) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match format {
        Format::Json => entries.iter().try_for_each(|entry| json_line(&mut out, entry))?,
        Format::Table => {
            let columns = ["operator", "operator sets", "kernels", "limits"].map(Column::Left);
            table(&mut out, &columns, &entries.iter().map(row).collect::<Vec<_>>())?;
        }
    }
    out.flush()
}

fn row(entry: &Entry) -> Vec<String> {
    let [first, last] = entry.opsets;
    let kernels = if entry.kernels.is_empty() { "-".into() } else { entry.kernels.join(" ") };
    vec![entry.operator.into(), format!("{first} to {last}"), kernels, entry.limits.into()]
}
