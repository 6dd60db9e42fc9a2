//! Seeded mutations of ONNX files: reading, building and planning may refuse them, never panic.
//!
//! Only inputs that are still protobuf count: what is refused by its first byte proves little.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use common::command::network;
use fastrand::Rng;
use gyrus::graph::{self, input_shapes};
use gyrus::onnx;
use gyrus::ops::OPS;
use gyrus::plan::lowering::Choice;
use gyrus::plan::{Target, plan};

/// Inputs past protobuf, for each file.
const WANTED: usize = 30_000;
/// Attempts to get them, for each file.
const ATTEMPTS: usize = 600_000;
/// The least number of inputs, over all files, that must still be whole networks.
const NETWORKS: usize = 60_000;

/// Mutations of each case of an operator.
const MUTATIONS_A_CASE: usize = 100;

const SEEDS: [&str; 9] = [
    "classifier/model.onnx",
    "deep.onnx",
    "relu.onnx",
    "two-inputs.onnx",
    "shape.onnx",
    "arithmetic.onnx",
    "unsupported.onnx",
    "hostile/cycle.onnx",
    "hostile/raw-length.onnx",
];

/// One file with a few bytes changed, cut out, doubled, or moved from elsewhere in it.
fn mutated(original: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for _ in 0..rng.usize(1..=3) {
        let at = rng.usize(0..bytes.len());
        let end = (at + rng.usize(1..=8)).min(bytes.len());
        match rng.u8(0..10) {
            0 => drop(bytes.drain(at..end)),
            1 => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            2 => {
                // The same length, so that the lengths around it stay true.
                let from = rng.usize(0..bytes.len());
                let length = (end - at).min(bytes.len() - from);
                let to = at.min(bytes.len() - length);
                bytes.copy_within(from..from + length, to);
            }
            3 => bytes[at] = if rng.bool() { 0 } else { 0xff },
            4 => bytes[at] = 0x7f,
            5 => bytes[at] ^= 1 << rng.u8(0..8),
            6 => bytes[at] = bytes[at].wrapping_add(1),
            _ => bytes[at] = rng.u8(..),
        }
        if bytes.is_empty() {
            return vec![0];
        }
    }
    bytes
}

/// How far an input got, or what it did wrong.
enum Verdict {
    NotProtobuf,
    Refused,
    Network,
    Fault(String),
}

fn judge(bytes: &[u8]) -> Verdict {
    match catch_unwind(AssertUnwindSafe(|| try_all(bytes))) {
        Ok(verdict) => verdict,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_string()));
            Verdict::Fault(format!("panicked: {}", text.unwrap_or_default()))
        }
    }
}

fn try_all(bytes: &[u8]) -> Verdict {
    let network = match onnx::parse_bytes(bytes) {
        Ok(network) => network,
        Err(e) if e.to_string().contains("not an ONNX file, or a damaged one") => {
            return Verdict::NotProtobuf;
        }
        Err(e) => return one_line(&e.to_string(), Verdict::Refused),
    };
    graph::unsupported(&network);
    let given = network.inputs.iter().filter(|i| i.dims.as_ref().is_some_and(|d| d.len() == 4));
    let given = given.map(|i| (i.name.clone(), gyrus::Shape::new([1, 3, 9, 7]).expect("a shape"))).collect();
    let shapes =
        input_shapes(&network, &Default::default(), 2).or_else(|_| input_shapes(&network, &given, 1));
    let planned = shapes.and_then(|shapes| {
        let mut graph = graph::build(&network, &shapes)?;
        graph::fuse(&mut graph);
        let plan = plan(&graph, &Target::portable(), &Choice::default())?;
        Ok((plan.device_bytes(), plan.multiply_adds()))
    });
    match planned {
        Ok(_) => Verdict::Network,
        Err(e) => one_line(&e.to_string(), Verdict::Refused),
    }
}

fn one_line(error: &str, good: Verdict) -> Verdict {
    if error.contains('\n') { Verdict::Fault(format!("several lines: {error}")) } else { good }
}

#[test]
fn mutated_networks_never_panic() {
    let (mut faults, mut networks) = (Vec::new(), 0);
    for (i, name) in SEEDS.iter().enumerate() {
        let path: PathBuf = network(name);
        let original = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let mut rng = Rng::with_seed(0x6f6e_6e78_0000 + i as u64);
        let mut past = 0;
        for attempt in 0..ATTEMPTS {
            if past == WANTED {
                break;
            }
            match judge(&mutated(&original, &mut rng)) {
                Verdict::NotProtobuf => continue,
                Verdict::Refused => {}
                Verdict::Network => networks += 1,
                Verdict::Fault(fault) => faults.push(format!("{name}, attempt {attempt}: {fault}")),
            }
            past += 1;
        }
        assert_eq!(past, WANTED, "{name}: too few inputs are still protobuf");
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert!(networks >= NETWORKS, "only {networks} inputs could still be planned");
}

/// Mutated networks of one node, one of every case of every operator: hostile attributes, axes, shapes and indices.
#[test]
fn mutated_operators_never_panic() {
    let (mut faults, mut networks) = (Vec::new(), 0);
    let cases = OPS.iter().flat_map(|operator| (operator.cases)());
    // What they add is size, which mutations do not need.
    let small = cases.filter(|case| !case.name.starts_with("past"));
    for (i, case) in small.enumerate() {
        let (network, _) = case.network().unwrap_or_else(|e| panic!("{}: {e}", case.name));
        let original = onnx::write(&network);
        let mut rng = Rng::with_seed(0x6361_7365_0000 + i as u64);
        for attempt in 0..MUTATIONS_A_CASE {
            match judge(&mutated(&original, &mut rng)) {
                Verdict::NotProtobuf | Verdict::Refused => {}
                Verdict::Network => networks += 1,
                Verdict::Fault(fault) => {
                    faults.push(format!("{} '{}', attempt {attempt}: {fault}", case.operator, case.name));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert!(networks >= 5_000, "only {networks} inputs could still be planned");
}
