//! Triton's model repository: what there is, loading and unloading.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{NotBegun, Result as LibraryResult};
use crate::serve::body;
use crate::serve::fault::Fault;
use crate::serve::house::House;
use crate::serve::models::{Models, State as Standing};
use crate::serve::openapi::Refused;
use crate::serve::path::Path;
use crate::serve::wait::aside;

/// The state of a model that is ready.
pub const READY: &str = "READY";
const UNAVAILABLE: &str = "UNAVAILABLE";
/// Of a question for the list, in bytes.
const LONGEST_QUESTION: usize = 64 << 10;

/// A model of the folder, as it stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RepositoryEntry)]
pub struct Entry {
    pub name: String,
    pub version: String,
    pub state: &'static str,
    /// Why it is not ready.
    pub reason: String,
}

/// All models of the folder.
pub fn index(house: &House) -> Vec<Entry> {
    let entry = |(name, standing): (String, Standing)| match standing {
        Standing::Ready(served) if served.is_lost() => {
            let reason = NotBegun::Lost.to_string();
            Entry { name, version: served.version(), state: UNAVAILABLE, reason }
        }
        Standing::Ready(served) => {
            Entry { name, version: served.version(), state: READY, reason: String::new() }
        }
        Standing::Broken(reason) => Entry { name, version: "1".into(), state: UNAVAILABLE, reason },
        Standing::Unloaded => {
            Entry { name, version: "1".into(), state: UNAVAILABLE, reason: "unloaded".into() }
        }
    };
    house.models.states().into_iter().map(entry).collect()
}

/// All models of the folder, or those alone that are ready.
#[utoipa::path(
    post,
    path = "/v2/repository/index",
    tag = "Open Inference Protocol",
    request_body(content = Option<Asked>, content_type = "application/json"),
    responses((status = 200, description = "The models", body = Vec<Entry>), Refused)
)]
pub async fn listed(
    State(house): State<Arc<House>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Vec<Entry>>, Fault> {
    let asked = body::read_up_to(LONGEST_QUESTION, &house, &headers, body).await?;
    let asked: Asked = match asked.bytes.as_ref() {
        [] => Asked::default(),
        json => serde_json::from_slice(json).map_err(|e| Fault::bad(format!("JSON: {e}")))?,
    };
    let entries = index(&house).into_iter().filter(|entry| !asked.ready || entry.state == READY);
    Ok(Json(entries.collect()))
}

/// Which models are asked for.
#[derive(Default, Deserialize, ToSchema)]
#[schema(as = RepositoryQuestion)]
pub struct Asked {
    /// Those alone that are ready.
    #[serde(default)]
    ready: bool,
}

/// That it is done; there is nothing to tell of it.
#[derive(Serialize, ToSchema)]
pub struct Done {}

/// How a model is to be loaded.
#[derive(Default, Deserialize)]
struct How {
    #[serde(default)]
    parameters: BTreeMap<String, serde::de::IgnoredAny>,
}

/// # Errors
/// Parameters that bring another configuration or other files: models are those of the folder.
pub fn loads_as_it_is<'a>(parameters: impl IntoIterator<Item = &'a String>) -> Result<(), Fault> {
    match parameters.into_iter().any(|name| name == "config" || name.starts_with("file:")) {
        false => Ok(()),
        true => {
            let text = "models are loaded as they lie in the models folder, without a configuration or files of the request";
            Err(Fault::new(StatusCode::NOT_IMPLEMENTED, text))
        }
    }
}

/// Loads a model of the folder anew.
#[utoipa::path(
    post,
    path = "/v2/repository/models/{model}/load",
    tag = "Open Inference Protocol",
    params(("model" = String, Path, description = "The model's name")),
    responses((status = 200, description = "It is ready", body = Done), Refused)
)]
pub async fn load(
    State(house): State<Arc<House>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Done>, Fault> {
    let asked = body::read_up_to(LONGEST_QUESTION, &house, &headers, body).await?;
    let how: How = match asked.bytes.as_ref() {
        [] => How::default(),
        json => serde_json::from_slice(json).map_err(|e| Fault::bad(format!("JSON: {e}")))?,
    };
    loads_as_it_is(how.parameters.keys())?;
    changed(house, move |models| models.load(&name)).await?;
    Ok(Json(Done {}))
}

/// Takes a model out of service.
#[utoipa::path(
    post,
    path = "/v2/repository/models/{model}/unload",
    tag = "Open Inference Protocol",
    params(("model" = String, Path, description = "The model's name")),
    responses((status = 200, description = "It is out of service", body = Done), Refused)
)]
pub async fn unload(State(house): State<Arc<House>>, Path(name): Path<String>) -> Result<Json<Done>, Fault> {
    changed(house, move |models| models.unload(&name)).await?;
    Ok(Json(Done {}))
}

/// Changes what is served: where the service has a token, which was shown.
///
/// # Errors
/// A service without a token; a model that cannot be changed so.
pub async fn changed(
    house: Arc<House>,
    change: impl FnOnce(&Models) -> LibraryResult<()> + Send + 'static,
) -> Result<(), Fault> {
    if house.settings.token.is_none() {
        let text = "models are loaded and unloaded only where the service has a token (--token-file)";
        return Err(Fault::new(StatusCode::FORBIDDEN, text));
    }
    aside(move || Ok(change(&house.models)?)).await
}
