//! What there is: models, devices, samples to try.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

use crate::device::list_devices;
use crate::model::Task;
use crate::samples::{SAMPLES, Sample};
use crate::serve::fault::Fault;
use crate::serve::house::House;
use crate::serve::models::State as Standing;
use crate::serve::openapi::Refused;
use crate::serve::path::Path;
use crate::serve::wait::aside;

const RESEARCH_USE: &str = "For research use only: not a medical device.";

/// A model of the folder, with what its card says of it.
#[derive(Default, Serialize)]
struct Entry {
    name: String,
    title: Option<String>,
    version: Option<String>,
    task: Option<Task>,
    labels: Vec<String>,
    /// What the three channels of its input are, where they are sequences.
    sequences: Option<Vec<String>>,
    intended_use: Option<String>,
    limits: Vec<String>,
    licence: Option<String>,
    ready: bool,
    /// Why it is not ready.
    error: Option<String>,
}

/// All models, and the device that they run on.
#[utoipa::path(
    get,
    path = "/v1/models",
    tag = "what there is",
    responses((status = 200, description = "The models"), Refused)
)]
pub async fn models(State(house): State<Arc<House>>) -> Json<Value> {
    let models: Vec<Entry> =
        house.models.states().into_iter().map(|(name, standing)| entry(name, standing)).collect();
    let notices: Vec<&String> = house.notice.iter().collect();
    Json(
        json!({ "models": models, "device": house.device, "notices": notices, "research_use": RESEARCH_USE }),
    )
}

fn entry(name: String, standing: Standing) -> Entry {
    let served = match standing {
        Standing::Ready(served) => served,
        Standing::Broken(error) => return Entry { name, error: Some(error), ..Entry::default() },
        Standing::Unloaded => {
            return Entry { name, error: Some("it was unloaded".into()), ..Entry::default() };
        }
    };
    let version = Some(served.version());
    let Some(card) = served.model.card.as_deref() else {
        return Entry { name, version, ready: true, ..Entry::default() };
    };
    Entry {
        name,
        title: Some(card.title.clone()),
        version,
        task: Some(card.task),
        labels: card.labels().to_vec(),
        sequences: card.input.sequences.as_ref().map(|names| names.to_vec()),
        intended_use: card.usage.as_ref().map(|usage| usage.intended.clone()),
        limits: card.usage.as_ref().map(|usage| usage.limits.clone()).unwrap_or_default(),
        licence: card.usage.as_ref().map(|usage| usage.licence.clone()),
        ready: true,
        error: None,
    }
}

/// The devices of the machine, as `gyrus devices` prints them.
#[utoipa::path(
    get,
    path = "/v1/devices",
    tag = "what there is",
    responses((status = 200, description = "The devices"), Refused)
)]
pub async fn devices(State(house): State<Arc<House>>) -> Result<Json<Value>, Fault> {
    let devices = house.devices.get_or_try_init(|| aside(|| Ok(list_devices()))).await?;
    Ok(Json(json!({ "devices": devices })))
}

/// Samples that come with the program, for the models that are there.
#[utoipa::path(
    get,
    path = "/v1/samples",
    tag = "what there is",
    responses((status = 200, description = "The samples"), Refused)
)]
pub async fn samples(State(house): State<Arc<House>>) -> Json<Value> {
    let entry = |sample: &Sample| {
        let model = house.models.first(sample.task).ok()?.name.clone();
        let (title, file) = (sample.title, sample.file);
        Some(json!({ "title": title, "model": model, "url": format!("v1/samples/{file}"), "file": file }))
    };
    Json(json!({ "samples": SAMPLES.iter().filter_map(entry).collect::<Vec<Value>>() }))
}

/// One of them.
#[utoipa::path(
    get,
    path = "/v1/samples/{file}",
    tag = "what there is",
    params(("file" = String, Path, description = "As listed")),
    responses((status = 200, description = "A picture"), Refused)
)]
pub async fn sample(Path(file): Path<String>) -> Result<Response, Fault> {
    let none = || Fault::new(StatusCode::NOT_FOUND, "no such sample; /v1/samples lists them");
    let sample = SAMPLES.iter().find(|sample| sample.file == file).ok_or_else(none)?;
    Ok(([(header::CONTENT_TYPE, "image/png")], sample.bytes).into_response())
}
