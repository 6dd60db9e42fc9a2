//! What there is: models, devices, samples to try.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::device::listed;
use crate::gpu::adapters;
use crate::model::Task;
use crate::samples::{SAMPLES, Sample};
use crate::serve::fault::Fault;
use crate::serve::house::House;
use crate::serve::models::State as Standing;
use crate::serve::openapi::Refused;
use crate::serve::path::Path;
use crate::serve::wait::aside;

const RESEARCH_USE: &str = "For research use only: not a medical device.";

/// What is served.
#[derive(Serialize, ToSchema)]
pub struct Models {
    models: Vec<Entry>,
    /// Whether the service is still loading models, so that there will be more.
    loading: bool,
    /// The device that all run on.
    device: String,
    /// What whoever uses it must know, such as that no GPU was found.
    notices: Vec<String>,
    research_use: &'static str,
}

/// A model of the folder, with what its card says of it.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = Model)]
struct Entry {
    name: String,
    title: Option<String>,
    version: Option<String>,
    #[schema(value_type = Option<String>)]
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
    responses((status = 200, description = "The models", body = Models), Refused)
)]
pub async fn models(State(house): State<Arc<House>>) -> Json<Models> {
    let models: Vec<Entry> =
        house.models.states().into_iter().map(|(name, standing)| entry(name, standing)).collect();
    let notices = house.notice.iter().cloned().collect();
    let (loading, device) = (!house.is_loaded(), house.device.clone());
    Json(Models { models, loading, device, notices, research_use: RESEARCH_USE })
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

/// What is said of a file of verdicts that cannot be used.
const UNUSABLE: &str = "what was verified before cannot be read: the log of the service says why";

/// The devices of the machine.
#[derive(Serialize, ToSchema)]
pub struct Devices {
    #[schema(value_type = Vec<Object>)]
    devices: Value,
}

/// The devices of the machine, as `gyrus devices` prints them.
#[utoipa::path(
    get,
    path = "/v1/devices",
    tag = "what there is",
    responses((status = 200, description = "The devices", body = Devices), Refused)
)]
pub async fn devices(State(house): State<Arc<House>>) -> Result<Json<Devices>, Fault> {
    let adapters = house.adapters.get_or_try_init(|| aside(|| Ok(adapters()))).await?.clone();
    let mut devices = aside(move || Ok(listed(&adapters))).await?;
    // Where files lie on this machine is for its log.
    devices.iter_mut().for_each(|device| device.notice = device.notice.take().map(|_| UNUSABLE.into()));
    let devices = serde_json::to_value(devices).map_err(|_| Fault::ours())?;
    Ok(Json(Devices { devices }))
}

/// What can be tried at once.
#[derive(Serialize, ToSchema)]
pub struct Samples {
    samples: Vec<Offered>,
}

/// A picture that comes with the program.
#[derive(Serialize, ToSchema)]
#[schema(as = Sample)]
struct Offered {
    title: &'static str,
    /// What it is for.
    model: String,
    /// Where it lies, from the service's own address.
    url: String,
    file: &'static str,
}

/// Samples that come with the program, for the models that are there.
#[utoipa::path(
    get,
    path = "/v1/samples",
    tag = "what there is",
    responses((status = 200, description = "The samples", body = Samples), Refused)
)]
pub async fn samples(State(house): State<Arc<House>>) -> Json<Samples> {
    let entry = |sample: &Sample| {
        let model = house.models.first(sample.task).ok()?.name.clone();
        let (title, file) = (sample.title, sample.file);
        Some(Offered { title, model, url: format!("v1/samples/{file}"), file })
    };
    Json(Samples { samples: SAMPLES.iter().filter_map(entry).collect() })
}

/// One of them.
#[utoipa::path(
    get,
    path = "/v1/samples/{file}",
    tag = "what there is",
    params(("file" = String, Path, description = "As listed")),
    responses((status = 200, description = "A picture", body = Vec<u8>, content_type = "image/png"), Refused)
)]
pub async fn sample(Path(file): Path<String>) -> Result<Response, Fault> {
    let none = || Fault::new(StatusCode::NOT_FOUND, "no such sample; /v1/samples lists them");
    let sample = SAMPLES.iter().find(|sample| sample.file == file).ok_or_else(none)?;
    Ok(([(header::CONTENT_TYPE, "image/png")], sample.bytes).into_response())
}
