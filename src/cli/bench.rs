//! `gyrus bench`: how long a network takes, from upload to readback.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use gyrus::{Device, Error, Model, Session, Shape, Tensor, graph};
use serde::Serialize;

use super::output::{Column, Format, bytes, json_line, table, unless_closed};
use super::{Outcome, progress, shapes};

/// Runs before those that count: kernels are compiled, memory is allocated, clocks settle.
const WARM_UP: usize = 3;
/// Runs of which a step's time is the median.
const LAYER_RUNS: usize = 9;
/// Bytes of all inputs together, at most: known before anything is allocated.
const MAX_INPUT_BYTES: u128 = 4 << 30;

/// Time a network on random inputs, end to end: upload, all kernels, readback.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// An .onnx file, a model's folder, or its name in the models folder
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    #[command(flatten)]
    shapes: shapes::Sizes,
    /// Runs that are timed, after a few that are not
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    runs: u32,
    /// Time every step on the device too
    #[arg(long)]
    layers: bool,
    /// auto, cpu, software, the number of an adapter, or part of its name
    #[arg(long, default_value = "auto")]
    device: String,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Report {
    model: String,
    device: String,
    batch: usize,
    runs: u32,
    median_ms: f64,
    p10_ms: f64,
    p90_ms: f64,
    min_ms: f64,
    images_per_s: f64,
    gflop_per_s: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    layers: Option<Vec<Layer>>,
}

#[derive(Debug, Serialize)]
struct Layer {
    kernel: String,
    node: String,
    operator: String,
    gpu_ms: f64,
    gflop_per_s: f64,
    bytes: u64,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome> {
    let model = Model::load(&args.model)?;
    let device = Device::open(&args.device)?;
    let mut session = Session::new(&model, &device).with_context(|| model.name.clone())?;
    session.notices().iter().for_each(|notice| progress::notice(notice));
    let shapes = args.shapes.of(model.network())?;
    let batch = shapes.first().and_then(|s| s.first().copied()).unwrap_or(1);
    if args.shapes.batch > 1 && args.shapes.batch != batch {
        bail!("{}: its batch size is fixed at {batch}; leave --batch out", model.name);
    }
    let multiply_adds = graph::build(model.network(), &shapes)?.multiply_adds();
    let inputs = random_inputs(&model, &shapes)?;
    let times = time(&mut session, &inputs, args.runs).with_context(|| model.name.clone())?;
    let median = quantile(&times, 0.5);
    let report = Report {
        model: model.name.clone(),
        device: session.device_name().to_string(),
        batch,
        runs: args.runs,
        median_ms: median,
        p10_ms: quantile(&times, 0.1),
        p90_ms: quantile(&times, 0.9),
        min_ms: quantile(&times, 0.0),
        images_per_s: batch as f64 * 1e3 / median,
        gflop_per_s: gflop_per_s(multiply_adds, median),
        layers: if args.layers { Some(layers(&mut session, &inputs)?) } else { None },
    };
    print(&report, args.format).or_else(unless_closed)?;
    Ok(Outcome::AllGood)
}

/// The times of all runs in milliseconds, shortest first.
fn time(session: &mut Session, inputs: &BTreeMap<String, Tensor>, runs: u32) -> Result<Vec<f64>> {
    for _ in 0..WARM_UP {
        session.run(inputs.clone())?;
    }
    let mut times = Vec::new();
    for _ in 0..runs {
        let inputs = inputs.clone();
        let start = Instant::now();
        session.run(inputs)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

fn layers(session: &mut Session, inputs: &BTreeMap<String, Tensor>) -> Result<Vec<Layer>> {
    let mut times: Vec<Vec<f64>> = Vec::new();
    let mut plan = None;
    for _ in 0..LAYER_RUNS {
        let Some((of, steps)) = session.time_steps(inputs)? else {
            progress::notice(&"this device cannot time single steps; the list of layers is empty");
            return Ok(Vec::new());
        };
        times.resize(of.steps.len(), Vec::new());
        steps.iter().for_each(|step| times[step.step].push(step.milliseconds));
        plan = Some(of);
    }
    let steps = plan.map(|plan| plan.steps).unwrap_or_default();
    let layer = |(step, mut times): (gyrus::plan::Step, Vec<f64>)| {
        times.sort_by(f64::total_cmp);
        let gpu_ms = quantile(&times, 0.5);
        Layer {
            kernel: step.kernel.into_owned(),
            node: step.node,
            operator: step.operator,
            gpu_ms,
            gflop_per_s: gflop_per_s(step.multiply_adds, gpu_ms),
            bytes: step.bytes,
        }
    };
    Ok(steps.into_iter().zip(times).map(layer).collect())
}

/// A multiplication and an addition are two operations.
fn gflop_per_s(multiply_adds: u64, milliseconds: f64) -> f64 {
    if milliseconds > 0.0 { 2.0 * multiply_adds as f64 / milliseconds / 1e6 } else { 0.0 }
}

/// The value that this part of the sorted values does not exceed, interpolated.
fn quantile(sorted: &[f64], part: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let position = part * last as f64;
    let below = (position.floor() as usize).min(last);
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * (position - below as f64)
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
        Format::Table => print_table(&mut out, report)?,
    }
    out.flush()
}

fn print_table(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let Report { median_ms, p10_ms, p90_ms, min_ms, .. } = report;
    writeln!(out, "{} on {}, batch {}, {} runs", report.model, report.device, report.batch, report.runs)?;
    writeln!(out, "median {median_ms:.3} ms (p10 {p10_ms:.3}, p90 {p90_ms:.3}, least {min_ms:.3})")?;
    writeln!(out, "{:.1} images/s, {:.2} GFLOP/s", report.images_per_s, report.gflop_per_s)?;
    let Some(layers) = report.layers.as_ref().filter(|l| !l.is_empty()) else { return Ok(()) };
    let columns = [
        Column::Left("kernel"),
        Column::Left("node"),
        Column::Left("operator"),
        Column::Right("ms on device"),
        Column::Right("GFLOP/s"),
        Column::Right("bytes"),
    ];
    let row = |l: &Layer| {
        let (ms, rate) = (format!("{:.4}", l.gpu_ms), format!("{:.2}", l.gflop_per_s));
        vec![l.kernel.clone(), l.node.clone(), l.operator.clone(), ms, rate, bytes(l.bytes)]
    };
    writeln!(out)?;
    table(out, &columns, &layers.iter().map(row).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::quantile;

    #[test]
    fn quantiles_are_interpolated() {
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.5), 2.0);
        assert_eq!(quantile(&[1.0, 2.0], 0.5), 1.5);
        assert_eq!(quantile(&[3.0], 0.9), 3.0);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }
}
