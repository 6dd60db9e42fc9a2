//! `gyrus inspect`: what is in a network, and what running it would take.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use gyrus::error::UnsupportedNode;
use gyrus::graph::network::{Dim, ValueDef};
use gyrus::plan::lowering::Choice;
use gyrus::plan::{Buffer, Plan, Precision, Range, Step, Target};
use gyrus::tuning::Cache;
use gyrus::{DType, Device, Model, Shape, session};
use serde::Serialize;

use super::device::Stored;
use super::output::{Column, Format, bytes, count, json_line, table, unless_closed};
use super::run::wanted;
use super::{Outcome, progress, shapes};

/// Show a network's inputs, outputs, operators and size, and what Gyrus cannot run of it.
///
/// Bytes and multiply-adds are those of the plan for this batch, on the least that WebGPU promises unless
/// a device is named. That a node is not supported is no error here: all of them are listed.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// An .onnx file, a model's folder, or its name in the models folder
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Show every step of the plan too
    #[arg(long)]
    plan: bool,
    /// Plan for this device: software, the number of an adapter, or part of its name
    #[arg(long)]
    device: Option<String>,
    /// Plan for textures that store numbers so
    #[arg(long, value_enum, default_value_t = Stored::F32)]
    precision: Stored,
    #[command(flatten)]
    shapes: shapes::Sizes,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Report {
    model: String,
    opset: i64,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    operators: Vec<Count>,
    parameters: u64,
    batch: usize,
    /// What the plan was made for.
    device: String,
    multiply_adds: Option<u64>,
    peak_device_bytes: Option<u64>,
    /// Why there is no plan.
    problem: Option<String>,
    unsupported: Vec<UnsupportedNode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<Plan>,
    #[serde(skip)]
    lines: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Port {
    name: String,
    dtype: DType,
    /// Open sizes by their names, or null where they have none.
    shape: Option<Vec<Size>>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Size {
    Fixed(usize),
    Named(String),
    Unknown,
}

#[derive(Debug, Serialize)]
struct Count {
    operator: String,
    count: u64,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome> {
    let model = Model::load(&args.model)?;
    let (device, target, choice) = target(args.device.as_deref(), args.precision.into())?;
    // Sizes that the user got wrong are an error, sizes that are still open are not.
    let shapes = match args.shapes.of(model.network()) {
        Err(error) if !args.shapes.input.is_empty() => return Err(error),
        shapes => shapes.map_err(|e| format!("{e}; give it with --input NAME=1x3x256x256")),
    };
    let mut report = report(&model, args.shapes.batch, device);
    let plan = |shapes: Vec<Shape>| session::compile(model.network(), &shapes, &target, &choice);
    add_plan(&mut report, shapes.and_then(|shapes| plan(shapes).map_err(|e| e.to_string())));
    if !args.plan {
        report.plan = None;
    }
    print(&report, args.format).or_else(unless_closed)?;
    Ok(Outcome::AllGood)
}

fn target(device: Option<&str>, precision: Precision) -> Result<(String, Target, Choice)> {
    let any = "any (the least that WebGPU promises)".to_string();
    let portable = || (any, Target { precision, ..Target::portable() }, Choice::default());
    let Some(device) = device else { return Ok(portable()) };
    let device = Device::open_storing(device, precision)?;
    let Some(gpu) = device.as_gpu() else { return Ok(portable()) };
    let (tunings, fault) = Cache::of(gpu).load();
    fault.iter().for_each(|fault| progress::notice(fault));
    Ok((gpu.name(), gpu.target().clone(), tunings.choice()))
}

fn report(model: &Model, batch: usize, device: String) -> Report {
    let network = model.network();
    let mut operators: BTreeMap<&str, u64> = BTreeMap::new();
    network.nodes.iter().for_each(|node| *operators.entry(&node.operator).or_default() += 1);
    let count = |(operator, count): (&str, u64)| Count { operator: operator.to_string(), count };
    Report {
        model: model.name.clone(),
        opset: network.opset,
        inputs: network.inputs.iter().map(port).collect(),
        outputs: network.outputs.iter().map(port).collect(),
        operators: operators.into_iter().map(count).collect(),
        parameters: network.parameters() as u64,
        batch,
        device,
        multiply_adds: None,
        peak_device_bytes: None,
        problem: None,
        unsupported: model.unsupported(),
        plan: None,
        lines: network.inputs.iter().chain(&network.outputs).map(wanted).collect(),
    }
}

fn port(value: &ValueDef) -> Port {
    let size = |dim: &Dim| match dim {
        Dim::Fixed(size) => Size::Fixed(*size),
        Dim::Named(name) => Size::Named(name.clone()),
        Dim::Unknown => Size::Unknown,
    };
    let shape = value.dims.as_ref().map(|dims| dims.iter().map(size).collect());
    Port { name: value.name.clone(), dtype: value.dtype, shape }
}

fn add_plan(report: &mut Report, plan: Result<Plan, String>) {
    if !report.unsupported.is_empty() {
        report.problem = Some(format!("{} node(s) are not supported", report.unsupported.len()));
        return;
    }
    match plan {
        Ok(plan) => {
            report.multiply_adds = Some(plan.multiply_adds());
            report.peak_device_bytes = Some(plan.device_bytes());
            report.plan = Some(plan);
        }
        Err(problem) => report.problem = Some(problem),
    }
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
    writeln!(out, "{} (operator set {})", report.model, report.opset)?;
    let ports =
        report.inputs.iter().map(|p| ("input", p)).chain(report.outputs.iter().map(|p| ("output", p)));
    for ((kind, port), line) in ports.zip(&report.lines) {
        writeln!(out, "    {kind:<16}  {} ({line})", port.name)?;
    }
    let operators = report.operators.iter().map(|o| format!("{} {}", o.count, o.operator));
    writeln!(out, "    {:<16}  {}", "operators", operators.collect::<Vec<_>>().join(", "))?;
    writeln!(out, "    {:<16}  {}", "parameters", count(report.parameters))?;
    let unknown = || "unknown".to_string();
    let batch = format!("at batch {}", report.batch);
    writeln!(out, "{batch}, planned for {}", report.device)?;
    writeln!(out, "    {:<16}  {}", "multiply-adds", report.multiply_adds.map_or_else(unknown, count))?;
    let peak = report.peak_device_bytes.map_or_else(unknown, bytes);
    writeln!(out, "    {:<16}  {peak}", "device memory")?;
    if let Some(problem) = &report.problem {
        writeln!(out, "cannot be run: {problem}")?;
    }
    let row = |n: &UnsupportedNode| vec![n.operator.clone(), n.node.clone(), n.reason.clone()];
    if !report.unsupported.is_empty() {
        let columns = [Column::Left("operator"), Column::Left("node"), Column::Left("why")];
        table(out, &columns, &report.unsupported.iter().map(row).collect::<Vec<_>>())?;
    }
    report.plan.as_ref().map_or(Ok(()), |plan| print_plan(out, plan))
}

fn print_plan(out: &mut impl Write, plan: &Plan) -> io::Result<()> {
    let slabs = plan.slabs.iter().enumerate().map(|(i, &b)| format!("s{i} {}", bytes(b)));
    let textures = plan.textures.iter().enumerate().map(|(i, &b)| format!("t{i} {}", bytes(b)));
    let halves = plan.half_textures.iter().enumerate().map(|(i, &b)| format!("h{i} {} of f16", bytes(b)));
    let slabs: Vec<String> = slabs.chain(textures).chain(halves).collect();
    let weights = bytes(plan.weight_bytes());
    writeln!(out, "\nslabs: {}; weights: {weights} in {}\n", slabs.join(", "), plan.weights.len())?;
    let columns = [
        Column::Right("step"),
        Column::Left("node"),
        Column::Left("operator"),
        Column::Left("kernel"),
        Column::Left("grid"),
        Column::Left("reads -> writes"),
        Column::Right("bytes"),
        Column::Right("multiply-adds"),
        Column::Left("constants"),
    ];
    let rows: Vec<Vec<String>> = plan.steps.iter().enumerate().map(|(i, step)| step_row(i, step)).collect();
    table(out, &columns, &rows)
}

fn step_row(number: usize, step: &Step) -> Vec<String> {
    let reads: Vec<String> = step.inputs.iter().map(range).collect();
    let constants: Vec<String> =
        step.constants.iter().map(|(name, value)| format!("{name}={value}")).collect();
    vec![
        number.to_string(),
        step.node.clone(),
        step.operator.clone(),
        step.kernel.to_string(),
        step.grid.map(|g| g.to_string()).join("x"),
        format!("{} -> {}", reads.join(" "), range(&step.output)),
        count(step.bytes),
        count(step.multiply_adds),
        constants.join(" "),
    ]
}

/// A slab or texture with the offset, or a number of weights.
fn range(range: &Range) -> String {
    match range.buffer {
        Buffer::Slab(slab) => format!("s{slab}+{}", range.offset),
        Buffer::Texture(texture) => format!("t{texture}+{}", range.offset),
        Buffer::HalfTexture(texture) => format!("h{texture}+{}", range.offset),
        Buffer::Weights(weights) => format!("w{weights}"),
    }
}
