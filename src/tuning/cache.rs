//! What was measured, on disk: one file for each adapter, driver, Gyrus version and set of shaders.
//!
//! The file may be deleted, shared or damaged at any time. One that cannot be used is not an error: what it says is
//! ignored, with a message, and the next tuning writes it anew. Files appear whole or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::folder::{CACHE_VARIABLE, cache_folder};
use super::verify::{ONLY, Verdict};
use crate::error::{Error, Result};
use crate::gpu::{Adapter, Gpu};
use crate::ops::activation::NO_ACTIVATION;
use crate::ops::kernels;
use crate::part_file::PartFile;
use crate::plan::lowering::Choice;
use crate::plan::{Precision, Textures};

/// The form of the file; another one is not read.
const FORMAT: u32 = 2;

/// The largest file that is read: thousands of networks.
const MAX_BYTES: u64 = 16 << 20;

/// How long a process waits for another one to finish writing.
const LOCK_TRIES: u32 = 200;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// All that measurements depend on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    pub gyrus: String,
    pub adapter: String,
    pub backend: String,
    pub driver: String,
    /// How textures store what is computed.
    pub precision: Precision,
    /// SHA-256 of the texts of all kernels.
    pub shaders: String,
}

/// One kernel at one site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    pub kernel: String,
    /// The median of its own steps on the device.
    pub milliseconds: Option<f64>,
    /// Why it does not take part.
    pub fault: Option<String>,
}

/// What was measured at one site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SiteTimes {
    /// The default first.
    pub candidates: Vec<Candidate>,
    /// What plans take; none before a whole network has shown that it pays.
    pub winner: Option<String>,
    /// Seconds since 1970.
    pub measured: u64,
}

/// A kernel that computes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dropped {
    pub reason: String,
    pub measured: u64,
}

/// One way to choose the kernels of a network, timed end to end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanTime {
    pub name: String,
    /// The median from upload to readback; none where there was nothing to compare, or it failed.
    pub milliseconds: Option<f64>,
    /// The default's time in units of this plan's: the median over the rounds, in each of which both ran.
    pub speed_up: Option<f64>,
    pub rounds: usize,
    /// Rounds in which it was faster than the default.
    pub won: usize,
    pub fault: Option<String>,
}

impl PlanTime {
    pub(super) fn failed(name: String, fault: String) -> PlanTime {
        PlanTime { name, milliseconds: None, speed_up: None, rounds: 0, won: 0, fault: Some(fault) }
    }
}

/// What was found for a network at one input shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetworkTimes {
    pub model: String,
    /// The shapes of its inputs, in their order.
    pub inputs: Vec<String>,
    /// Where nodes had a choice, in the order of the nodes.
    pub sites: Vec<String>,
    /// The default first.
    pub plans: Vec<PlanTime>,
    /// The name of the plan whose kernels are the winners.
    pub chosen: String,
    pub measured: u64,
}

/// What is known of one device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tunings {
    pub subject: Subject,
    pub sites: BTreeMap<String, SiteTimes>,
    pub dropped: BTreeMap<String, Dropped>,
    /// By a fingerprint of their sites.
    pub networks: BTreeMap<String, NetworkTimes>,
    /// What was held against the twins, by site and kernel.
    pub verified: BTreeMap<String, BTreeMap<String, Verdict>>,
}

/// Only the number that says how to read the rest.
#[derive(Deserialize)]
struct Header {
    format: u32,
}

/// The file's contents. A verdict of which a bit has flipped must not be believed, so damage shows by a digest.
#[derive(Serialize, Deserialize)]
struct Sealed {
    format: u32,
    /// SHA-256 of the text of `tunings`.
    sha256: String,
    tunings: Box<RawValue>,
}

impl Sealed {
    fn of(tunings: &Tunings) -> serde_json::Result<Sealed> {
        let text = serde_json::to_string_pretty(tunings)?;
        Ok(Sealed { format: FORMAT, sha256: digest(&text), tunings: RawValue::from_string(text)? })
    }

    fn is_whole(&self) -> bool {
        self.sha256 == digest(self.tunings.get())
    }
}

fn digest(text: &str) -> String {
    hex(Sha256::digest(text).as_slice())
}

impl Subject {
    /// What measurements on this device depend on.
    pub fn of(gpu: &Gpu) -> Subject {
        let subject = Subject::of_adapter(gpu.adapter(), gpu.precision());
        match gpu.broken() {
            // What is known of the kernels as they are says nothing of others.
            Some([from, to]) => {
                let shaders = hex(Sha256::digest(format!("{}{from}{to}", subject.shaders)).as_slice());
                Subject { shaders, ..subject }
            }
            None => subject,
        }
    }

    /// The same of an adapter that is not open.
    fn of_adapter(adapter: &Adapter, precision: Precision) -> Subject {
        Subject {
            gyrus: env!("CARGO_PKG_VERSION").into(),
            adapter: adapter.name.clone(),
            backend: adapter.backend.clone(),
            driver: adapter.driver.clone(),
            precision,
            shaders: shaders().into(),
        }
    }

    fn file_name(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let name: String = self.adapter.chars().map(plain).take(40).collect();
        let precision = format!("{:?}", self.precision);
        let parts = [&self.gyrus, &self.adapter, &self.backend, &self.driver, &precision, &self.shaders];
        let all = parts.map(|part| format!("{}:{part}", part.len())).concat();
        format!("{name}-{}.json", &hex(Sha256::digest(all).as_slice())[..16])
    }
}

fn shaders() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| {
        let texts: BTreeMap<&str, String> =
            kernels().map(|kernel| (kernel.name, kernel.text(Textures::default()))).collect();
        let mut hasher = Sha256::new();
        hasher.update(NO_ACTIVATION);
        for (name, text) in texts {
            hasher.update(format!("{name}\n{}\n{text}", text.len()));
        }
        hex(hasher.finalize().as_slice())
    })
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl SiteTimes {
    /// A site at which the device was lost: nobody knows by which kernel.
    pub(super) fn lost(kernels: &[&str]) -> SiteTimes {
        let candidate = |kernel: &&str| Candidate {
            kernel: kernel.to_string(),
            milliseconds: None,
            fault: Some("the device was lost while the kernels of this site were measured".into()),
        };
        SiteTimes { candidates: kernels.iter().map(candidate).collect(), winner: None, measured: now() }
    }

    /// The fastest kernel of those that compute right; the default unless another one is faster by more than
    /// measurements scatter.
    pub fn fastest(&self) -> Option<&str> {
        let timed = |c: &&Candidate| c.fault.is_none() && c.milliseconds.is_some();
        let milliseconds = |c: &Candidate| c.milliseconds.unwrap_or(f64::INFINITY);
        let mut timed = self.candidates.iter().filter(timed);
        let first = timed.next()?;
        let best = timed.min_by(|a, b| milliseconds(a).total_cmp(&milliseconds(b)));
        let faster = best.filter(|best| milliseconds(best) < super::MARGIN * milliseconds(first));
        Some(faster.unwrap_or(first).kernel.as_str())
    }

    /// What a kernel took here.
    pub fn milliseconds(&self, kernel: &str) -> Option<f64> {
        self.candidates.iter().find(|c| c.kernel == kernel)?.milliseconds
    }
}

impl Tunings {
    pub fn none(subject: Subject) -> Tunings {
        Tunings {
            subject,
            sites: BTreeMap::new(),
            dropped: BTreeMap::new(),
            networks: BTreeMap::new(),
            verified: BTreeMap::new(),
        }
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.sites.is_empty()
            && self.dropped.is_empty()
            && self.networks.is_empty()
            && self.verified.is_empty()
    }

    /// How many kernels at how many sites compute right.
    pub fn verified(&self) -> usize {
        self.verified.values().map(BTreeMap::len).sum()
    }

    /// How plans are to choose.
    pub fn choice(&self) -> Choice {
        let winner = |(site, times): (&String, &SiteTimes)| Some((site.clone(), times.winner.clone()?));
        let winners = self.sites.iter().filter_map(winner).collect();
        Choice { winners, dropped: self.dropped.keys().cloned().collect(), ..Choice::default() }
    }

    fn add(&mut self, other: &Tunings, cleared: &BTreeSet<String>) {
        self.sites.extend(other.sites.clone());
        self.networks.extend(other.networks.clone());
        for (site, verdicts) in &other.verified {
            self.verified.entry(site.clone()).or_default().extend(verdicts.clone());
        }
        self.dropped.retain(|kernel, _| !cleared.contains(kernel));
        self.dropped.extend(other.dropped.clone());
        // What the samples of the gate said of a kernel counts no more, should it be taken back one day.
        for verdicts in self.verified.values_mut() {
            verdicts.retain(|kernel, _| !other.dropped.contains_key(kernel));
        }
    }

    /// What is wrong with a file that could be parsed.
    fn fault(&self, subject: &Subject) -> Option<String> {
        let known: BTreeSet<&str> = kernels().map(|kernel| kernel.name).collect();
        let candidates = || self.sites.values().flat_map(|site| &site.candidates);
        let winners = self.sites.values().filter_map(|site| site.winner.as_ref());
        let verdicts = || self.verified.values().flatten();
        let checked = verdicts().map(|(kernel, _)| kernel).filter(|kernel| *kernel != ONLY);
        let names = candidates().map(|c| &c.kernel).chain(winners).chain(self.dropped.keys());
        let mut names = names.chain(checked);
        let plans = self.networks.values().flat_map(|network| &network.plans);
        let plans = plans.flat_map(|plan| [plan.milliseconds, plan.speed_up]);
        let mut times = candidates().map(|c| c.milliseconds).chain(plans).flatten();
        if self.subject != *subject {
            return Some("is of another adapter, driver or version of Gyrus".into());
        }
        if let Some(name) = names.find(|name| !known.contains(name.as_str())) {
            return Some(format!("names the kernel '{}', which there is not", name.escape_default()));
        }
        if verdicts().any(|(_, verdict)| verdict.outputs == 0 || !(0.0..=1.0).contains(&verdict.worst)) {
            return Some("holds a verdict that cannot be".into());
        }
        times.any(|ms| !ms.is_finite() || ms < 0.0).then(|| "holds a time that cannot be".into())
    }
}

/// The file of one device.
#[derive(Debug, Clone)]
pub struct Cache {
    path: Option<PathBuf>,
    subject: Subject,
}

impl Cache {
    /// The file of this device in the user's cache folder.
    pub fn of(gpu: &Gpu) -> Cache {
        Cache::about(Subject::of(gpu))
    }

    /// The file of a device that is not open.
    pub fn of_adapter(adapter: &Adapter, precision: Precision) -> Cache {
        Cache::about(Subject::of_adapter(adapter, precision))
    }

    fn about(subject: Subject) -> Cache {
        match cache_folder() {
            Some(folder) => Cache::at(&folder, subject),
            None => Cache { path: None, subject },
        }
    }

    /// The file in another folder.
    pub fn at(folder: &Path, subject: Subject) -> Cache {
        Cache { path: Some(folder.join("tuning").join(subject.file_name())), subject }
    }

    /// Where the file is, or would be.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// What the file says; nothing where there is none. Beside it a message where the file cannot be used.
    pub fn load(&self) -> (Tunings, Option<String>) {
        match self.read() {
            Ok(tunings) => (tunings, None),
            Err(error) => (Tunings::none(self.subject.clone()), Some(error.to_string())),
        }
    }

    fn read(&self) -> Result<Tunings> {
        let none = || Ok(Tunings::none(self.subject.clone()));
        let Some(path) = &self.path else { return none() };
        let unusable = |reason: String| {
            Error::file(path, format!("{reason}; it is ignored"), "`gyrus tune` writes it anew")
        };
        let mut text = String::new();
        match File::open(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return none(),
            Err(e) => return Err(unusable(format!("cannot be read ({e})"))),
            Ok(file) => file.take(MAX_BYTES + 1).read_to_string(&mut text),
        }
        .map_err(|e| unusable(format!("cannot be read ({e})")))?;
        if text.len() as u64 > MAX_BYTES {
            return Err(unusable(format!("is larger than {} MiB", MAX_BYTES >> 20)));
        }
        let damaged = |e: serde_json::Error| unusable(format!("is damaged ({e})"));
        let header: Header = serde_json::from_str(&text).map_err(damaged)?;
        if header.format != FORMAT {
            return Err(unusable(format!("has the form {}, not {FORMAT}", header.format)));
        }
        let sealed: Sealed = serde_json::from_str(&text).map_err(damaged)?;
        if !sealed.is_whole() {
            return Err(unusable("is damaged (its digest is another one)".into()));
        }
        let tunings: Tunings = serde_json::from_str(sealed.tunings.get()).map_err(damaged)?;
        tunings.fault(&self.subject).map_or(Ok(tunings), |fault| Err(unusable(fault)))
    }

    /// Adds what was measured to what the file says by now, and takes back that the kernels `cleared` compute wrong.
    ///
    /// # Errors
    /// No folder for caches, or one that cannot be written to.
    pub fn merge(&self, found: &Tunings, cleared: &BTreeSet<String>) -> Result<()> {
        let nowhere = || {
            let remedy = format!("name one in {CACHE_VARIABLE}");
            Error::file(Path::new("cache folder"), "the system names none for this user", remedy)
        };
        let path = self.path.as_ref().ok_or_else(nowhere)?;
        let unwritable = |e: std::io::Error| {
            let remedy = format!("name another folder in {CACHE_VARIABLE}");
            Error::file(path, format!("cannot be written ({e})"), remedy)
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(unwritable)?;
        }
        let _lock = lock(path).map_err(unwritable)?;
        let (mut tunings, _) = self.load();
        tunings.add(found, cleared);
        let (part, mut file) = PartFile::create(path)?;
        let sealed = Sealed::of(&tunings).and_then(|sealed| serde_json::to_string_pretty(&sealed));
        let text = sealed.map_err(|e| unwritable(e.into()))?;
        file.write_all(text.as_bytes()).map_err(unwritable)?;
        drop(file);
        part.keep()
    }
}

/// Keeps other writers out while it lives. Where a file system knows no locks, or another process holds it for
/// seconds, it is done without: at worst the other's measurements are lost, no file is torn.
fn lock(path: &Path) -> std::io::Result<File> {
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).open(path.with_extension("lock"))?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Err(fs::TryLockError::WouldBlock) => sleep(LOCK_PAUSE),
            Ok(()) | Err(fs::TryLockError::Error(_)) => break,
        }
    }
    Ok(file)
}
