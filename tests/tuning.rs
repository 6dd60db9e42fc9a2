//! Tuning on the software adapter: what is measured, checked, dropped and remembered, and who uses it.

#[path = "common/network.rs"]
mod network;
#[path = "common/sealed.rs"]
mod sealed;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gyrus::graph::network::Network;
use gyrus::graph::{self, Graph};
use gyrus::onnx::OnnxFile;
use gyrus::ops::case::values;
use gyrus::plan::lowering::Choice;
use gyrus::plan::{Precision, plan_and_decisions, site};
use gyrus::tuning::{
    Adapters, Cache, Candidate, DEFAULT, Dropped, Event, Halt, Pace, Scope, SiteTimes, Subject, Tuner,
    Tunings, Waiting, use_folder,
};
use gyrus::{Device, Session, Shape};
use network::{Builder, mixed};
use sealed::{opened, sealed};

/// The kernel that strided convolutions take on a software adapter by default, the kernels that share a text with it, and
/// that text.
const DEFAULT_KERNEL: &str = "conv_subgroup_texels_f32";
const DEFAULT_FAMILY: [&str; 2] = ["conv_subgroup_f32", DEFAULT_KERNEL];
const DEFAULT_TEXT: &str = "var row = octets * octet_rows + subgroup_lane % 8u;";
const DEFAULT_BROKEN: &str = "var row = octets * octet_rows + (subgroup_lane + 1u) % 8u;";

fn software() -> Device {
    Device::open("software").expect("needs a software adapter: run scripts/test")
}

fn subject() -> Subject {
    let [gyrus, adapter, backend, driver, shaders] = ["1", "a/b c", "vulkan", "d", "e"].map(String::from);
    Subject { gyrus, adapter, backend, driver, precision: Precision::F32, shaders }
}

fn fused(network: &Network, shape: &[usize]) -> Graph {
    let mut graph = graph::build(network, &[Shape::new(shape).unwrap()]).unwrap();
    graph::fuse(&mut graph);
    graph
}

fn convolution(stride: i64, weights: u64) -> Network {
    let mut network = Builder::new(&[-1, 16, 9, 9]).conv("x", "a", 16, 16).ints("strides", &[stride, stride]);
    network = network.norm("a", "n", 16).node("Relu", &["n"], "y");
    let mut network = network.finish(&["y"]);
    for (seed, constant) in (weights..).zip(network.constants.values_mut()) {
        // Variances stay positive.
        let positive = constant.as_f32().unwrap().iter().all(|v| *v > 0.0);
        let other = values(constant.shape(), seed);
        *constant = Arc::new(if positive { other.absolute() } else { other });
    }
    network
}

/// Tunes a network at one shape, and returns what is remembered of the device then.
fn tune(device: &Device, cache: &Cache, network: &Network, shape: &[usize], scope: Scope) -> Tunings {
    tune_at(device, cache, network, shape, scope, &mut Waiting).unwrap_or_else(|e| panic!("{e:?}"));
    let (tunings, fault) = cache.load();
    assert_eq!(fault, None);
    tunings
}

fn tune_at(
    device: &Device,
    cache: &Cache,
    network: &Network,
    shape: &[usize],
    scope: Scope,
    pace: &mut dyn Pace,
) -> Result<Tunings, Halt> {
    let shapes = [Shape::new(shape).unwrap()];
    let gpu = device.as_gpu().expect("a software adapter is a GPU to wgpu");
    Tuner { gpu, cache, network, shapes: &shapes, model: "test", scope }.tune(pace)
}

fn cache_in(folder: &Path, device: &Device) -> Cache {
    Cache::at(folder, Subject::of(device.as_gpu().unwrap()))
}

#[test]
fn a_site_is_what_speed_depends_on() {
    let site_of = |network: &Network, shape: &[usize]| {
        let graph = fused(network, shape);
        assert_eq!(graph.nodes.len(), 1, "{:?}", graph.nodes);
        site(&graph, &graph.nodes[0])
    };
    let one = site_of(&convolution(1, 1), &[1, 16, 9, 9]);
    assert_eq!(one, site_of(&convolution(1, 2), &[1, 16, 9, 9]));
    assert_ne!(one, site_of(&convolution(1, 1), &[2, 16, 9, 9]));
    let plain = Builder::new(&[-1, 16, 9, 9]).conv("x", "y", 16, 16).finish(&["y"]);
    assert_ne!(one, site_of(&plain, &[1, 16, 9, 9]));
    // Windows of 1x1: shapes do not tell the stride on a single pixel.
    let strided = |stride: i64| {
        let b = Builder::new(&[-1, 4, 1, 1]).weighted("Conv", "x", "y", &[4, 4, 1, 1], 4);
        b.ints("strides", &[stride, stride]).finish(&["y"])
    };
    assert_ne!(site_of(&strided(1), &[1, 4, 1, 1]), site_of(&strided(2), &[1, 4, 1, 1]));
    assert!(one.starts_with("Conv+BatchNormalization+Relu 1x16x9x9 (16x16x3x3)"), "{one}");
}

#[test]
fn no_operator_shows_its_weights() {
    // Sites are fingerprints of this text: with weights in it, no two layers would share one.
    for operator in gyrus::ops::OPS {
        for case in (operator.cases)() {
            let Ok((network, inputs)) = case.network() else { continue };
            let shapes: Vec<Shape> = inputs.iter().map(|t| t.shape().clone()).collect();
            let Ok(mut graph) = graph::build(&network, &shapes) else { continue };
            graph::fuse(&mut graph);
            for node in &graph.nodes {
                let text = format!("{:?}", node.op);
                assert!(text.len() < 1000, "{} '{}': {text}", operator.name, case.name);
            }
        }
    }
}

#[test]
fn plans_take_winners_and_tell_their_decisions() {
    let device = software();
    let target = device.as_gpu().unwrap().target();
    let graph = fused(&convolution(2, 1), &[1, 16, 9, 9]);
    let chosen = |winner: &str| {
        let winners = BTreeMap::from([(site(&graph, &graph.nodes[0]), winner.to_string())]);
        let (plan, decisions) =
            plan_and_decisions(&graph, target, &Choice { winners, ..Choice::default() }).unwrap();
        assert!(plan.steps.iter().any(|step| step.kernel == decisions[0].chosen));
        assert!(decisions[0].candidates.len() > 1 && decisions[0].site == site(&graph, &graph.nodes[0]));
        decisions[0].chosen
    };
    assert_eq!(chosen("conv_tile_f32"), "conv_tile_f32");
    for unknown in ["no such kernel", "reduce_lane_f32", ""] {
        assert_eq!(chosen(unknown), DEFAULT_KERNEL);
    }
}

/// Something in every part of the file.
fn some(subject: Subject) -> Tunings {
    let mut tunings = Tunings::none(subject);
    let candidate = |kernel: &str, milliseconds, fault: Option<&str>| Candidate {
        kernel: kernel.into(),
        milliseconds,
        fault: fault.map(String::from),
    };
    let candidates = vec![
        candidate(DEFAULT_KERNEL, Some(2.0), None),
        candidate("conv_tile_f32", Some(1.0), None),
        candidate("conv_grouped_f32", None, Some("computes wrong")),
    ];
    let site = SiteTimes { candidates, winner: Some("conv_tile_f32".into()), measured: 1 };
    tunings.sites.insert("here".into(), site);
    let dropped = Dropped { reason: "element 3".into(), measured: 1 };
    tunings.dropped.insert("conv_grouped_f32".into(), dropped);
    tunings
}

#[test]
fn what_is_kept_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path(), subject());
    assert_eq!(cache.load(), (Tunings::none(subject()), None));
    let kept = some(subject());
    cache.merge(&kept, &BTreeSet::new()).unwrap();
    assert_eq!(cache.load(), (kept.clone(), None));
    let choice = kept.choice();
    assert_eq!(choice.winners.get("here").map(String::as_str), Some("conv_tile_f32"));
    assert!(choice.dropped.contains("conv_grouped_f32"));
    assert_eq!(kept.sites["here"].fastest(), Some("conv_tile_f32"));
    // Another device has a file of its own, and one can be checked anew.
    let other = Subject { driver: "newer".into(), ..subject() };
    assert_eq!(Cache::at(folder.path(), other.clone()).load(), (Tunings::none(other), None));
    cache.merge(&Tunings::none(subject()), &BTreeSet::from(["conv_grouped_f32".into()])).unwrap();
    let (tunings, _) = cache.load();
    assert!(tunings.dropped.is_empty() && tunings.sites.len() == 1);
}

#[test]
fn a_file_that_cannot_be_used_is_ignored_with_a_message_and_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path(), subject());
    let kept = some(subject());
    cache.merge(&kept, &BTreeSet::new()).unwrap();
    let path = cache.path().unwrap().to_path_buf();
    let text = fs::read_to_string(&path).unwrap();
    let said = opened(&text).to_string();
    let saying = |from: &str, to: &str| {
        assert!(said.contains(from), "{from}");
        sealed(&said.replace(from, to)).into_bytes()
    };
    let huge = format!("{text}{}", " ".repeat(17 << 20));
    let cases: [(&str, Vec<u8>, &str); 11] = [
        ("empty", vec![], "is damaged"),
        ("truncated", text.as_bytes()[..text.len() / 2].to_vec(), "is damaged"),
        ("no JSON", b"\x00\xff\xfe".to_vec(), "cannot be read"),
        ("deep", "[".repeat(100_000).into_bytes(), "is damaged"),
        ("a future form", text.replace("\"format\": 2", "\"format\": 3").into_bytes(), "has the form 3"),
        ("one digit", text.replace("2.0", "3.0").into_bytes(), "digest"),
        ("foreign", saying("\"driver\":\"d\"", "\"driver\":\"f\""), "of another adapter"),
        ("unknown kernel", saying("conv_tile_f32", "evil"), "the kernel 'evil'"),
        ("a time that is none", saying("2.0", "-2.0"), "time that cannot be"),
        ("a time too large", saying("2.0", "2e999"), "is damaged"),
        ("huge", huge.into_bytes(), "larger than"),
    ];
    for (name, bytes, reason) in cases {
        fs::write(&path, bytes).unwrap();
        let (tunings, fault) = cache.load();
        assert_eq!(tunings, Tunings::none(subject()), "{name}");
        let fault = fault.unwrap_or_else(|| panic!("{name}: no message"));
        assert!(
            fault.contains(reason) && fault.contains("ignored") && !fault.contains('\n'),
            "{name}: {fault}"
        );
        cache.merge(&kept, &BTreeSet::new()).unwrap();
        assert_eq!(cache.load(), (kept.clone(), None), "{name}");
    }
    // No file at all, and a folder in its place.
    fs::remove_file(&path).unwrap();
    assert_eq!(cache.load(), (Tunings::none(subject()), None));
    fs::create_dir(&path).unwrap();
    assert!(cache.load().1.is_some());
    assert!(cache.merge(&kept, &BTreeSet::new()).is_err());
}

#[test]
fn writers_at_the_same_time_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let writer = |number: usize| {
        let cache = Cache::at(folder.path(), subject());
        for round in 0..8 {
            let mut tunings = Tunings::none(subject());
            let site = some(subject()).sites.remove("here").unwrap();
            tunings.sites.insert(format!("{number} {round}"), site);
            cache.merge(&tunings, &BTreeSet::new()).unwrap();
            assert_eq!(cache.load().1, None);
        }
    };
    std::thread::scope(|scope| {
        (0..6).for_each(|number| drop(scope.spawn(move || writer(number))));
    });
    let cache = Cache::at(folder.path(), subject());
    assert_eq!(cache.load().0.sites.len(), 48);
    let names = fs::read_dir(cache.path().unwrap().parent().unwrap()).unwrap();
    assert_eq!(names.count(), 2, "only the file and its lock are left");
}

#[test]
fn a_tiny_network_is_tuned() {
    let (device, folder) = (software(), tempfile::tempdir().unwrap());
    let cache = cache_in(folder.path(), &device);
    let tunings = tune(&device, &cache, &mixed(), &[2, 3, 14, 10], Scope::Everything);
    assert!(tunings.dropped.is_empty(), "{:?}", tunings.dropped);
    assert!(tunings.sites.len() >= 4, "{:?}", tunings.sites.keys());
    for (site, times) in &tunings.sites {
        assert!(times.candidates.len() > 1 && times.winner.is_some(), "{site}: {times:?}");
        for candidate in &times.candidates {
            assert!(candidate.milliseconds.is_some_and(|ms| ms > 0.0), "{site}: {candidate:?}");
        }
    }
    let network = tunings.networks.values().next().expect("the network");
    assert_eq!((network.model.as_str(), network.plans[0].name.as_str()), ("test", DEFAULT));
    assert_eq!(network.inputs, ["x=2x3x14x10"]);
    assert!(network.plans.iter().all(|plan| plan.fault.is_none()), "{:?}", network.plans);
    // What is known is not measured again; what is asked for is.
    let before = fs::metadata(cache.path().unwrap()).unwrap().modified().unwrap();
    tune(&device, &cache, &mixed(), &[2, 3, 14, 10], Scope::Unknown);
    assert_eq!(before, fs::metadata(cache.path().unwrap()).unwrap().modified().unwrap());
    // Plans with any winners at all compute what the default computes.
    let graph = fused(&mixed(), &[2, 3, 14, 10]);
    let target = device.as_gpu().unwrap().target();
    let (_, decisions) = plan_and_decisions(&graph, target, &tunings.choice()).unwrap();
    for decision in decisions.iter().filter(|d| d.candidates.len() > 1) {
        assert_eq!(Some(decision.chosen), tunings.sites[&decision.site].winner.as_deref());
    }
}

/// Remembers what it is told.
#[derive(Default)]
struct Told(Vec<String>);

impl Pace for Told {
    fn tell(&mut self, event: Event) {
        if let Event::Dropped { kernel, reason } = event {
            self.0.push(format!("{kernel}: {reason}"));
        }
    }
}

#[test]
fn a_kernel_that_computes_wrong_is_dropped_with_a_message() {
    let (device, folder) = (software(), tempfile::tempdir().unwrap());
    device.as_gpu().unwrap().break_kernels(DEFAULT_TEXT, DEFAULT_BROKEN);
    let cache = cache_in(folder.path(), &device);
    let (network, shape) = (convolution(2, 1), [1, 16, 9, 9]);
    let mut told = Told::default();
    tune_at(&device, &cache, &network, &shape, Scope::Everything, &mut told)
        .unwrap_or_else(|e| panic!("{e:?}"));
    assert!(told.0.iter().any(|t| t.starts_with(&format!("{DEFAULT_KERNEL}: output 0"))), "{:?}", told.0);
    let (tunings, _) = cache.load();
    assert_eq!(tunings.dropped.keys().collect::<Vec<_>>(), DEFAULT_FAMILY);
    let site = tunings.sites.values().next().expect("the convolution");
    assert!(site.candidates[0].fault.as_ref().is_some_and(|f| f.contains("computes wrong")), "{site:?}");
    let winner = site.winner.as_deref().expect("one of the others");
    assert!(!DEFAULT_FAMILY.contains(&winner));
    let graph = fused(&network, &shape);
    let target = device.as_gpu().unwrap().target();
    let (_, decisions) = plan_and_decisions(&graph, target, &tunings.choice()).unwrap();
    assert_eq!(decisions[0].chosen, winner);
    // It is dropped everywhere, also where nothing was measured.
    let (_, decisions) =
        plan_and_decisions(&fused(&network, &[2, 16, 9, 9]), target, &tunings.choice()).unwrap();
    assert!(!DEFAULT_FAMILY.contains(&decisions[0].chosen));
    // In the background it stays dropped; by hand it is checked anew, and a driver may have been mended.
    let mended = software();
    let again = tune(&mended, &cache, &network, &[2, 16, 9, 9], Scope::Unknown);
    assert!(again.dropped.contains_key(DEFAULT_KERNEL));
    let again = tune(&mended, &cache, &network, &shape, Scope::Everything);
    assert!(again.dropped.is_empty(), "{:?}", again.dropped);
}

#[test]
fn a_kernel_that_is_wrong_only_on_many_pixels_is_dropped_too() {
    let (device, folder) = (software(), tempfile::tempdir().unwrap());
    let from = "let v = Inputs(load(tap0, quad),";
    let to = "let v = Inputs(load(tap0, quad) * select(1.0, 1.1, number > 200u),";
    device.as_gpu().unwrap().break_kernels(from, to);
    let network = Builder::new(&[-1, 64, 36, 36]).conv("x", "y", 64, 64).finish(&["y"]);
    let cache = cache_in(folder.path(), &device);
    let tunings = tune(&device, &cache, &network, &[1, 64, 36, 36], Scope::Everything);
    assert_eq!(
        tunings.dropped.keys().collect::<Vec<_>>(),
        ["conv_tile_f32", "conv_tile_texels_f32"],
        "{:?}",
        tunings.sites
    );
}

#[test]
fn a_tuning_that_is_stopped_keeps_what_it_has_measured() {
    /// Sites that have begun.
    struct Until(usize);
    impl Pace for Until {
        fn pause(&mut self) -> ControlFlow<()> {
            if self.0 == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
        fn tell(&mut self, event: Event) {
            self.0 += usize::from(matches!(event, Event::Site(_)));
        }
    }
    let (device, folder) = (software(), tempfile::tempdir().unwrap());
    let cache = cache_in(folder.path(), &device);
    let shape = [1, 3, 14, 10];
    let tuned = tune_at(&device, &cache, &mixed(), &shape, Scope::Unknown, &mut Until(0));
    assert!(matches!(tuned, Err(Halt::Stopped)));
    let (part, _) = cache.load();
    assert_eq!((part.sites.len(), part.networks.len()), (2, 0), "{part:?}");
    // Nothing is taken that has not been compared end to end.
    assert!(part.choice().winners.is_empty());
    let whole = tune(&device, &cache, &mixed(), &shape, Scope::Unknown);
    let (site, times) = part.sites.iter().next().unwrap();
    assert_eq!(whole.sites[site].candidates, times.candidates, "measured twice");
    assert_eq!(whole.networks.len(), 1);
}

/// The only test in which sessions look into the cache folder, which is the process's.
#[test]
fn sessions_use_winners_and_tune_in_the_background() {
    let (device, folder) = (software(), tempfile::tempdir().unwrap());
    use_folder(folder.path());
    let cache = Cache::of(device.as_gpu().unwrap());
    let session = |device: &Device| {
        let file = OnnxFile { network: convolution(2, 1), bytes: vec![], external: BTreeMap::new() };
        Session::of_file(Arc::new(file), device).unwrap()
    };
    let inputs = |batch: usize| BTreeMap::from([("x".to_string(), values(&[batch, 16, 9, 9], 1))]);
    let kernels = |session: &mut Session, batch: usize| -> Vec<String> {
        let (plan, _) = session.time_steps(&inputs(batch)).unwrap().expect("llvmpipe times steps");
        plan.steps.iter().map(|step| step.kernel.to_string()).collect()
    };

    // A winner is taken.
    let graph = fused(&convolution(2, 1), &[1, 16, 9, 9]);
    let mut tunings = some(Subject::of(device.as_gpu().unwrap()));
    let times = tunings.sites.remove("here").unwrap();
    tunings.sites.insert(site(&graph, &graph.nodes[0]), times);
    tunings.dropped.clear();
    cache.merge(&tunings, &BTreeSet::new()).unwrap();
    assert!(kernels(&mut session(&device), 1).contains(&"conv_tile_f32".to_string()));

    // A damaged file costs a notice.
    fs::write(cache.path().unwrap(), "{").unwrap();
    let mut damaged = session(&device);
    assert!(damaged.notices().iter().any(|n| n.contains("damaged")), "{:?}", damaged.notices());
    assert!(kernels(&mut damaged, 1).contains(&DEFAULT_KERNEL.to_string()));

    // Software adapters are left alone unless asked for.
    let wait_for = |done: &dyn Fn() -> bool, limit: Duration| {
        let start = Instant::now();
        while !done() && start.elapsed() < limit {
            std::thread::sleep(Duration::from_millis(20));
        }
        done()
    };
    let tuned = || !cache.load().0.networks.is_empty();
    let mut idle = session(&device);
    idle.tune_in_background(Adapters::Hardware);
    idle.run(inputs(3)).unwrap();
    assert!(!wait_for(&tuned, Duration::from_millis(1500)));
    let mut busy = session(&device);
    busy.tune_in_background(Adapters::All);
    busy.run(inputs(3)).unwrap();
    assert!(wait_for(&tuned, Duration::from_secs(60)), "{:?}", cache.load());

    // A kernel that computes wrong is left while the session goes on.
    let broken = software();
    broken.as_gpu().unwrap().break_kernels(DEFAULT_TEXT, DEFAULT_BROKEN);
    let of_broken = Cache::of(broken.as_gpu().unwrap());
    let mut wary = session(&broken);
    // The gate would find it before.
    wary.trust_kernels();
    wary.tune_in_background(Adapters::All);
    wary.run(inputs(2)).unwrap();
    assert!(wait_for(&|| !of_broken.load().0.dropped.is_empty(), Duration::from_secs(60)));
    assert!(wary.notices().is_empty(), "{:?}", wary.notices());
    wary.run(inputs(2)).unwrap();
    assert!(wary.notices().iter().any(|n| n.contains("may be wrong")), "{:?}", wary.notices());
    assert!(!kernels(&mut wary, 2).contains(&DEFAULT_KERNEL.to_string()));
    // The next session is told, and begins without it.
    let mut warned = session(&broken);
    assert!(warned.notices().iter().any(|n| n.contains(DEFAULT_KERNEL)), "{:?}", warned.notices());
    assert!(!kernels(&mut warned, 1).contains(&DEFAULT_KERNEL.to_string()));

    // The process may end in the middle of it.
    let mut short = session(&device);
    short.tune_in_background(Adapters::All);
    short.run(inputs(32)).unwrap();
    std::thread::sleep(Duration::from_millis(900));
    let start = Instant::now();
    drop(short);
    gyrus::tuning::shut_down();
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}
