//! Runs a suite on a device. A case that fails costs the others nothing, and neither does a device that is lost once.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use super::{Engine, Outcome, Record, Suite, Trial, Verdict};
use crate::error::Result;

/// Runs all cases in order. `each` sees every record as soon as it is there, and the engine between two cases.
pub fn run(suite: &Suite, engine: &mut Engine, each: &mut dyn FnMut(&Record, &Engine)) -> Vec<Record> {
    let mut records = Vec::with_capacity(suite.trials.len());
    for trial in &suite.trials {
        let start = Instant::now();
        let verdict = verdict(trial.as_ref(), engine);
        let record = Record {
            suite: suite.name.clone(),
            group: trial.group().to_string(),
            case: trial.name().to_string(),
            verdict,
            seconds: start.elapsed().as_secs_f64(),
        };
        each(&record, engine);
        records.push(record);
    }
    records
}

fn verdict(trial: &dyn Trial, engine: &mut Engine) -> Verdict {
    if let Some(reason) = engine.stopped() {
        return Verdict::new(trial.operator(), None, Outcome::NotRun { reason: reason.to_string() });
    }
    let mut lost = match attempt(trial, engine) {
        Ok(verdict) => return verdict,
        Err(lost) => lost,
    };
    if engine.recover(&lost) {
        lost = match attempt(trial, engine) {
            Ok(verdict) => return verdict,
            Err(again) => again,
        };
        engine.recover(&lost);
    }
    Verdict::failed(trial.operator(), None, lost.to_string())
}

/// A panic is the case's: what runs here may be any file.
fn attempt(trial: &dyn Trial, engine: &Engine) -> Result<Verdict> {
    let outcome = catch_unwind(AssertUnwindSafe(|| trial.run(engine)));
    outcome.unwrap_or_else(|panic| {
        let reason = format!("panicked: {}; please report this", words(panic.as_ref()));
        Ok(Verdict::failed(trial.operator(), None, reason))
    })
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
