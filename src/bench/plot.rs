//! The roofline of a network on a device.

use std::ops::Range;

use plotters::coord::combinators::LogCoord;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::steps::{Layer, Steps};
use crate::drawing::{
    Area, BLUE, FAINT, GREY, INK, ORANGE, SMALL, failed, heading, ink, picture, put, shortened, width_of,
};
use crate::error::{Error, Result};
use crate::gpu::Ceilings;

const SIZE: (u32, u32) = (1000, 620);
const HEAD: u32 = 64;
/// The caption.
const FOOT: u32 = 44;
/// Ticks and the name of an axis.
const AXIS: u32 = 50;
const LEGEND_ROW: usize = 44;
const MAX_NAME: usize = 30;
/// Colours that people with colour blindness tell apart; kernels beyond them take them again, as rings.
const COLOURS: [RGBColor; 7] = [
    BLUE,
    ORANGE,
    RGBColor(0x1B, 0x9E, 0x77),
    RGBColor(0x8E, 0x4A, 0x9E),
    RGBColor(0xB8, 0x86, 0x0B),
    RGBColor(0x56, 0xB4, 0xE9),
    RGBColor(0x55, 0x5B, 0x62),
];
/// Of a step that takes all the time, in pixels.
const RADIUS: f64 = 26.0;
const SMALLEST: f64 = 3.0;

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<LogCoord<f64>, LogCoord<f64>>>;

/// A kernel with dots in the picture.
struct Series<'a> {
    kernel: &'a str,
    /// Of the time of all steps.
    share: f64,
    layers: Vec<&'a Layer>,
}

/// The ceilings as lines, and a dot for each step that computes multiply-adds: its FLOP per byte, its rate, its part of
/// the time as area. `title` names the network, `subtitle` where it ran.
///
/// # Errors
/// Ceilings or steps that were not measured.
pub fn plot(steps: &Steps, title: &str, subtitle: &str) -> Result<String> {
    let ceilings = steps.ceilings.filter(|_| !steps.layers.is_empty());
    let ceilings = ceilings.ok_or_else(|| Error::tensor("plot", "the device cannot time single steps"))?;
    let series = series(steps);
    let longest = series.iter().map(|s| width_of(&shortened(s.kernel, MAX_NAME))).max().unwrap_or(0);
    let legend = longest.max(200) + 40;
    picture(SIZE, |area| {
        heading(area, title, subtitle)?;
        put(area, &caption(steps), (20, (SIZE.1 - FOOT / 2) as i32), ink(SMALL), HPos::Left)?;
        let (_, rest) = area.split_vertically(HEAD);
        let (rest, _) = rest.split_vertically(SIZE.1 - HEAD - FOOT);
        let (left, right) = rest.split_horizontally(SIZE.0 - legend);
        roofline(&left, &ceilings, &series, steps.gpu_ms())?;
        list(&right, &series)
    })
}

/// The kernels that compute multiply-adds, the slowest first.
fn series(steps: &Steps) -> Vec<Series<'_>> {
    let is_drawn = |layer: &&Layer| layer.multiply_adds > 0 && layer.gpu_ms > 0.0 && layer.bytes > 0;
    let of = |kernel: &'_ str| steps.layers.iter().filter(|l| l.kernel == kernel).filter(is_drawn).collect();
    let all = steps.kernels.iter().map(|k| (k, of(&k.kernel)));
    all.filter(|(_, layers): &(_, Vec<&Layer>)| !layers.is_empty())
        .map(|(k, layers)| Series { kernel: &k.kernel, share: k.share, layers })
        .collect()
}

fn caption(steps: &Steps) -> String {
    let others: Vec<&Layer> = steps.layers.iter().filter(|layer| layer.multiply_adds == 0).collect();
    let ms: f64 = others.iter().map(|layer| layer.gpu_ms).sum();
    let drawn = "A dot a step; its area is its part of the device's time.";
    match others.len() {
        0 => drawn.into(),
        left_out => format!(
            "{drawn} Left out: {left_out} step(s) without multiply-adds (pools, layouts), {:.1} % of the time.",
            100.0 * ms / steps.gpu_ms().max(f64::MIN_POSITIVE)
        ),
    }
}

fn roofline(area: &Area, ceilings: &Ceilings, series: &[Series], all_ms: f64) -> Result<()> {
    let (across, up) = ranges(ceilings, series);
    let mut chart = ChartBuilder::on(area)
        .margin_left(12)
        .margin_right(16)
        .margin_top(8)
        .x_label_area_size(AXIS)
        .y_label_area_size(64)
        .build_cartesian_2d(across.clone().log_scale(), up.clone().log_scale())
        .map_err(failed)?;
    chart
        .configure_mesh()
        .x_desc("FLOP per byte moved")
        .y_desc("GFLOP/s")
        .x_label_formatter(&|value| tick(*value))
        .y_label_formatter(&|value| tick(*value))
        .label_style(ink(SMALL))
        .axis_desc_style(ink(SMALL))
        .axis_style(GREY)
        .bold_line_style(FAINT)
        .light_line_style(WHITE)
        .draw()
        .map_err(failed)?;
    for (number, series) in series.iter().enumerate() {
        dots(&mut chart, series, number, all_ms)?;
    }
    roof(&mut chart, ceilings, &across, &up)
}

/// Whole decades around the ridge and all dots, with room for what is written above the lines.
fn ranges(ceilings: &Ceilings, series: &[Series]) -> (Range<f64>, Range<f64>) {
    let layers = || series.iter().flat_map(|series| &series.layers);
    let ridge = ceilings.fma_gflop_per_s / ceilings.copy_gb_per_s;
    let across = decades(layers().map(|layer| layer.intensity).chain([ridge / 10.0, ridge * 3.0]));
    let top = ceilings.fma_gflop_per_s;
    (across, decades(layers().map(|layer| layer.gflop_per_s).chain([top / 10.0, top * 1.6])))
}

/// A little more than whole decades, so that the ticks at either end are drawn.
fn decades(values: impl Iterator<Item = f64>) -> Range<f64> {
    let (low, high) = values.fold((f64::MAX, f64::MIN_POSITIVE), |(low, high), v| (low.min(v), high.max(v)));
    0.999 * 10f64.powf(low.log10().floor())..1.001 * 10f64.powf(high.log10().ceil())
}

/// Decades as people write them, however small.
fn tick(value: f64) -> String {
    let decade = value.log10().round();
    if decade < -4.0 { format!("1e{decade}") } else { 10f64.powf(decade).to_string() }
}

/// The two ceilings, each with its value, from the left edge or the bottom to the right edge.
fn roof(chart: &mut Chart, ceilings: &Ceilings, across: &Range<f64>, up: &Range<f64>) -> Result<()> {
    let Ceilings { fma_gflop_per_s: fma, copy_gb_per_s: copy } = *ceilings;
    let ridge = fma / copy;
    let left = across.start.max(up.start / copy);
    let corners = [(left, left * copy), (ridge, fma), (across.end, fma)];
    chart.draw_series(LineSeries::new(corners, INK.stroke_width(2))).map_err(failed)?;
    // Above the lines: dots lie below them.
    let beside = left * (ridge / left).powf(0.75);
    let moved = format!("copy: {} GB/s", rounded(copy));
    label(chart, (beside, beside * copy), &moved, (-10, -8))?;
    label(chart, (across.end, fma), &format!("multiply-adds: {} GFLOP/s", rounded(fma)), (-4, -12))
}

/// Writes a text that ends so many pixels from a point.
fn label(chart: &mut Chart, at: (f64, f64), text: &str, shift: (i32, i32)) -> Result<()> {
    let style = ink(SMALL).pos(Pos::new(HPos::Right, VPos::Center));
    let label = EmptyElement::at(at) + Text::new(text.to_string(), shift, style);
    chart.draw_series([label]).map_err(failed)?;
    Ok(())
}

/// Three digits that count, or all before the point.
fn rounded(value: f64) -> String {
    let digits = (2.0 - value.log10().floor()).clamp(0.0, 6.0) as usize;
    format!("{value:.digits$}")
}

fn dots(chart: &mut Chart, series: &Series, number: usize, all_ms: f64) -> Result<()> {
    let mut layers = series.layers.clone();
    // Small ones last, on top.
    layers.sort_by(|a, b| b.gpu_ms.total_cmp(&a.gpu_ms));
    let dot = |layer: &&Layer| {
        let radius = (RADIUS * (layer.gpu_ms / all_ms).sqrt()).max(SMALLEST);
        Circle::new((layer.intensity, layer.gflop_per_s), radius, style(number))
    };
    chart.draw_series(layers.iter().map(dot)).map_err(failed)?;
    Ok(())
}

/// Of the kernel with this number in the list.
fn style(number: usize) -> ShapeStyle {
    let colour = COLOURS[number % COLOURS.len()].mix(0.7);
    if number < COLOURS.len() { colour.filled() } else { colour.stroke_width(3) }
}

/// The kernels with their colours, below one another.
fn list(area: &Area, series: &[Series]) -> Result<()> {
    for (number, (series, y)) in series.iter().zip((24..).step_by(LEGEND_ROW)).enumerate() {
        area.draw(&Rectangle::new([(12, y - 6), (24, y + 6)], style(number))).map_err(failed)?;
        put(area, &shortened(series.kernel, MAX_NAME), (32, y), ink(SMALL), HPos::Left)?;
        let (steps, share) = (series.layers.len(), 100.0 * series.share);
        put(
            area,
            &format!("{steps} step(s), {share:.1} % of the time"),
            (32, y + 17),
            ink(SMALL),
            HPos::Left,
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{Bound, KernelSummary};

    fn layer(kernel: &str, multiply_adds: u64) -> Layer {
        Layer {
            kernel: kernel.into(),
            node: String::new(),
            operator: String::new(),
            gpu_ms: 1.0,
            gflop_per_s: 2e-6 * multiply_adds as f64,
            bytes: 1_000_000,
            multiply_adds,
            intensity: 2e-6 * multiply_adds as f64,
            bound: Bound::Memory,
            fraction: Some(0.5),
        }
    }

    fn summary(kernel: &str, share: f64) -> KernelSummary {
        let (gpu_ms, gflop_per_s, fraction) = (4.0 * share, 1.0, Some(0.5));
        KernelSummary { kernel: kernel.into(), dispatches: 1, gpu_ms, share, gflop_per_s, bytes: 1, fraction }
    }

    fn steps() -> Steps {
        Steps {
            ceilings: Some(Ceilings { fma_gflop_per_s: 76.25, copy_gb_per_s: 0.512 }),
            outside_ms: Some(0.0),
            kernels: vec![summary("conv<1>", 0.5), summary("dense", 0.25), summary("pool", 0.25)],
            layers: vec![
                layer("conv<1>", 20_000_000),
                layer("pool", 0),
                layer("conv<1>", 1_000_000),
                layer("dense", 40_000),
            ],
        }
    }

    #[test]
    fn a_dot_is_drawn_for_each_step_with_multiply_adds() {
        let svg = plot(&steps(), "net & more", "here").unwrap();
        assert_eq!(svg.matches("<circle").count(), 3, "{svg}");
        for text in
            ["net &amp; more", "conv&lt;1&gt;", "76.2 GFLOP/s", "0.512 GB/s", "1 step(s) without", "25.0 %"]
        {
            assert!(svg.contains(text), "no '{text}' in {svg}");
        }
    }

    #[test]
    fn a_network_without_multiply_adds_has_a_roofline_without_dots() {
        let steps = Steps { layers: vec![layer("pool", 0)], kernels: vec![summary("pool", 1.0)], ..steps() };
        let svg = plot(&steps, "", "").unwrap();
        assert_eq!(svg.matches("<circle").count(), 0, "{svg}");
    }

    #[test]
    fn what_was_not_measured_is_not_drawn() {
        assert!(plot(&Steps::default(), "", "").is_err());
        assert!(plot(&Steps { layers: vec![], ..steps() }, "", "").is_err());
    }

    #[test]
    fn axes_span_whole_decades() {
        let close = |range: Range<f64>, [low, high]: [f64; 2]| {
            (range.start / low - 1.0).abs() < 0.01 && (range.end / high - 1.0).abs() < 0.01
        };
        assert!(close(decades([0.5, 30.0].into_iter()), [0.1, 100.0]));
        assert!(close(decades([1e-7, 1.0].into_iter()), [1e-7, 1.0]));
        assert_eq!([0.1, 1.0, 1000.0, 1e-7].map(tick), ["0.1", "1", "1000", "1e-7"]);
        assert_eq!([0.5123, 46.13, 51_300.4].map(rounded), ["0.512", "46.1", "51300"]);
    }
}
