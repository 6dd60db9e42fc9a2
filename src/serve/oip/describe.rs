//! What the server and its models are: health, metadata, configuration, statistics.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::tensors::{datatype, dims};
use crate::error::{Error, NotBegun};
use crate::graph::network::ValueDef;
use crate::serve::counts::Spent;
use crate::serve::fault::Fault;
use crate::serve::house::House;
use crate::serve::models::Served;
use crate::serve::openapi::Refused;
use crate::serve::path::Path;

/// The name of the format and of what runs it.
pub const PLATFORM: &str = "onnx_gyrus";
/// The name of what runs models.
pub const BACKEND: &str = "gyrus";
/// What is answered beyond the protocol's core.
pub const EXTENSIONS: [&str; 4] =
    ["binary_tensor_data", "model_configuration", "model_repository", "statistics"];

/// Whether the process answers.
#[derive(Serialize, ToSchema)]
pub struct Live {
    live: bool,
}

/// Whether requests are wanted.
#[derive(Serialize, ToSchema)]
pub struct Ready {
    ready: bool,
}

/// The server's name, version and extensions of the protocol.
#[derive(Serialize, ToSchema)]
pub struct Server {
    name: &'static str,
    version: &'static str,
    extensions: [&'static str; 4],
}

/// What a model takes and gives.
#[derive(Serialize, ToSchema)]
pub struct Metadata {
    name: String,
    versions: Vec<String>,
    platform: &'static str,
    inputs: Vec<TensorMetadata>,
    outputs: Vec<TensorMetadata>,
}

/// A tensor of a model.
#[derive(Serialize, ToSchema)]
pub struct TensorMetadata {
    name: String,
    datatype: &'static str,
    /// -1 where any size is taken.
    shape: Vec<i64>,
}

/// Whether a model is ready.
#[derive(Serialize, ToSchema)]
pub struct ModelReady {
    name: String,
    ready: bool,
}

/// A model as Triton's configuration has it.
#[derive(Serialize, ToSchema)]
pub struct Config {
    name: String,
    platform: &'static str,
    backend: &'static str,
    /// Rows of a request, at most; 0 where there are no batches.
    max_batch_size: usize,
    input: Vec<ConfigTensor>,
    output: Vec<ConfigTensor>,
}

/// A tensor of a configuration.
#[derive(Serialize, ToSchema)]
pub struct ConfigTensor {
    name: String,
    data_type: String,
    /// Without the batch; -1 where any size is taken.
    dims: Vec<i64>,
}

/// What models were asked for.
#[derive(Serialize, ToSchema)]
pub struct Statistics {
    model_stats: Vec<ModelStatistics>,
}

/// What a model was asked for.
#[derive(Serialize, ToSchema)]
pub struct ModelStatistics {
    name: String,
    version: String,
    /// When it was asked last, in milliseconds since 1970.
    last_inference: u64,
    /// Samples.
    inference_count: u64,
    /// Runs.
    execution_count: u64,
    inference_stats: InferenceStatistics,
    /// Sizes of batches are told by `/metrics`.
    batch_stats: [u64; 0],
}

/// How often and how long, over all requests.
#[derive(Serialize, ToSchema)]
pub struct InferenceStatistics {
    success: StatisticDuration,
    fail: StatisticDuration,
    queue: StatisticDuration,
    compute_input: StatisticDuration,
    compute_infer: StatisticDuration,
    compute_output: StatisticDuration,
}

/// How often something was done, and how long it took in all.
#[derive(Serialize, ToSchema)]
pub struct StatisticDuration {
    count: u64,
    ns: u64,
}

/// Whether the process answers.
#[utoipa::path(
    get,
    path = "/v2/health/live",
    tag = "Open Inference Protocol",
    responses((status = 200, description = "It does", body = Live), Refused)
)]
pub async fn live() -> Json<Live> {
    Json(Live { live: true })
}

/// Whether models are loaded and warm, and new requests are wanted.
#[utoipa::path(
    get,
    path = "/v2/health/ready",
    tag = "Open Inference Protocol",
    responses((status = 200, description = "They are", body = Ready), (status = 503, description = "Not yet, or no longer", body = Ready), Refused)
)]
pub async fn ready(State(house): State<Arc<House>>) -> Response {
    let is_ready = house.is_ready();
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Ready { ready: is_ready })).into_response()
}

/// What the server is.
#[utoipa::path(
    get,
    path = "/v2",
    tag = "Open Inference Protocol",
    responses((status = 200, description = "Its name, version and extensions", body = Server), Refused)
)]
pub async fn server() -> Json<Server> {
    Json(Server { name: "gyrus", version: env!("CARGO_PKG_VERSION"), extensions: EXTENSIONS })
}

/// The model of a name, and of a version where one is given.
///
/// # Errors
/// No such model, or one of another version.
pub fn versioned(house: &House, name: &str, version: Option<&str>) -> Result<Arc<Served>, Fault> {
    let served = house.model(name)?;
    match version {
        Some(version) if *version != served.version() => {
            let text = format!("the model {name} has version {} alone", served.version());
            Err(Fault::new(StatusCode::NOT_FOUND, text))
        }
        _ => Ok(served),
    }
}

/// The model of a path: its name, and its version where that is given.
///
/// # Errors
/// As [`versioned`].
pub fn at(house: &House, place: &[String]) -> Result<Arc<Served>, Fault> {
    let name = place.first().map(String::as_str).unwrap_or_default();
    versioned(house, name, place.get(1).map(String::as_str))
}

/// What a model takes and gives.
#[utoipa::path(
    get,
    path = "/v2/models/{model}",
    tag = "Open Inference Protocol",
    params(("model" = String, Path, description = "The model's name")),
    responses((status = 200, description = "Its tensors", body = Metadata), Refused)
)]
pub async fn model(
    State(house): State<Arc<House>>,
    Path(place): Path<Vec<String>>,
) -> Result<Json<Metadata>, Fault> {
    let served = at(&house, &place)?;
    let network = served.model.network();
    let tensor = |value: &ValueDef| TensorMetadata {
        name: value.name.clone(),
        datatype: datatype(value.dtype),
        shape: dims(value),
    };
    Ok(Json(Metadata {
        name: served.name.clone(),
        versions: vec![served.version()],
        platform: PLATFORM,
        inputs: network.inputs.iter().map(tensor).collect(),
        outputs: network.outputs.iter().map(tensor).collect(),
    }))
}

/// Whether a model is ready.
#[utoipa::path(
    get,
    path = "/v2/models/{model}/ready",
    tag = "Open Inference Protocol",
    params(("model" = String, Path, description = "The model's name")),
    responses((status = 200, description = "It is", body = ModelReady), Refused)
)]
pub async fn model_ready(
    State(house): State<Arc<House>>,
    Path(place): Path<Vec<String>>,
) -> Result<Json<ModelReady>, Fault> {
    let served = at(&house, &place)?;
    if served.is_lost() {
        return Err(Error::NotBegun(NotBegun::Lost).into());
    }
    Ok(Json(ModelReady { name: served.name.clone(), ready: true }))
}

/// A model as Triton's configuration describes it.
pub struct Configuration<'a> {
    /// Rows of a request, at most; 0 where there are no batches.
    pub most: usize,
    /// Each with its sizes without the batch.
    pub inputs: Vec<(&'a ValueDef, Vec<i64>)>,
    pub outputs: Vec<(&'a ValueDef, Vec<i64>)>,
}

/// The configuration of a model.
pub fn configuration<'a>(house: &House, served: &'a Served) -> Configuration<'a> {
    let batches = served.sample.is_some();
    let described = |value: &'a ValueDef| {
        let shape = dims(value);
        (value, if batches { shape.get(1..).unwrap_or_default().to_vec() } else { shape })
    };
    let network = served.model.network();
    Configuration {
        most: if batches { house.settings.batch } else { 0 },
        inputs: network.inputs.iter().map(described).collect(),
        outputs: network.outputs.iter().map(described).collect(),
    }
}

/// The configuration of a model as JSON.
#[utoipa::path(
    get,
    path = "/v2/models/{model}/config",
    tag = "Open Inference Protocol",
    params(("model" = String, Path, description = "The model's name")),
    responses((status = 200, description = "Its configuration", body = Config), Refused)
)]
pub async fn config(
    State(house): State<Arc<House>>,
    Path(place): Path<Vec<String>>,
) -> Result<Json<Config>, Fault> {
    let served = at(&house, &place)?;
    let Configuration { most, inputs, outputs } = configuration(&house, &served);
    let tensor = |(value, dims): (&ValueDef, Vec<i64>)| ConfigTensor {
        name: value.name.clone(),
        data_type: format!("TYPE_{}", datatype(value.dtype)),
        dims,
    };
    Ok(Json(Config {
        name: served.name.clone(),
        platform: PLATFORM,
        backend: BACKEND,
        max_batch_size: most,
        input: inputs.into_iter().map(tensor).collect(),
        output: outputs.into_iter().map(tensor).collect(),
    }))
}

/// What one model was asked for.
#[utoipa::path(
    get,
    path = "/v2/models/{model}/stats",
    tag = "Open Inference Protocol",
    params(("model" = String, Path, description = "The model's name")),
    responses((status = 200, description = "Its statistics", body = Statistics), Refused)
)]
pub async fn stats(
    State(house): State<Arc<House>>,
    Path(place): Path<Vec<String>>,
) -> Result<Json<Statistics>, Fault> {
    let served = at(&house, &place)?;
    Ok(Json(Statistics { model_stats: vec![counted(&served)] }))
}

/// What all models were asked for.
#[utoipa::path(
    get,
    path = "/v2/models/stats",
    tag = "Open Inference Protocol",
    responses((status = 200, description = "Their statistics", body = Statistics), Refused)
)]
pub async fn all_stats(State(house): State<Arc<House>>) -> Json<Statistics> {
    Json(Statistics { model_stats: house.models.ready().iter().map(|served| counted(served)).collect() })
}

fn counted(served: &Served) -> ModelStatistics {
    let figures = served.counts.figures();
    let times = |times: Spent| {
        let ns = u64::try_from(times.spent.as_nanos()).unwrap_or(u64::MAX);
        StatisticDuration { count: times.count, ns }
    };
    ModelStatistics {
        name: served.name.clone(),
        version: served.version(),
        last_inference: figures.last,
        inference_count: figures.samples,
        execution_count: figures.runs.round() as u64,
        inference_stats: InferenceStatistics {
            success: times(figures.succeeded),
            fail: times(figures.failed),
            queue: times(figures.waited),
            compute_input: times(figures.joined),
            compute_infer: times(figures.computed),
            compute_output: times(figures.parted),
        },
        batch_stats: [],
    }
}
