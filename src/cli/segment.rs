//! `gyrus segment`: masks for slices and stacks.

mod printer;
mod targets;
mod volumes;

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use gyrus::error::Result as LibraryResult;
use gyrus::imaging::{
    Excluded, Found, Overlay, decode_file, find_scans, write_mask, write_picture, write_probabilities,
};
use gyrus::model::Card;
use gyrus::origin::Origin;
use gyrus::segment::{Options, Report, Segmentation, SegmentedStack, StackFigures, Written};
use gyrus::stacks::{Stack, find_stacks};
use gyrus::{Error, Failure, Model, Segmenter};
use indicatif::ProgressBar;
use rayon::prelude::*;

use super::output::RowFormat;
use super::tally::Tally;
use super::{Outcome, cut, device, progress};
use printer::Printer;
use targets::{Target, Targets};
use volumes::VolumeTarget;

/// Segment tumours: a mask for every slice, with its area, and the volume in ml of a stack or a scan.
///
/// Of a volume (NIfTI, DICOM) the mask is NIfTI in the volume's own grid, with a PNG of each slice and a montage; three
/// sequences of one head are given with --pre, --flair and --post. A folder of slices of one size is one patient's stack: intensities are measured and specks dropped over
/// the whole of it. Masks are PNG of the slice's own size, 0 or 255. For research use only.
/// Exit code 0: all files were answered; 1: some failed; 2: none could be.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A model's folder, or its name in the models folder
    #[arg(long, value_name = "MODEL", default_value = "tumor")]
    model: PathBuf,
    #[command(flatten)]
    device: device::Wanted,
    /// Do not measure kernels in the background after the first answer, as is done on hardware adapters (see
    /// `gyrus tune`)
    #[arg(long)]
    no_tune: bool,
    /// json is one object a line; milliseconds are a file's share of its batch, from upload to readback
    #[arg(long, value_enum, default_value_t = RowFormat::Table)]
    format: RowFormat,
    /// Where masks go, in the folders of their slices within the given PATH
    #[arg(long, value_name = "DIR", default_value = "gyrus-out")]
    out: PathBuf,
    /// Also write a picture of each slice with its mask drawn over it
    #[arg(long)]
    overlay: bool,
    /// Also write the probabilities as 16-bit grey, 65535 for 1
    #[arg(long)]
    probabilities: bool,
    /// Leave out files of folders whose name or path matches; what this command writes is always left out
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Write over files that exist
    #[arg(long)]
    force: bool,
    /// The size of a voxel in mm, for areas and volumes of pictures: x along a row, y down, z from slice to slice
    #[arg(long, value_name = "X,Y,Z", value_parser = parse_spacing)]
    spacing: Option<[f64; 3]>,
    /// Take the mean over each slice and its mirror image: twice the work
    #[arg(long)]
    flips: bool,
    /// Let a grey picture stand for all the sequences that the model takes, with a warning
    #[arg(long)]
    allow_missing_sequences: bool,
    #[command(flatten)]
    given: volumes::Given,
    #[command(flatten)]
    cut: cut::CutArgs,
    /// Images, volumes (NIfTI, DICOM, zip archives of DICOM), or folders that are searched for them
    #[arg(required_unless_present = "flair", value_name = "PATH")]
    paths: Vec<PathBuf>,
}

fn parse_spacing(text: &str) -> Result<[f64; 3], String> {
    let sides: Result<Vec<f64>, _> = text.split(',').map(|side| side.trim().parse::<f64>()).collect();
    match sides.as_deref() {
        Ok(&[x, y, z]) if [x, y, z].iter().all(|s| s.is_finite() && *s > 0.0) => Ok([x, y, z]),
        _ => Err("give three positive numbers of millimetres, such as 0.5,0.5,3".into()),
    }
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome> {
    let model = Model::load(&args.model)?;
    let excluded = Excluded::new(&args.exclude)?.and_results();
    let device = args.device.open()?;
    let options = Options {
        flips: args.flips,
        allow_missing_sequences: args.allow_missing_sequences,
        probabilities: args.probabilities,
        spacing: args.spacing,
    };
    let mut segmenter = Segmenter::new(&model, &device, options).with_context(|| model.name.clone())?;
    if !args.no_tune {
        segmenter.tune_in_background();
    }
    let told = segmenter.notices().len();
    segmenter.notices().iter().for_each(|notice| progress::notice(notice));
    let found = find_scans(&args.paths, &excluded);
    let bar = progress::bar(found.files.len());
    let mut work = Work {
        args,
        card: segmenter.card().clone(),
        origin: segmenter.origin(),
        targets: Targets::new(args, &found),
        printer: Printer::new(args.format, &found, args.given.main()),
        tally: Tally::default(),
        taken: Vec::new(),
        bar: &bar,
        found: &found,
    };
    let mut closed = work.printer.begin(&work.card, segmenter.device_name());
    for error in &found.errors {
        let path = if let Error::File { path, .. } = error { path.as_path() } else { Path::new("") };
        closed = closed.and_then(|()| work.fail(path, error));
    }
    let mut stacks = find_stacks(segmenter.card(), &found);
    closed = closed.and_then(|()| work.drop_blocked(&mut stacks));
    let mut stopped = None;
    if closed.is_ok() {
        let count = |files: usize| bar.inc(u64::try_from(files).unwrap_or(0));
        let outcome = segmenter.segment_stacks(&found, &stacks, count, |stack| {
            closed = work.answer(stack);
            if closed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        stopped = outcome.err();
    }
    if let Some(main) = args.given.main().filter(|_| closed.is_ok() && stopped.is_none()) {
        (closed, stopped) = work.sequences(&mut segmenter, main);
    }
    for volume in &found.volumes {
        if closed.is_err() || stopped.is_some() {
            break;
        }
        (closed, stopped) = work.volume(&mut segmenter, volume);
    }
    bar.finish_and_clear();
    segmenter.notices().iter().skip(told).for_each(|notice| progress::notice(notice));
    if let Some(error) = &stopped {
        let all = found.files.len() + found.volumes.len() + found.errors.len();
        let left = all.saturating_sub(work.tally.files());
        progress::error_line(&format_args!("{error}; {left} file(s) were not tried"));
        work.tally.failed += left;
    }
    closed.and_then(|()| work.printer.end(&work.tally, &args.out)).or_else(super::output::unless_closed)?;
    Ok(work.tally.outcome())
}

/// What is needed to write and report the answers of one stack after the other.
struct Work<'a> {
    args: &'a Args,
    card: Card,
    /// Of the model and the device.
    origin: Origin,
    targets: Targets,
    printer: Printer,
    tally: Tally,
    /// By volumes that were answered.
    taken: Vec<(VolumeTarget, PathBuf)>,
    bar: &'a ProgressBar,
    found: &'a Found,
}

/// An answer as it is printed.
type Line = std::result::Result<Report, Failure>;

impl Work<'_> {
    fn path(&self, file: usize) -> PathBuf {
        self.found.files.get(file).cloned().unwrap_or_default()
    }

    fn fail(&mut self, path: &Path, error: &Error) -> io::Result<()> {
        self.tally.failed += 1;
        self.printer.line(self.bar, &Err(Failure::new(path, error)))
    }

    /// Fails the files of stacks of which nothing can be written, before anything is computed.
    fn drop_blocked(&mut self, stacks: &mut Vec<Stack>) -> io::Result<()> {
        let blocked = |stack: &Stack| stack.files.iter().all(|file| self.targets.of(*file).is_err());
        let (dropped, rest): (Vec<Stack>, Vec<Stack>) = stacks.drain(..).partition(blocked);
        *stacks = rest;
        for file in dropped.into_iter().flat_map(|stack| stack.files) {
            if let Err(error) = self.targets.of(file) {
                self.bar.inc(1);
                self.fail(&self.path(file), &error)?;
            }
        }
        Ok(())
    }

    /// Writes what was found in a stack, on all cores, and reports it in the stack's order.
    fn answer(&mut self, stack: SegmentedStack) -> io::Result<()> {
        let figures = stack.figures(self.args.spacing);
        let lines: Vec<Line> = stack
            .slices
            .into_par_iter()
            .map(|(file, slice)| self.slice(file, slice, figures.clone()))
            .collect();
        for line in &lines {
            match line {
                Ok(_) => self.tally.answered += 1,
                Err(_) => self.tally.failed += 1,
            }
            self.printer.line(self.bar, line)?;
        }
        match &figures {
            Some(figures) => self.printer.stack(self.bar, figures, &lines),
            None => Ok(()),
        }
    }

    fn slice(&self, file: usize, slice: LibraryResult<Segmentation>, figures: Option<StackFigures>) -> Line {
        let path = self.path(file);
        let written = || {
            let slice = slice?;
            let written = self.write(file, &slice)?;
            Ok(Report::new(&path, &self.origin, &slice, written, figures))
        };
        written().map_err(|error| Failure::new(&path, &error))
    }

    /// The mask comes last, so that where it is new all that was asked for is there.
    fn write(&self, file: usize, slice: &Segmentation) -> LibraryResult<Written> {
        let target = self.targets.of(file)?;
        let size = [slice.width, slice.height];
        let mut written = Written::default();
        if let Some(probabilities) = &slice.probabilities {
            let path = target.probabilities();
            write_probabilities(&path, probabilities, size)?;
            written.probabilities = Some(path.display().to_string());
        }
        if self.args.overlay {
            written.overlay = Some(self.write_overlay(file, &target, slice)?);
        }
        write_mask(&target.mask(), &slice.mask, size)?;
        written.mask = target.mask().display().to_string();
        Ok(written)
    }

    fn write_overlay(&self, file: usize, target: &Target, slice: &Segmentation) -> LibraryResult<String> {
        let scan = decode_file(&self.path(file))?;
        let label = self.card.labels().first().map_or("", String::as_str);
        let overlay = Overlay {
            mask: &slice.mask,
            channel: self.card.input.shown,
            plane: None,
            label: &format!("{label}, {}", slice.extent()),
            notes: &slice.notes(&self.origin.model, self.card.version),
        };
        let path = target.overlay();
        write_picture(&path, &overlay.draw(&scan)?)?;
        Ok(path.display().to_string())
    }
}
