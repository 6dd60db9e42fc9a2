//! `gyrus tune`: which kernels are fastest here, measured.

mod print;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use gyrus::Model;
use gyrus::gpu::Gpu;
use gyrus::model::{list_models, models_folder};
use gyrus::tuning::{Cache, Event, Halt, Pace, Scope, Tuner};
use indicatif::ProgressBar;

use super::output::{Format, unless_closed};
use super::shapes::{Sizes, batch};
use super::{Outcome, device, progress};
use print::Report;

/// Measure which kernels are fastest on a device, and remember it.
///
/// Every node that has a choice is run with each kernel that applies, and each is checked against the reference; one
/// that computes wrong is not used on that adapter any more. Whole plans then compete end to end. All commands use what
/// was found, in the cache folder (GYRUS_CACHE_DIR, else the user's own); the files there may be deleted at any time.
///
/// On hardware adapters classify, segment and run do the same in the background after their first answer, for what
/// has not been measured yet (--no-tune stops it). On software adapters all cores are busy with the answers: there
/// only this command tunes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// An .onnx file, a model's folder, or its name in the models folder; all of that folder where it is left out
    #[arg(value_name = "MODEL")]
    model: Option<PathBuf>,
    /// Samples in the first dimension, where that is open; may be given several times
    #[arg(long, value_name = "N", value_parser = batch)]
    batch: Vec<usize>,
    /// An input's shape, where more than the batch is open
    #[arg(long, value_name = "NAME=1x3x256x256", requires = "model")]
    input: Vec<String>,
    /// Measure nothing; show what is remembered, losers too
    #[arg(long, conflicts_with_all = ["batch", "input"])]
    show: bool,
    #[command(flatten)]
    device: device::Wanted,
    /// json is one object for each model and batch; with --show, one for the device
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Runs the command: exit 1 when a model could not be tuned, 2 when none could.
pub fn run(args: &Args) -> Result<Outcome> {
    let device = args.device.open()?;
    let Some(gpu) = device.as_gpu() else {
        let found = device.notice().map(|_| " (no hardware GPU was found)").unwrap_or_default();
        bail!(
            "the CPU engine{found} has no kernels to choose from, so there is nothing to tune; `--device software` tunes \
             for a software driver"
        );
    };
    let cache = Cache::of(gpu);
    let (tunings, fault) = cache.load();
    if let Some(fault) = fault {
        progress::notice(&fault);
    }
    if args.show {
        let model = args.model.as_deref().map(model_name);
        let report = Report::of(tunings, gpu, &cache, model.as_deref());
        print::show(&report, args.format).or_else(unless_closed)?;
        return Ok(Outcome::AllGood);
    }
    tune_all(args, gpu, &cache)
}

fn tune_all(args: &Args, gpu: &Arc<Gpu>, cache: &Cache) -> Result<Outcome> {
    let models = models(args)?;
    let (mut tuned, mut failed) = (0, 0);
    for path in &models {
        match tune_model(args, path, gpu, cache) {
            Ok(()) => tuned += 1,
            Err(error) if models.len() == 1 => return Err(error),
            Err(error) => {
                progress::error_line(&format_args!("{error:#}"));
                failed += 1;
            }
        }
    }
    Ok(match (tuned, failed) {
        (_, 0) => Outcome::AllGood,
        (0, _) => Outcome::NothingRan,
        _ => Outcome::SomeFailed,
    })
}

fn models(args: &Args) -> Result<Vec<PathBuf>> {
    if let Some(model) = &args.model {
        return Ok(vec![model.clone()]);
    }
    let folder = models_folder();
    let models: Vec<PathBuf> = list_models(&folder)?.into_iter().map(|listed| listed.folder).collect();
    if models.is_empty() {
        bail!("{}: the folder holds no model; name a model's folder or an .onnx file", folder.display());
    }
    Ok(models)
}

/// As a model is called in what is remembered, whether or not it is still there.
fn model_name(model: &Path) -> String {
    let by_path = || model.file_stem().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    Model::load(model).map_or_else(|_| by_path(), |model| model.name)
}

fn tune_model(args: &Args, path: &Path, gpu: &Arc<Gpu>, cache: &Cache) -> Result<()> {
    let model = Model::load(path)?;
    let batches = if args.batch.is_empty() { vec![1] } else { args.batch.clone() };
    for batch in batches {
        let shapes = Sizes { batch, input: args.input.clone() }.of(model.network())?;
        let fixed = shapes.first().and_then(|shape| shape.first().copied()).unwrap_or(1);
        if batch > 1 && fixed != batch {
            bail!("{}: its batch size is fixed at {fixed}; leave --batch out", model.name);
        }
        let tuner = Tuner {
            gpu,
            cache,
            network: model.network(),
            shapes: &shapes,
            model: &model.name,
            scope: Scope::Everything,
        };
        let mut shown = Shown(progress::sites());
        let tuned = tuner.tune(&mut shown);
        shown.0.finish_and_clear();
        let tunings = match tuned {
            Ok(tunings) => tunings,
            Err(Halt::Failed(error)) => return Err(error).with_context(|| model.name.clone()),
            Err(Halt::Stopped) => bail!("{}: the tuning was stopped", model.name),
        };
        let report = Report::of(tunings, gpu, cache, Some(&model.name));
        print::tuned(&report, args.format).or_else(unless_closed)?;
    }
    Ok(())
}

/// Progress on stderr.
struct Shown(ProgressBar);

impl Pace for Shown {
    fn tell(&mut self, event: Event) {
        match event {
            Event::Sites(count) => self.0.set_length(u64::try_from(count).unwrap_or(0)),
            Event::Site(site) => {
                if !self.0.message().is_empty() {
                    self.0.inc(1);
                }
                self.0.set_message(site.to_string());
            }
            Event::Plans => {
                self.0.inc(1);
                self.0.set_message("whole plans, end to end");
            }
            Event::Dropped { kernel, reason } => self.0.suspend(|| {
                progress::notice(&format_args!(
                    "{kernel} computes wrong on this device and is not used there: {reason}"
                ));
            }),
        }
    }
}
