//! `POST /v2/models/{m}/infer`, and what gRPC shares with it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Map, json};

use super::describe::at;
use super::tensors::{Named, Stated, datatype, from_bytes, from_numbers, short, stated, to_bytes, to_json};
use super::wire::{Input, MOST_JSON, NOT_DONE, Output, Parameters, Request, Response as Answer};
use crate::error::{Error, NotBegun};
use crate::model::Model;
use crate::serve::body::{self, Whole};
use crate::serve::counts::Counted;
use crate::serve::fault::Fault;
use crate::serve::house::House;
use crate::serve::models::Served;
use crate::serve::openapi::Refused;
use crate::serve::path::Path;
use crate::serve::queue::{Inputs, Place, Ticket};
use crate::serve::rows::{parts, whole};
use crate::serve::wait::{aside, room};
use crate::tensor::{DType, Tensor};

/// How many bytes of a body are JSON, before any compression; the rest are tensors.
const JSON_LENGTH: &str = "inference-header-content-length";

/// What becomes of a byte of JSON: a number of two bytes is held in sixteen until all are there, and in four more as f32.
const OF_JSON: u64 = 10;

/// Runs a network on the tensors of a request.
#[utoipa::path(
    post,
    path = "/v2/models/{model}/infer",
    tag = "Open Inference Protocol",
    params(
        ("model" = String, Path, description = "The model's name"),
        ("Inference-Header-Content-Length" = Option<u64>, Header, description = "The bytes of JSON, where tensors follow it"),
    ),
    request_body(content((Request = "application/json"), (Vec<u8> = "application/octet-stream"))),
    responses(
        (status = 200, description = "The network's outputs; where that is asked for, JSON with bytes after it",
         headers(("Inference-Header-Content-Length" = Option<u64>, description = "The bytes of JSON, where tensors follow it")),
         content((Answer = "application/json"), (Vec<u8> = "application/octet-stream"))), Refused
    )
)]
pub async fn infer(
    State(house): State<Arc<House>>,
    Path(model): Path<Vec<String>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Fault> {
    let served = match at(&house, &model) {
        Ok(served) => served,
        Err(fault) => return Err(body::refused(fault, &headers, body).await),
    };
    let Whole { bytes, held } = body::read(&house, &headers, body).await?;
    let (place, start) = (house.admit(held)?, Instant::now());
    let length = json_length(&headers, bytes.len())?;
    if length > MOST_JSON {
        return Err(Fault::too_large(MOST_JSON));
    }
    let weight = OF_JSON * length as u64 + (bytes.len() - length) as u64;
    let room = room(&house, weight, house.settings.timeout).await?;
    let network = served.clone();
    // Also where the client is gone: what is worked on keeps its place and its memory.
    let (request, inputs, place, _room) = aside(move || {
        let (request, inputs) = read(&network.model, &bytes, length)?;
        Ok((request, inputs, place, room))
    })
    .await?;
    let timeout = timeout(&request.parameters)?.unwrap_or(house.settings.timeout);
    let outputs = run(&house, &served, place, inputs, timeout.saturating_sub(start.elapsed())).await?;
    aside(move || answer(&served, &request, outputs)).await
}

/// Runs a network, its samples together with those of other requests where that is possible.
///
/// # Errors
/// Those of the device; an answer that is not there in time.
pub async fn run(
    house: &House,
    served: &Arc<Served>,
    place: Place,
    inputs: Named,
    timeout: Duration,
) -> Result<Vec<Tensor>, Fault> {
    let counted = Counted::begin(&served.counts);
    let outcome = queued(house, served, place, inputs, timeout).await;
    counted.end(outcome.is_ok());
    outcome
}

async fn queued(
    house: &House,
    served: &Arc<Served>,
    place: Place,
    mut inputs: Named,
    timeout: Duration,
) -> Result<Vec<Tensor>, Fault> {
    let (ticket, presence) = place.ticket(timeout);
    let only = served.model.network().inputs.first().map(|value| value.name.clone()).unwrap_or_default();
    let joins = served.sample.as_ref().is_some_and(|sample| joins(sample, &inputs));
    let inputs = match inputs.remove(&only) {
        Some(tensor) if joins => Inputs::Rows(tensor),
        Some(tensor) => {
            inputs.insert(only, tensor);
            Inputs::Whole(inputs)
        }
        None => Inputs::Whole(inputs),
    };
    let (rows, most) = (inputs.rows(), house.settings.batch);
    if rows > most {
        return Err(Fault::bad(format!("{rows} rows, where at most {most} are taken at a time")));
    }
    let answer = tokio::time::timeout(timeout, computed(house, served, inputs, &ticket)).await;
    drop(presence);
    Ok(answer.unwrap_or(Err(Error::NotBegun(NotBegun::Late)))?)
}

/// The outputs for these inputs. More rows than the device takes at a time are as many jobs as it takes: how many a request may
/// have does not hang on how fast the device is.
async fn computed(
    house: &House,
    served: &Served,
    inputs: Inputs,
    ticket: &Ticket,
) -> Result<Vec<Tensor>, Error> {
    let rows = inputs.rows();
    let jobs = match inputs {
        Inputs::Rows(tensor) => {
            let parts = parts(tensor, house.queue.sizes(served.lane).most)?;
            parts.into_iter().map(Inputs::Rows).collect()
        }
        inputs => vec![inputs],
    };
    let submit = |job| house.queue.submit(served.lane, job, ticket.clone());
    let answers: Vec<_> = jobs.into_iter().map(submit).collect();
    let mut all = Vec::with_capacity(answers.len());
    for answer in answers {
        let done = answer.await.unwrap_or(Err(Error::NotBegun(NotBegun::Closing)));
        served.counts.job(&done);
        all.push(done?.outputs);
    }
    whole(all, rows)
}

/// Whether the tensor is one of independent samples of the size that plans were made for.
fn joins(sample: &[usize], inputs: &Named) -> bool {
    inputs.values().all(|tensor| tensor.dtype() == DType::F32 && tensor.shape().get(1..) == Some(sample))
}

/// Until when an answer must be there, as Triton's clients say it: in microseconds, 0 for no limit of their own.
fn timeout(parameters: &Parameters) -> Result<Option<Duration>, Fault> {
    let Some(micros) = &parameters.timeout else { return Ok(None) };
    let micros = micros.as_u64().ok_or_else(|| Fault::bad("timeout: a number of microseconds is due"))?;
    Ok((micros > 0).then(|| Duration::from_micros(micros)))
}

/// # Errors
/// When a request asks for what is not done here.
fn only_what_is_done(request: &Request) -> Result<(), Fault> {
    let inputs = request.inputs.iter().map(|input| &input.parameters);
    let outputs = request.outputs.iter().map(|wanted| &wanted.parameters);
    let asked = [&request.parameters].into_iter().chain(inputs).chain(outputs);
    not_done(asked.flat_map(Parameters::names))
}

/// # Errors
/// A parameter that asks for what is not done here.
pub fn not_done(names: impl IntoIterator<Item = impl AsRef<str>>) -> Result<(), Fault> {
    let mut known = names.into_iter().filter_map(|name| NOT_DONE.iter().find(|not| **not == name.as_ref()));
    match known.next() {
        None => Ok(()),
        Some(name) => {
            Err(Fault::new(StatusCode::NOT_IMPLEMENTED, format!("the parameter {name} is not supported")))
        }
    }
}

/// Where the JSON of a body ends.
fn json_length(headers: &HeaderMap, all: usize) -> Result<usize, Fault> {
    let Some(value) = headers.get(JSON_LENGTH) else { return Ok(all) };
    let length = value.to_str().ok().and_then(|text| text.trim().parse::<usize>().ok());
    length.filter(|&length| length <= all).ok_or_else(|| {
        Fault::bad(format!("{JSON_LENGTH}: a number of bytes is due, no more than the body's {all}"))
    })
}

/// The request and its tensors, held to what the model takes.
fn read(model: &Model, body: &Bytes, length: usize) -> Result<(Request, Named), Fault> {
    let (json, mut rest) = body.split_at_checked(length).ok_or_else(|| Fault::bad("the body ends early"))?;
    let request: Request = serde_json::from_slice(json).map_err(|e| Fault::bad(format!("JSON: {e}")))?;
    let given = request
        .inputs
        .iter()
        .map(|input| (input.name.as_str(), input.datatype.as_str(), input.shape.as_slice()));
    let stated = stated(model.network(), given)?;
    only_what_is_done(&request)?;
    known_outputs(model, request.outputs.iter().map(|wanted| wanted.name.as_str()))?;
    let mut inputs = Named::new();
    for (stated, input) in stated.iter().zip(&request.inputs) {
        inputs.insert(input.name.clone(), tensor(stated, input, &mut rest)?);
    }
    if !rest.is_empty() {
        return Err(Fault::bad(format!("{} bytes follow the last tensor", rest.len())));
    }
    Ok((request, inputs))
}

/// Holds the names of wanted outputs to those of a model.
///
/// # Errors
/// A name that the model does not give.
pub fn known_outputs<'a>(model: &Model, mut wanted: impl Iterator<Item = &'a str>) -> Result<(), Fault> {
    let outputs = &model.network().outputs;
    match wanted.find(|name| !outputs.iter().any(|own| own.name == *name)) {
        None => Ok(()),
        Some(unknown) => {
            let known: Vec<&str> = outputs.iter().map(|value| value.name.as_str()).collect();
            let text = format!("no output '{}'; the model gives: {}", short(unknown), known.join(", "));
            Err(Fault::bad(text))
        }
    }
}

fn tensor(stated: &Stated, input: &Input, rest: &mut &[u8]) -> Result<Tensor, Fault> {
    let Some(size) = &input.parameters.binary_data_size else { return from_numbers(stated, input) };
    let name = &input.name;
    if input.data.is_some() {
        return Err(Fault::bad(format!("the input '{name}' is given both as JSON and as bytes")));
    }
    let size = size.as_u64().and_then(|size| usize::try_from(size).ok());
    let size = size
        .ok_or_else(|| Fault::bad(format!("the input '{name}': binary_data_size is no number of bytes")))?;
    let parts = rest.split_at_checked(size);
    let (bytes, after) =
        parts.ok_or_else(|| Fault::bad(format!("the body ends within the bytes of '{name}'")))?;
    *rest = after;
    from_bytes(stated, bytes)
}

/// The answer: JSON, and after it the outputs that are wanted as bytes.
fn answer(served: &Served, request: &Request, outputs: Vec<Tensor>) -> Result<Response, Fault> {
    let all_binary = request.parameters.binary_data_output;
    let mut bytes = Vec::new();
    let mut described = Vec::new();
    for (value, tensor) in served.model.network().outputs.iter().zip(outputs) {
        let wanted = request.outputs.iter().find(|wanted| wanted.name == value.name);
        if wanted.is_none() && !request.outputs.is_empty() {
            continue;
        }
        let is_binary =
            wanted.and_then(|wanted| wanted.parameters.binary_data).or(all_binary).unwrap_or(false);
        let (mut parameters, mut data) = (Map::new(), None);
        if is_binary {
            let own = to_bytes(&tensor);
            parameters.insert("binary_data_size".into(), json!(own.len()));
            bytes.extend_from_slice(&own);
        } else {
            data = Some(to_json(&value.name, &tensor)?);
        }
        let (name, shape) = (value.name.clone(), tensor.shape().to_vec());
        described.push(Output { name, shape, datatype: datatype(tensor.dtype()), parameters, data });
    }
    let answer = Answer {
        model_name: served.name.clone(),
        model_version: served.version(),
        id: request.id.clone(),
        outputs: described,
    };
    let mut body = serde_json::to_vec(&answer).map_err(|_| Fault::ours())?;
    if bytes.is_empty() {
        return Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response());
    }
    let length = HeaderValue::from(body.len());
    body.extend_from_slice(&bytes);
    let mut response = ([(header::CONTENT_TYPE, "application/octet-stream")], body).into_response();
    response.headers_mut().insert(JSON_LENGTH, length);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::super::describe::configuration;
    use super::*;
    use crate::device::Device;
    use crate::serve::Settings;
    use crate::serve::budget::Held;
    use crate::serve::queue::Sizes;

    #[test]
    fn more_rows_than_the_device_takes_at_a_time_are_answered_all_the_same() {
        let models = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/networks");
        let device = Device::open("cpu").expect("the CPU engine");
        let (house, thread) = House::open(Settings::of(models.into()), device).expect("a house");
        house.load().expect("models");
        let served = at(&house, &["classifier".to_string()]).expect("a model");
        let values = (0..5 * 24 * 20).map(|i| (i % 17) as f32 * 0.1).collect();
        let image = Tensor::from_f32([5, 1, 24, 20], values).expect("a tensor");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let answer = |most| {
            house.queue.set_sizes(served.lane, Sizes { most, worth: 1 });
            let place = house.admit(Held::default()).expect("a place");
            let inputs = Named::from([("image".to_string(), image.clone())]);
            let outputs = run(&house, &served, place, inputs, Duration::from_secs(60));
            let outputs = runtime.block_on(outputs).expect("outputs");
            outputs.iter().map(|tensor| (tensor.shape().to_vec(), tensor.clone())).collect::<Vec<_>>()
        };
        let (at_once, in_parts) = (answer(8), answer(2));
        assert_eq!(in_parts[0].0, [5, 3]);
        assert_eq!(in_parts, at_once);
        assert_eq!(configuration(&house, &served).most, 32, "what is promised does not change either");
        assert_eq!(served.counts.figures().samples, 10);
        house.queue.close();
        thread.join().expect("no panic");
    }
}
