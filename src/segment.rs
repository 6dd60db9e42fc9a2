//! Segmentation: a mask for every slice, judged stack by stack.
//!
//! The network sees slices of its own size. Its probabilities, not the mask, are brought back to the
//! slice's size; those above the card's threshold make the mask. Connected parts that are too small are
//! dropped from the stack as a whole, so a stack's masks come when its last slice is done.

mod mask;
mod report;
mod volume;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;

use rayon::prelude::*;

use crate::device::Device;
use crate::error::{Error, Result};
use crate::imaging::{Channels, Found, Scan, decode_file};
use crate::model::{Card, Level, Model, Task, Warning};
use crate::origin::Origin;
use crate::runner::{Prepared, Runner, answer_batch, no_answer, prepare_batches, row_of};
use crate::stacks::Stack;
use crate::tuning::Adapters;
use mask::finish;
pub use report::{Report, StackFigures, VolumeReport, VolumeWritten, Written};
pub use volume::SegmentedVolume;

/// How to segment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// The mean of the probabilities of a slice and of its mirror image; twice the work.
    pub flips: bool,
    /// A grey slice stands for all sequences that the card names, with a warning; otherwise it is refused.
    pub allow_missing_sequences: bool,
    /// Keep the probabilities beside the mask.
    pub probabilities: bool,
    /// x, y and z of a voxel in mm; without it a file's own pixel size gives areas, and nothing volumes.
    pub spacing: Option<[f64; 3]>,
}

/// What was found in one slice, at the slice's own size, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Segmentation {
    pub width: usize,
    pub height: usize,
    /// Whether a pixel belongs to what is looked for.
    pub mask: Vec<bool>,
    /// The probability of each pixel times 65535, where asked for.
    pub probabilities: Option<Vec<u16>>,
    pub warnings: Vec<Warning>,
    /// Of a pixel, where it is known, in mm².
    pub pixel_area: Option<f64>,
    /// How many pixels one of the network's pixels is.
    pub scale: f64,
    /// The slice's share of its batch's time, from upload to readback.
    pub milliseconds: f64,
}

impl Segmentation {
    /// Pixels of the mask.
    pub fn pixels(&self) -> usize {
        self.mask.iter().filter(|&&set| set).count()
    }
}

/// The slices of one stack in its order, each with its answer or why it has none.
#[derive(Debug)]
pub struct SegmentedStack {
    /// Where the slices lie; none for a slice on its own.
    pub folder: Option<PathBuf>,
    /// Each with its position among the files that were given.
    pub slices: Vec<(usize, Result<Segmentation>)>,
}

/// A model with its card on a device, ready to segment.
///
/// ```no_run
/// use gyrus::{Device, Model, Segmenter, segment::Options};
///
/// let model = Model::load("tumor".as_ref())?;
/// let mut segmenter = Segmenter::new(&model, &Device::open("auto")?, Options::default())?;
/// let found = segmenter.segment_file("slice.png".as_ref())?;
/// println!("{} of {} pixels", found.pixels(), found.mask.len());
/// # Ok::<(), gyrus::Error>(())
/// ```
pub struct Segmenter {
    runner: Runner,
    options: Options,
}

/// One slice to segment.
#[derive(Clone)]
struct Job {
    file: usize,
    path: PathBuf,
    levels: Option<[Level; 3]>,
    colour: Option<bool>,
}

impl Segmenter {
    /// Makes a model ready to segment on a device.
    ///
    /// # Errors
    /// A model without a card, or with a card for another task; unsupported nodes.
    pub fn new(model: &Model, device: &Device, options: Options) -> Result<Segmenter> {
        let runner = Runner::new(model, device, Task::Segmentation)?;
        Ok(Segmenter { runner, options })
    }

    /// As [`Segmenter::new`], over a runner that computes elsewhere.
    #[cfg(feature = "serve")]
    pub(crate) fn over(runner: Runner, options: Options) -> Segmenter {
        Segmenter { runner, options }
    }

    pub fn card(&self) -> &Card {
        &self.runner.card
    }

    /// The model's name as every report quotes it.
    pub fn name(&self) -> &str {
        &self.runner.name
    }

    /// What its answers come from, as every report says it.
    pub fn origin(&self) -> Origin {
        self.runner.origin()
    }

    /// The device's name as every report quotes it.
    pub fn device_name(&self) -> &str {
        self.runner.session.device_name()
    }

    /// What the user must be told: fall-backs, slow paths, a device that had to be rebuilt.
    pub fn notices(&self) -> &[String] {
        self.runner.session.notices()
    }

    /// Measures in the background which kernels are fastest, on hardware adapters: see
    /// [`crate::Session::tune_in_background`].
    pub fn tune_in_background(&mut self) {
        self.runner.session.tune_in_background(Adapters::Hardware);
    }

    /// Segments one file as a slice on its own.
    ///
    /// # Errors
    /// A file that cannot be decoded, or that lacks sequences; an error of the device.
    pub fn segment_file(&mut self, path: &Path) -> Result<Segmentation> {
        let prepared = self.preparing()(path, &decode_file(path)?)?;
        self.segment_alone(&[prepared])?.pop().unwrap_or_else(no_answer)
    }

    /// What prepares a scan, a slice on its own, as the model's card says, on any thread; the path is what errors call
    /// it. It fails for a scan that lacks sequences, or that cannot be scaled.
    pub fn preparing(&self) -> impl Fn(&Path, &Scan) -> Result<Prepared> + Send + Sync + use<> {
        let (card, options) = (self.runner.card.clone(), self.options);
        move |path, scan| {
            let job = Job { file: 0, path: path.to_path_buf(), levels: None, colour: None };
            prepare(&card, &job, scan, options)
        }
    }

    /// Segments prepared scans in one batch, each as a slice on its own.
    ///
    /// # Errors
    /// Outer: an error of the device, which concerns all scans. Inner: about a single scan.
    pub fn segment_alone(&mut self, scans: &[Prepared]) -> Result<Vec<Result<Segmentation>>> {
        let answers = self.segment(scans)?;
        let each = answers
            .into_iter()
            .map(|answer| finish(vec![answer], self.runner.card.as_ref())?.pop().unwrap_or_else(no_answer));
        Ok(each.collect())
    }

    /// Segments stack after stack and hands each to `each` as it is done; `progress` is told how many files
    /// more were computed. A file that fails costs the others nothing; a batch that fails on the device fails
    /// for its files only. `each` may end the whole by breaking.
    ///
    /// # Errors
    /// A device that was lost, rebuilt and lost again: the files after it were not tried.
    pub fn segment_stacks(
        &mut self,
        found: &Found,
        stacks: &[Stack],
        progress: impl Fn(usize),
        mut each: impl FnMut(SegmentedStack) -> ControlFlow<()>,
    ) -> Result<()> {
        let jobs = jobs(found, stacks);
        let (card, options, size) = (self.runner.card.clone(), self.options, self.runner.largest);
        std::thread::scope(|scope| {
            let (sender, receiver) = sync_channel(1);
            let jobs = &jobs;
            let prepare = move |job: &Job| prepare(&card, job, &decode_file(&job.path)?, options);
            scope.spawn(move || prepare_batches(jobs, size, prepare, &sender));
            let mut assembly = Assembly { stacks: stacks.iter(), waiting: Vec::new() };
            for batch in receiver {
                let files = batch.len();
                let (answers, lost) = answer_batch(batch, |scans| self.segment(scans));
                progress(files);
                for (job, answer) in answers {
                    let Some(whole) = assembly.add((job.file, answer)) else { continue };
                    if each(whole.finished(self.card())?).is_break() {
                        return Ok(());
                    }
                }
                if let Some(error) = lost {
                    // What was computed of a stack is not thrown away for what was not.
                    if let Some(part) = assembly.rest(&error) {
                        let _ = each(part.finished(self.card())?);
                    }
                    return Err(error);
                }
            }
            Ok(())
        })
    }

    /// Masks by the threshold alone, with the gate's warnings.
    fn segment(&mut self, scans: &[Prepared]) -> Result<Vec<Result<Segmentation>>> {
        let rows = self.runner.run(scans)?;
        let mirrored = if self.options.flips { Some(self.runner.run(&self.mirrored(scans))?) } else { None };
        let milliseconds = rows.milliseconds + mirrored.as_ref().map_or(0.0, |rows| rows.milliseconds);
        let (card, options, output) = (self.card(), self.options, &rows.output);
        let each = scans.par_iter().zip(rows.warnings).enumerate();
        let answer = |(row, (scan, warnings)): (usize, (&Prepared, Result<Vec<Warning>>))| {
            let mut probabilities = card.pixel_probabilities(row_of(output, row)?)?;
            if let Some(mirrored) = &mirrored {
                let back = card.pixel_probabilities(row_of(&mirrored.output, row)?)?;
                probabilities = mean_with_mirrored(&probabilities, &back, card.input.width);
            }
            let probabilities = scan.restore(card, &probabilities)?;
            Ok(Segmentation::new(card, scan, &probabilities, warnings?, options, milliseconds))
        };
        Ok(each.map(answer).collect())
    }

    fn mirrored(&self, scans: &[Prepared]) -> Vec<Prepared> {
        let mut scans = scans.to_vec();
        for row in scans.iter_mut().flat_map(|s| s.values.chunks_exact_mut(self.card().input.width)) {
            row.reverse();
        }
        scans
    }
}

impl Segmentation {
    fn new(
        card: &Card,
        scan: &Prepared,
        probabilities: &[f32],
        mut warnings: Vec<Warning>,
        options: Options,
        milliseconds: f64,
    ) -> Segmentation {
        let threshold = card.output.as_ref().and_then(|o| o.threshold).unwrap_or(0.5);
        warnings.extend_from_slice(&scan.notes);
        let own = scan.spacing.map(|[x, y]| f64::from(x) * f64::from(y));
        let as_u16 = |p: &f32| (f64::from(*p).clamp(0.0, 1.0) * f64::from(u16::MAX)).round() as u16;
        Segmentation {
            width: scan.width,
            height: scan.height,
            mask: probabilities.iter().map(|&p| f64::from(p) > threshold).collect(),
            probabilities: options.probabilities.then(|| probabilities.iter().map(as_u16).collect()),
            warnings,
            // What a volume says of itself is better than what was said of pictures.
            pixel_area: if scan.is_of_volume() {
                own
            } else {
                options.spacing.map(|[x, y, _]| x * y).or(own)
            },
            scale: scan.scale(card),
            milliseconds,
        }
    }
}

/// Collects the answers of a stack until it is whole.
struct Assembly<'a> {
    stacks: std::slice::Iter<'a, Stack>,
    waiting: Vec<Answer>,
}

/// A file's position, and its answer or why it has none.
type Answer = (usize, Result<Segmentation>);

impl Assembly<'_> {
    /// The next stack's answers, when this was its last; answers come in the order of the stacks.
    fn add(&mut self, answer: Answer) -> Option<SegmentedStack> {
        self.waiting.push(answer);
        let size = self.stacks.as_slice().first()?.files.len();
        if self.waiting.len() < size { None } else { self.take() }
    }

    /// The stack that was begun, its files that were not tried failed with `error`.
    fn rest(&mut self, error: &Error) -> Option<SegmentedStack> {
        let begun = !self.waiting.is_empty();
        let stack = self.stacks.as_slice().first().filter(|_| begun)?;
        let untried = stack.files.iter().skip(self.waiting.len());
        self.waiting.extend(untried.map(|file| (*file, Err(error.clone()))));
        self.take()
    }

    fn take(&mut self) -> Option<SegmentedStack> {
        let folder = self.stacks.next()?.folder.clone();
        Some(SegmentedStack { folder, slices: std::mem::take(&mut self.waiting) })
    }
}

impl SegmentedStack {
    /// The stack without specks, its warnings complete.
    fn finished(self, card: &Card) -> Result<SegmentedStack> {
        let (files, slices): (Vec<usize>, Vec<Result<Segmentation>>) = self.slices.into_iter().unzip();
        let slices = files.into_iter().zip(finish(slices, card)?).collect();
        Ok(SegmentedStack { folder: self.folder, slices })
    }
}

fn jobs(found: &Found, stacks: &[Stack]) -> Vec<Job> {
    let files = stacks.iter().flat_map(|stack| stack.files.iter().map(move |file| (stack, *file)));
    files
        .map(|(stack, file)| Job {
            file,
            path: found.files.get(file).cloned().unwrap_or_default(),
            levels: stack.levels,
            colour: stack.colour,
        })
        .collect()
}

fn prepare(card: &Card, job: &Job, scan: &Scan, options: Options) -> Result<Prepared> {
    let colour = job.colour.unwrap_or(scan.channels() == Channels::Rgb);
    match &card.input.sequences {
        Some(names) if !colour && !options.allow_missing_sequences => {
            let reason = format!("one channel, where the model takes {}: {}", names.len(), names.join(", "));
            let remedy = "give them as the channels of one picture, or accept worse masks with --allow-missing-sequences";
            Err(Error::file(&job.path, reason, remedy))
        }
        names => {
            let mut prepared = Prepared::new(card, scan, job.levels.as_ref())?;
            prepared.notes.extend(names.as_deref().filter(|_| !colour).map(missing_sequences));
            Ok(prepared)
        }
    }
}

fn missing_sequences(names: &[String]) -> Warning {
    let text = format!(
        "The picture is grey: its values stand for all of {}, which the model was not made for.",
        names.join(", ")
    );
    Warning::new(Warning::MISSING_SEQUENCES, text)
}

/// The mean of a slice's probabilities and of those of its mirror image, turned back.
fn mean_with_mirrored(probabilities: &[f32], mirrored: &[f32], width: usize) -> Vec<f32> {
    let rows = probabilities.chunks_exact(width).zip(mirrored.chunks_exact(width));
    rows.flat_map(|(row, back)| row.iter().zip(back.iter().rev()).map(|(a, b)| (a + b) / 2.0)).collect()
}
