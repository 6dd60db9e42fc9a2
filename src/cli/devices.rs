//! `gyrus devices`: what `--device` can take on this machine.

use std::io::{self, Write};

use anyhow::Result;
use gyrus::device::{Listed, list_devices};

use super::Outcome;
use super::output::{Column, Format, bytes, json_line, table, unless_closed};
use super::progress::notice;

/// List the devices that --device takes; the one that auto means is marked.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// json is one object a line
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome> {
    let devices = list_devices();
    devices.iter().filter_map(|device| device.notice.as_ref()).for_each(|said| notice(said));
    print(&devices, args.format).or_else(unless_closed)?;
    Ok(Outcome::AllGood)
}

fn print(entries: &[Listed], format: Format) -> io::Result<()> {
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
                Column::Left("kernels verified"),
                Column::Left("driver"),
            ];
            table(&mut out, &columns, &entries.iter().map(row).collect::<Vec<_>>())?;
        }
    }
    out.flush()
}

/// Of an adapter how many kernels were held against the twins, and which are wrong.
fn verified(entry: &Listed) -> String {
    let said = match entry.verified {
        None => "-".into(),
        Some(0) => "at first use".into(),
        Some(count) => count.to_string(),
    };
    if entry.wrong.is_empty() { said } else { format!("{said}; wrong: {}", entry.wrong.join(", ")) }
}

fn row(entry: &Listed) -> Vec<String> {
    let auto = if entry.auto { " (auto)" } else { "" };
    let text = |field: &Option<String>| field.clone().unwrap_or_else(|| "-".into());
    vec![
        format!("{}{auto}", entry.device),
        entry.name.clone(),
        entry.class.clone(),
        text(&entry.backend),
        text(&entry.max_binding_bytes.map(bytes)),
        verified(entry),
        text(&entry.driver),
    ]
}
