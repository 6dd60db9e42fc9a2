//! `gyrus preprocess`: the tensors that a card makes of scans, for training.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use gyrus::error::Result as LibraryResult;
use gyrus::imaging::{Excluded, decode_file, find_images, measure};
use gyrus::model::{Card, Input, Intensity, Level};
use gyrus::npy::RowWriter;
use gyrus::part_file::PartFile;
use gyrus::stacks::{find_stacks, levels_of_files};
use rayon::prelude::*;
use serde::Serialize;

use super::{Outcome, progress};

/// Rows that are held in memory at a time, in bytes.
const CHUNK_BYTES: usize = 64 << 20;
/// Files that are prepared between two writes, at most.
const CHUNK_FILES: usize = 256;

/// Prepare scans as a model's card says, and write them as one .npy array.
///
/// FILE.npy gets the rows [N, C, H, W] in f32, FILE.npy.json says which file each row is. A file that
/// cannot be read is left out and named on stderr. The card needs no model.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A card.toml, or a model's folder
    #[arg(long, value_name = "FILE")]
    card: PathBuf,
    /// The array to write; its sidecar is FILE.npy.json
    #[arg(long, value_name = "FILE.npy")]
    out: PathBuf,
    /// Leave out files of folders whose name or path matches, such as '*_mask.png'
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Images, or folders that are searched for images
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// One row of the array.
struct Row {
    entry: Entry,
    values: Vec<f32>,
}

/// What the sidecar says about a row.
#[derive(Serialize)]
struct Entry {
    file: String,
    width: usize,
    height: usize,
    colour: f64,
    foreground: f64,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome> {
    let card = Card::load(&args.card)?;
    let found = find_images(&args.paths, &Excluded::new(&args.exclude)?);
    let bar = progress::bar(found.files.len());
    let mut failed = found.errors.len();
    found.errors.iter().for_each(|e| progress::error(&bar, e));
    if found.files.is_empty() {
        return Ok(Outcome::NothingRan);
    }
    // Finding stacks reads every file, for levels that only this preparation takes.
    let stacks = match card.input.intensity {
        Intensity::ZScore => find_stacks(&card, &found),
        Intensity::Percentile | Intensity::Unit => Vec::new(),
    };
    let levels = levels_of_files(&stacks, found.files.len());
    let jobs: Vec<_> = found.files.iter().zip(&levels).collect();
    let mut output = Output::create(&args.out, &card.input)?;
    for jobs in jobs.chunks(chunk_length(&card.input)) {
        let prepare = |(path, levels): &(&PathBuf, &Option<[Level; 3]>)| {
            let row = prepare(&card, path, levels.as_ref());
            bar.inc(1);
            row
        };
        // Collected in the order of the files, whichever is ready first.
        let rows: Vec<LibraryResult<Row>> = jobs.par_iter().map(prepare).collect();
        for row in rows {
            match row {
                Ok(row) => output.push(&row)?,
                Err(e) => {
                    failed += 1;
                    progress::error(&bar, &e);
                }
            }
        }
    }
    bar.finish_and_clear();
    if failed == 0 {
        return output.finish().map(|()| Outcome::AllGood);
    }
    if output.rows == 0 {
        return Ok(Outcome::NothingRan);
    }
    output.finish().map(|()| Outcome::SomeFailed)
}

fn chunk_length(input: &Input) -> usize {
    let row = 4 * input.channel_count() * input.height * input.width;
    (CHUNK_BYTES / row).clamp(1, CHUNK_FILES)
}

fn prepare(card: &Card, path: &Path, levels: Option<&[Level; 3]>) -> LibraryResult<Row> {
    let scan = decode_file(path)?;
    let measures = measure(&scan);
    let values = card.prepare(&scan, levels)?.as_f32()?.to_vec();
    let entry = Entry {
        file: path.display().to_string(),
        width: scan.width(),
        height: scan.height(),
        colour: measures.colour,
        foreground: measures.foreground,
    };
    Ok(Row { entry, values })
}

/// The array and its sidecar, both written as the rows come.
struct Output {
    array: RowWriter,
    sidecar: BufWriter<File>,
    array_part: PartFile,
    sidecar_part: PartFile,
    path: PathBuf,
    rows: usize,
}

impl Output {
    fn create(path: &Path, input: &Input) -> Result<Self> {
        let (array_part, array) = PartFile::create(path)?;
        let mut sidecar_path = path.as_os_str().to_os_string();
        sidecar_path.push(".json");
        let (sidecar_part, sidecar) = PartFile::create(Path::new(&sidecar_path))?;
        let array = RowWriter::new(array, &[input.channel_count(), input.height, input.width])?;
        let mut sidecar = BufWriter::new(sidecar);
        write!(sidecar, "{{\"input\":{},\n\"rows\":[", serde_json::to_string(input)?)?;
        Ok(Output { array, sidecar, array_part, sidecar_part, path: path.to_path_buf(), rows: 0 })
    }

    fn push(&mut self, row: &Row) -> Result<()> {
        let separator = if self.rows == 0 { "\n" } else { ",\n" };
        let entry = serde_json::to_string(&row.entry)?;
        self.array
            .push(&row.values)
            .and_then(|()| write!(self.sidecar, "{separator}{entry}"))
            .with_context(|| format!("{}: cannot be written", self.path.display()))?;
        self.rows += 1;
        Ok(())
    }

    /// Completes both files and moves them to their places; the array comes last, so that where it is
    /// new its sidecar is too.
    fn finish(mut self) -> Result<()> {
        writeln!(self.sidecar, "\n]}}")
            .and_then(|()| self.sidecar.flush())
            .and_then(|()| self.array.finish())
            .with_context(|| format!("{}: cannot be written", self.path.display()))?;
        self.sidecar_part.keep()?;
        self.array_part.keep()?;
        Ok(())
    }
}
