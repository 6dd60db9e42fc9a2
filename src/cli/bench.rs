//! `gyrus bench`: how long a network takes, from upload to readback.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use gyrus::bench::{self, EndToEnd, Steps, Times, Work};
use gyrus::part_file::PartFile;
use gyrus::{Device, Error, Model, Session, Shape, Tensor, graph};
use serde::Serialize;

use super::output::{Format, json_line, unless_closed, write_whole};
use super::{Outcome, device, progress, shapes};

mod table;

/// Bytes of all inputs together, at most: known before anything is allocated.
const MAX_INPUT_BYTES: u128 = 4 << 30;

/// Time a network on random inputs, end to end: upload, all kernels, readback.
///
/// With --layers every step is timed on the device too, and held against the device's ceilings: the most multiply-adds
/// a second and the most bytes a second, read and written, that two kernels reach which do nothing else. A step's
/// ceiling is the nearer of the two at its FLOP per byte; without multiply-adds it is judged by its bytes. Steps whose
/// tensors stay in a cache can pass the ceiling of bytes, which is measured on memory.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// An .onnx file, a model's folder, or its name in the models folder
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    #[command(flatten)]
    shapes: shapes::Sizes,
    /// Runs that are timed, after a few that are not; from 100 on the 99th percentile is given too
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    runs: u32,
    /// Time every step on the device too, sum them up by kernel, and say what part of the device's ceiling each reached
    #[arg(long)]
    layers: bool,
    /// Draw these steps under the device's roofline too, as SVG; a file of this name is replaced. Implies --layers
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    device: device::Wanted,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Report {
    model: String,
    device: String,
    /// Whether the kernels were held against the operators' twins there; null on the CPU engine.
    verified: Option<bool>,
    batch: usize,
    runs: u32,
    #[serde(flatten)]
    times: EndToEnd,
    images_per_s: f64,
    gflop_per_s: f64,
    #[serde(flatten)]
    steps: Option<Steps>,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome> {
    let model = Model::load(&args.model)?;
    let device = args.device.open()?;
    if let Some(path) = &args.plot {
        check_plot(path, &device)?;
    }
    let mut session = Session::new(&model, &device).with_context(|| model.name.clone())?;
    session.notices().iter().for_each(|notice| progress::notice(notice));
    let shapes = args.shapes.of(model.network())?;
    let batch = shapes.first().and_then(|s| s.first().copied()).unwrap_or(1);
    if args.shapes.batch > 1 && args.shapes.batch != batch {
        bail!("{}: its batch size is fixed at {batch}; leave --batch out", model.name);
    }
    let multiply_adds = graph::build(model.network(), &shapes)?.multiply_adds();
    let inputs = random_inputs(&model, &shapes)?;
    let times = Times::of_runs(&mut session, &inputs, args.runs).with_context(|| model.name.clone())?;
    let median = times.median();
    let wants_steps = args.layers || args.plot.is_some();
    let report = Report {
        model: model.name.clone(),
        device: session.device_name().to_string(),
        verified: session.verified().get(),
        batch,
        runs: args.runs,
        times: times.summary(),
        images_per_s: batch as f64 * 1e3 / median,
        gflop_per_s: Work { multiply_adds, bytes: 0 }.gflop_per_s(median),
        steps: if wants_steps { Some(steps(&mut session, &inputs, median)?) } else { None },
    };
    if let (Some(path), Some(steps)) = (&args.plot, &report.steps) {
        write_whole(path, &plot(&report, steps)?)?;
    }
    print(&report, args.format).or_else(unless_closed)?;
    Ok(Outcome::AllGood)
}

/// What would keep the plot from being drawn, found before the runs and not after them.
fn check_plot(path: &Path, device: &Device) -> Result<()> {
    if !device.as_gpu().is_some_and(|gpu| gpu.times_steps()) {
        let reason = "it cannot time single steps, so there is nothing to draw; leave --plot out, or give --device a \
                      GPU (`gyrus devices --format json` tells which have timestamps)";
        return Err(Error::Device { device: device.name(), reason: reason.into() }.into());
    }
    // Removed again at once: nothing is left behind by runs that are broken off.
    drop(PartFile::create(path)?);
    Ok(())
}

fn steps(session: &mut Session, inputs: &BTreeMap<String, Tensor>, median_ms: f64) -> Result<Steps> {
    let steps = Steps::measure(session, inputs, median_ms)?;
    match (&steps.ceilings, steps.layers.is_empty()) {
        (_, false) => {}
        (Some(_), true) => {
            progress::notice(&"this device cannot time single steps; the list of layers is empty")
        }
        (None, true) => progress::notice(
            &"the CPU engine cannot time single steps and has no ceilings; the list of layers is empty",
        ),
    }
    Ok(steps)
}

fn plot(report: &Report, steps: &Steps) -> Result<String> {
    let Report { device, batch, runs, times, .. } = report;
    let (median, inside) = (times.median_ms, steps.gpu_ms());
    let subtitle =
        format!("{device}, batch {batch}; median of {runs} runs {median:.3} ms, all steps {inside:.3} ms");
    Ok(bench::plot(steps, &format!("Roofline of {}", report.model), &subtitle)?)
}

/// The same numbers in [0, 1) at every run: a linear congruential sequence.
fn random_inputs(model: &Model, shapes: &[Shape]) -> Result<BTreeMap<String, Tensor>> {
    let bytes: u128 = shapes.iter().map(|s| s.elements() as u128 * 4).sum();
    if bytes > MAX_INPUT_BYTES {
        return Err(Error::TooLarge {
            what: format!("the input of {}", model.name),
            needed: u64::try_from(bytes >> 20).unwrap_or(u64::MAX),
            limit_name: "the largest that is timed".into(),
            limit: (MAX_INPUT_BYTES >> 20) as u64,
            remedy: "give a smaller batch or shape".into(),
        }
        .into());
    }
    let mut state = 1u32;
    let mut next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // 16 bits are exact in f32.
        f32::from((state >> 16) as u16) / 65_536.0
    };
    let inputs = model.network().inputs.iter().zip(shapes).map(|(input, shape)| {
        let values = (0..shape.elements()).map(|_| next()).collect();
        Ok((input.name.clone(), Tensor::from_f32(shape.to_vec(), values)?))
    });
    inputs.collect()
}

fn print(report: &Report, format: Format) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match format {
        Format::Json => json_line(&mut out, report)?,
        Format::Table => table::print(&mut out, report)?,
    }
    out.flush()
}
