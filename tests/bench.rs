//! `gyrus bench`: steps held against the ceilings of their device, as numbers and as a roofline.

mod common;

use std::fs;
use std::path::Path;

use common::command::{arg, errors, gyrus, lines, network};
use gyrus::Device;
use gyrus::gpu::Ceilings;
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;

/// Runs `gyrus bench` on a small network in a folder, on the software adapter unless told otherwise.
fn bench(folder: &Path, arguments: &[&str]) -> std::process::Output {
    let model = arg(&network("classifier"));
    gyrus(folder, &[&["bench", &model, "--device", "software", "--batch", "8"], arguments].concat())
}

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("no number '{key}' in {value}"))
}

/// How many elements of a name a well-formed XML text holds.
fn count(xml: &str, name: &str) -> usize {
    let mut reader = Reader::from_str(xml);
    let mut count = 0;
    loop {
        match reader.read_event().unwrap_or_else(|e| panic!("{e} in {xml}")) {
            Event::Start(tag) | Event::Empty(tag) => {
                let broken = tag.attributes().find_map(Result::err);
                assert!(broken.is_none(), "{broken:?} in {xml}");
                count += usize::from(tag.name().as_ref() == name.as_bytes());
            }
            Event::Eof => return count,
            _ => {}
        }
    }
}

#[test]
fn ceilings_are_positive_and_finite() {
    let device = Device::open("software").expect("needs a software adapter: run scripts/test");
    let ceilings = Ceilings::measure(device.as_gpu().expect("a GPU to wgpu")).expect("ceilings");
    // A hundredth and a hundred times what one core does: a unit that is off by a thousand is noticed.
    let is_likely = |rate: f64, core: f64| (core / 100.0..core * 1000.0).contains(&rate);
    assert!(
        is_likely(ceilings.fma_gflop_per_s, 40.0) && is_likely(ceilings.copy_gb_per_s, 1.0),
        "{ceilings:?}"
    );
}

#[test]
fn no_step_passes_its_ceiling_and_every_one_is_drawn() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = bench(folder.path(), &["--runs", "100", "--plot", "p.svg", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report = lines(&output).remove(0);
    let [fma, copy] = ["fma_gflop_per_s", "copy_gb_per_s"].map(|key| number(&report["ceilings"], key));
    let layers = report["layers"].as_array().expect("layers");
    let computing: Vec<&Value> = layers.iter().filter(|layer| layer["multiply_adds"] != 0).collect();
    assert!(!computing.is_empty() && computing.len() < layers.len(), "{report}");
    for layer in layers {
        // Room for neighbours who keep the machine busy while the ceilings are measured.
        let fraction = number(layer, "fraction");
        assert!(fraction > 0.0 && fraction < 1.5, "{layer} under {fma} GFLOP/s, {copy} GB/s");
    }
    for layer in &computing {
        let attainable = fma.min(number(layer, "intensity") * copy);
        let fraction = number(layer, "gflop_per_s") / attainable;
        assert!((fraction / number(layer, "fraction") - 1.0).abs() < 1e-9, "{layer}");
        assert_eq!(layer["bound"], if attainable < fma { "memory" } else { "compute" }, "{layer}");
    }
    check_summary(&report, layers);
    let svg = fs::read_to_string(folder.path().join("p.svg")).expect("a plot");
    assert_eq!(count(&svg, "circle"), computing.len(), "{svg}");
    for text in ["Roofline of classifier", "without multiply-adds"] {
        assert!(svg.contains(text), "no '{text}' in {svg}");
    }
    // Three digits of it, whatever the machine.
    let shown = svg.split_once("multiply-adds: ").and_then(|(_, rest)| rest.split_once(" GFLOP/s"));
    let shown: f64 = shown.and_then(|(number, _)| number.parse().ok()).expect("the ceiling's number");
    assert!((shown / fma - 1.0).abs() < 0.01, "{shown} for {fma}");
}

/// Kernels, percentiles and the time outside of kernels follow from one another.
fn check_summary(report: &Value, layers: &[Value]) {
    let kernels = report["kernels"].as_array().expect("kernels");
    let sum = |list: &[Value], key: &str| list.iter().map(|entry| number(entry, key)).sum::<f64>();
    assert_eq!(sum(kernels, "dispatches"), layers.len() as f64, "{report}");
    assert_eq!(sum(kernels, "bytes"), sum(layers, "bytes"), "{report}");
    assert!((sum(kernels, "share") - 1.0).abs() < 1e-9, "{report}");
    let inside = sum(layers, "gpu_ms");
    assert!((sum(kernels, "gpu_ms") - inside).abs() < 1e-9, "{report}");
    let outside = (number(report, "median_ms") - inside).max(0.0);
    assert!((number(report, "outside_ms") - outside).abs() < 1e-9, "{report}");
    let times =
        ["min_ms", "p10_ms", "median_ms", "p90_ms", "p99_ms", "max_ms"].map(|key| number(report, key));
    assert!(times.is_sorted(), "{report}");
}

#[test]
fn a_plot_takes_the_place_of_an_older_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("p.svg");
    fs::write(&path, "old").expect("a file");
    let output = bench(folder.path(), &["--runs", "1", "--plot", "p.svg"]);
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(table.contains("of ceiling") && table.contains("ceilings, measured: "), "{output:?}");
    assert!(count(&fs::read_to_string(&path).expect("a plot"), "svg") == 1);
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "a part file is left");
}

#[test]
fn what_cannot_be_drawn_is_refused_before_the_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("folder")).expect("a folder");
    // So many runs would take an hour.
    let runs = ["--runs", "100000"];
    let cases: [(&[&str], &[&str]); 3] = [
        (&["--plot", "gone/p.svg"], &["gone/p.svg: cannot be written"]),
        (&["--plot", "folder"], &["folder: is a folder"]),
        (&["--plot", "p.svg", "--device", "cpu"], &["device 'cpu'", "cannot time single steps", "--plot"]),
    ];
    for (arguments, reasons) in cases {
        let model = arg(&network("classifier"));
        let device: &[&str] = if arguments.contains(&"--device") { &[] } else { &["--device", "software"] };
        let output = gyrus(folder.path(), &[&["bench", &model], &runs[..], arguments, device].concat());
        let errors = errors(&output);
        assert_eq!((output.status.code(), errors.len()), (Some(2), 1), "{arguments:?}: {output:?}");
        assert!(reasons.iter().all(|reason| errors[0].contains(reason)), "{arguments:?}: {errors:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
    }
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "something is left behind");
}
