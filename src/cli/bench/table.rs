//! What was timed, for people.

use std::io::{self, Write};

use gyrus::bench::{Bound, EndToEnd, KernelSummary, Layer, Steps};

use super::super::output::{Column, bytes, table};
use super::Report;

/// Prints the whole report.
pub fn print(out: &mut impl Write, report: &Report) -> io::Result<()> {
    writeln!(out, "{} on {}, batch {}, {} runs", report.model, report.device, report.batch, report.runs)?;
    writeln!(out, "{}", times(&report.times))?;
    writeln!(out, "{:.1} images/s, {:.2} GFLOP/s", report.images_per_s, report.gflop_per_s)?;
    match &report.steps {
        Some(steps) if !steps.layers.is_empty() => print_steps(out, steps),
        Some(steps) => ceilings(out, steps),
        None => Ok(()),
    }
}

fn times(times: &EndToEnd) -> String {
    let EndToEnd { median_ms, p10_ms, p90_ms, p99_ms, min_ms, max_ms } = times;
    let p99 = p99_ms.map(|p99| format!(", p99 {p99:.3}")).unwrap_or_default();
    format!(
        "median {median_ms:.3} ms (p10 {p10_ms:.3}, p90 {p90_ms:.3}{p99}, least {min_ms:.3}, most {max_ms:.3})"
    )
}

fn print_steps(out: &mut impl Write, steps: &Steps) -> io::Result<()> {
    writeln!(out)?;
    let columns = [
        Column::Left("kernel"),
        Column::Left("node"),
        Column::Left("operator"),
        Column::Right("ms on device"),
        Column::Right("GFLOP/s"),
        Column::Right("bytes"),
        Column::Right("FLOP/byte"),
        Column::Left("bound by"),
        Column::Right("of ceiling"),
    ];
    table(out, &columns, &steps.layers.iter().map(layer).collect::<Vec<_>>())?;
    writeln!(out)?;
    let columns = [
        Column::Left("kernel"),
        Column::Right("dispatches"),
        Column::Right("ms on device"),
        Column::Right("share"),
        Column::Right("GFLOP/s"),
        Column::Right("bytes"),
        Column::Right("of ceiling"),
    ];
    table(out, &columns, &steps.kernels.iter().map(kernel).collect::<Vec<_>>())?;
    writeln!(out)?;
    ceilings(out, steps)
}

fn ceilings(out: &mut impl Write, steps: &Steps) -> io::Result<()> {
    let inside = steps.gpu_ms();
    match steps.outside_ms {
        None => {}
        Some(outside) if outside > 0.0 => {
            writeln!(
                out,
                "{inside:.3} ms in kernels, {outside:.3} ms outside (upload, readback, submission)"
            )?;
        }
        Some(_) => {
            writeln!(out, "{inside:.3} ms in kernels, timed one by one: no less than a whole run takes")?
        }
    }
    let Some(ceilings) = &steps.ceilings else { return Ok(()) };
    let (fma, copy) = (ceilings.fma_gflop_per_s, ceilings.copy_gb_per_s);
    writeln!(
        out,
        "ceilings, measured: {fma:.1} GFLOP/s (multiply-adds), {copy:.2} GB/s (copy, read + written)"
    )
}

fn layer(layer: &Layer) -> Vec<String> {
    let computes = layer.multiply_adds > 0;
    let bound = match layer.bound {
        Bound::Compute => "compute",
        Bound::Memory => "memory",
    };
    vec![
        layer.kernel.clone(),
        layer.node.clone(),
        layer.operator.clone(),
        format!("{:.4}", layer.gpu_ms),
        rate(computes, layer.gflop_per_s),
        bytes(layer.bytes),
        rate(computes, layer.intensity),
        bound.into(),
        percent(layer.fraction),
    ]
}

fn kernel(kernel: &KernelSummary) -> Vec<String> {
    vec![
        kernel.kernel.clone(),
        kernel.dispatches.to_string(),
        format!("{:.4}", kernel.gpu_ms),
        percent(Some(kernel.share)),
        rate(kernel.gflop_per_s > 0.0, kernel.gflop_per_s),
        bytes(kernel.bytes),
        percent(kernel.fraction),
    ]
}

/// Of a step that computes no multiply-adds there is none.
fn rate(computes: bool, value: f64) -> String {
    if computes { format!("{value:.2}") } else { "-".into() }
}

fn percent(part: Option<f64>) -> String {
    part.map_or_else(|| "-".into(), |part| format!("{:.1} %", 100.0 * part))
}
