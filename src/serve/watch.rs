//! What is counted of the service as a whole, by the names that monitoring knows them by.

use std::collections::BTreeSet;
use std::sync::{Mutex, OnceLock, PoisonError};

use metrics::{counter, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::house::House;
use crate::error::{Error, Result};

static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
static BEGINNING: Mutex<()> = Mutex::new(());
/// Models and versions of which jobs were told: of those that are gone none wait.
static TOLD: Mutex<BTreeSet<[(&str, String); 2]>> = Mutex::new(BTreeSet::new());
const PENDING: &str = "nv_inference_pending_request_count";

/// Rows of a batch, by which batches are counted.
const BATCHES: [f64; 6] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0];

/// Where the time of requests went, in microseconds.
const SPENT: [(&str, &str); 5] = [
    (
        "nv_inference_request_duration_us",
        "Time of answered requests, from when they were read, in microseconds",
    ),
    ("nv_inference_queue_duration_us", "Time that their parts waited for the device, in microseconds"),
    (
        "nv_inference_compute_input_duration_us",
        "Time until rows of several requests lay together, in microseconds",
    ),
    ("nv_inference_compute_infer_duration_us", "Time from upload to readback, in microseconds"),
    ("nv_inference_compute_output_duration_us", "Time until each request had its own rows, in microseconds"),
];

/// Begins to count, once a process.
///
/// # Errors
/// When something else in the process counts already.
pub fn begin() -> Result<()> {
    // Two servers that start together in one process count together.
    let _beginning = BEGINNING.lock().unwrap_or_else(PoisonError::into_inner);
    if RECORDER.get().is_some() {
        return Ok(());
    }
    let refused = |e: &dyn std::fmt::Display| Error::Graph(format!("metrics cannot be counted ({e})"));
    let builder =
        PrometheusBuilder::new().set_buckets_for_metric(Matcher::Full("gyrus_batch_size".into()), &BATCHES);
    let handle = builder.map_err(|e| refused(&e))?.install_recorder().map_err(|e| refused(&e))?;
    let _ = RECORDER.set(handle);
    metrics::describe_counter!(
        "gyrus_device_resets_total",
        "Times that the device was lost and opened again"
    );
    metrics::describe_histogram!("gyrus_batch_size", "Rows that were run together");
    metrics::describe_counter!("gyrus_http_requests_total", "Requests by status");
    metrics::describe_gauge!("gyrus_queue_depth", "Jobs that wait for the device, of all models");
    metrics::describe_gauge!("gyrus_requests_admitted", "Requests in the house");
    metrics::describe_gauge!("gyrus_body_bytes", "Memory that bodies of requests take");
    metrics::describe_gauge!("gyrus_device_info", "1, with the device's name");
    metrics::describe_counter!("nv_inference_request_success", "Requests that were answered");
    metrics::describe_counter!("nv_inference_request_failure", "Requests that failed");
    metrics::describe_counter!("nv_inference_count", "Samples that were run");
    metrics::describe_counter!("nv_inference_exec_count", "Runs of the device");
    for (name, what) in SPENT {
        metrics::describe_counter!(name, what);
    }
    metrics::describe_gauge!(PENDING, "Jobs of the model that wait for the device");
    Ok(())
}

/// Counts a batch of so many rows.
pub fn batch(rows: usize) {
    histogram!("gyrus_batch_size").record(rows as f64);
}

/// Counts how often the device was lost and opened again.
pub fn device_resets(times: u64) {
    counter!("gyrus_device_resets_total").increment(times);
}

/// Counts an answered request.
pub fn request(status: u16) {
    counter!("gyrus_http_requests_total", "status" => status.to_string()).increment(1);
}

/// Puts together what was counted since the last time, so that it takes no more room where nobody asks for it.
pub fn upkeep() {
    if let Some(recorder) = RECORDER.get() {
        recorder.run_upkeep();
    }
}

/// All of it, as Prometheus reads it.
pub fn render(house: &House) -> String {
    gauge!("gyrus_queue_depth").set(house.queue.waiting() as f64);
    gauge!("gyrus_requests_admitted").set(house.queue.admitted() as f64);
    gauge!("gyrus_body_bytes").set(house.budget.of_bodies() as f64);
    gauge!("gyrus_device_info", "device" => house.device.clone()).set(1.0);
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    for labels in told.iter() {
        gauge!(PENDING, labels).set(0.0);
    }
    for served in house.models.ready() {
        let figures = served.counts.figures();
        let labels = [("model", served.name.clone()), ("version", served.version())];
        let micros = |spent: std::time::Duration| u64::try_from(spent.as_micros()).unwrap_or(u64::MAX);
        counter!("nv_inference_request_success", &labels).absolute(figures.succeeded.count);
        counter!("nv_inference_request_failure", &labels).absolute(figures.failed.count);
        counter!("nv_inference_count", &labels).absolute(figures.samples);
        counter!("nv_inference_exec_count", &labels).absolute(figures.runs.round() as u64);
        let spent = [figures.succeeded, figures.waited, figures.joined, figures.computed, figures.parted];
        for ((name, _), times) in SPENT.into_iter().zip(spent) {
            counter!(name, &labels).absolute(micros(times.spent));
        }
        gauge!(PENDING, &labels).set(house.queue.waiting_in(served.lane) as f64);
        told.insert(labels);
    }
    RECORDER.get().map(PrometheusHandle::render).unwrap_or_default()
}
