//! `gyrus conformance`: whether a device computes right.

mod print;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use gyrus::conformance::report::{DeviceReport, Report};
use gyrus::conformance::{self, Engine, Suite, builtin, docs, expect, export, junit, onnx};
use gyrus::{Device, ops};

use super::Outcome;
use super::output::{Format, unless_closed};
use super::progress;

/// Check that a device computes right, operator by operator. Exit code 1 when a case fails.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// builtin: the operators' own cases with every kernel that applies; onnx: the ONNX project's test data
    #[arg(long, value_enum, default_value_t = Which::Builtin)]
    suite: Which,
    /// Where the test data lies: onnx/backend/test/data of the Python package onnx. NAME=DIR gives the suite a
    /// name, such as onnx-1.22.0; may be given several times
    #[arg(long, value_name = "[NAME=]DIR")]
    cases: Vec<String>,
    /// Only this group of the test data: node, simple, pytorch-operator, pytorch-converted or light; may be given
    /// several times
    #[arg(long, value_name = "GROUP")]
    group: Vec<String>,
    /// Only the builtin cases of this operator
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
    /// auto, cpu, software, the number of an adapter, part of its name; all is every adapter and the CPU engine
    #[arg(long, default_value = "auto")]
    device: String,
    /// Write the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Fail if an operator passes fewer cases than this file says
    #[arg(long, value_name = "FILE", conflicts_with = "group")]
    expect: Option<PathBuf>,
    /// Write how many cases pass, for --expect; what the file says of other suites stays
    #[arg(long, value_name = "FILE", conflicts_with = "group")]
    record: Option<PathBuf>,
    /// Write the cases as plans, WGSL and numbers, with a page that plays them in a browser, and run nothing here
    #[arg(long, value_name = "DIR", conflicts_with_all = ["junit", "expect", "record", "docs", "format"])]
    export: Option<PathBuf>,
    /// Write the table of operators for the documentation
    #[arg(long, value_name = "FILE", conflicts_with_all = ["group", "operator"])]
    docs: Option<PathBuf>,
    /// json is one object
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    Builtin,
    Onnx,
    All,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome> {
    let suites = suites(args)?;
    if let Some(folder) = &args.export {
        // As on a device: of a part of the suite nobody expects that it reaches all kernels.
        let is_whole = args.suite != Which::Onnx && args.operator.is_none();
        let kernels: Vec<&str> = ops::kernels().filter(|_| is_whole).map(|kernel| kernel.name).collect();
        let written = export::write(folder, &suites, &kernels)?;
        let (cases, runs) = (written.cases, written.runs);
        progress::notice(&format_args!("{cases} cases, computed in {runs} ways, in {}", folder.display()));
        return Ok(Outcome::AllGood);
    }
    let expected = args.expect.as_deref().map(expect::read).transpose()?;
    let mut all_good = true;
    let mut devices = Vec::new();
    for choice in choices(&args.device) {
        match Device::open(&choice) {
            Ok(device) => devices.push(on_device(&device, &suites, args.operator.is_none())),
            Err(error) => {
                progress::error_line(&error);
                all_good = false;
            }
        }
    }
    if devices.is_empty() {
        return Ok(Outcome::NothingRan);
    }
    let report = Report::new(devices);
    all_good &= report.totals.all_good();
    // The files first: what stdout goes to may close early.
    for problem in files(args, &report) {
        progress::error_line(&format_args!("{problem:#}"));
        all_good = false;
    }
    let missed = expected.map(|expected| expected.missed_by(&report)).unwrap_or_default();
    print::report(&report, args.format).or_else(unless_closed)?;
    missed.iter().for_each(|line| progress::error_line(line));
    Ok(if all_good && missed.is_empty() { Outcome::AllGood } else { Outcome::SomeFailed })
}

fn suites(args: &Args) -> Result<Vec<Suite>> {
    let mut suites = Vec::new();
    if args.suite != Which::Onnx {
        suites.push(builtin::suite(args.operator.as_deref())?);
    }
    if args.suite == Which::Builtin && !(args.cases.is_empty() && args.group.is_empty()) {
        bail!("--cases and --group belong to --suite onnx");
    }
    if args.suite == Which::Onnx && args.operator.is_some() {
        bail!("--operator belongs to --suite builtin");
    }
    if args.suite != Which::Builtin {
        if args.cases.is_empty() {
            bail!(
                "--suite onnx needs --cases DIR: onnx/backend/test/data of the Python package onnx (pip install onnx)"
            );
        }
        let named: Vec<&str> = args.group.iter().map(String::as_str).collect();
        let groups = if named.is_empty() { &onnx::GROUPS[..] } else { &named[..] };
        for cases in &args.cases {
            let (name, folder) = split_name(cases);
            if suites.iter().any(|suite: &Suite| suite.name == name) {
                bail!("two suites are called '{name}': give each a name, --cases NAME=DIR");
            }
            suites.push(onnx::suite(name, folder, groups)?);
        }
    }
    Ok(suites)
}

/// `NAME=DIR` or `DIR`; a folder's own name may hold an equals sign after a slash.
fn split_name(cases: &str) -> (&str, &Path) {
    match cases.split_once('=') {
        Some((name, folder)) if !name.is_empty() && !name.contains(['/', '\\']) => (name, folder.as_ref()),
        _ => (onnx::NAME, cases.as_ref()),
    }
}

/// The devices that `--device` means.
fn choices(device: &str) -> Vec<String> {
    if device != "all" {
        return vec![device.to_string()];
    }
    let adapters = gyrus::gpu::adapters();
    adapters.iter().map(|adapter| adapter.number.to_string()).chain(["cpu".to_string()]).collect()
}

fn on_device(device: &Device, suites: &[Suite], all_operators: bool) -> DeviceReport {
    if let Some(notice) = device.notice() {
        progress::notice(&notice);
    }
    let mut engine = Engine::new(device);
    let bar = progress::cases(suites.iter().map(|suite| suite.trials.len()).sum());
    let mut records = Vec::new();
    for suite in suites {
        records.extend(conformance::run(suite, &mut engine, &mut |record, _| {
            bar.set_message(record.path());
            bar.inc(1);
        }));
    }
    bar.finish_and_clear();
    engine.notices().iter().for_each(|notice| progress::notice(notice));
    let all_of_builtin = all_operators && suites.iter().any(|suite| suite.name == builtin::NAME);
    DeviceReport::new(&engine, records, all_of_builtin)
}

/// Writes the files that were asked for. A file that cannot be written costs the others nothing.
fn files(args: &Args, report: &Report) -> Vec<anyhow::Error> {
    let mut problems = Vec::new();
    let mut write = |path: &Option<PathBuf>, text: &dyn Fn(&Path) -> Result<String>| {
        let Some(path) = path else { return };
        let written = text(path).and_then(|text| {
            fs::write(path, text).with_context(|| format!("{}: cannot be written", path.display()))
        });
        problems.extend(written.err());
    };
    write(&args.junit, &|_| Ok(junit::write(report)?));
    write(&args.docs, &|_| Ok(docs::write(report)));
    write(&args.record, &|path| {
        let before = if path.exists() { expect::read(path)? } else { Default::default() };
        Ok(before.replaced_by(expect::Expectations::of(report)).text()?)
    });
    problems
}
