//! What every call passes: a line in the log with a number to find it by, and a bound on those that run networks.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::http::{HeaderValue, Request, Response};
use tokio::sync::Semaphore;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::coming::Coming;
use super::{HEAD, MOST_MESSAGE, MOST_WORDS};
use crate::serve::app::{REQUEST_ID, request_id};
use crate::serve::fault::Fault;
use crate::serve::house::House;

const SERVICE: &str = "/inference.GRPCInferenceService/";
/// The calls that bring tensors: the one is bounded before its message is read, streams are by themselves.
const BOUNDED: &str = "ModelInfer";
const STREAM: &str = "ModelStreamInfer";
/// How messages are packed.
const CODING: &str = "grpc-encoding";
/// Where a status is told that is not that of success.
const STATUS: &str = "grpc-status";
const OK: &str = "0";
/// Of a call whose client is gone before there is an answer.
const CANCELLED: &str = "1";

/// Places for calls that run networks.
#[derive(Clone)]
pub struct Places {
    house: Arc<House>,
    places: Arc<Semaphore>,
}

impl Places {
    pub fn new(house: Arc<House>) -> Places {
        let places = Arc::new(Semaphore::new(house.settings.limits.requests));
        Places { house, places }
    }
}

impl<S> Layer<S> for Places {
    type Service = Calls<S>;

    fn layer(&self, inner: S) -> Calls<S> {
        Calls { inner, house: self.house.clone(), places: self.places.clone() }
    }
}

/// A service whose calls are logged and bounded.
#[derive(Clone)]
pub struct Calls<S> {
    inner: S,
    house: Arc<House>,
    places: Arc<Semaphore>,
}

impl<S> Service<Request<Body>> for Calls<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let mut note =
            Note { start: Instant::now(), id: request_id(), call: name(&request), status: CANCELLED.into() };
        let place = match note.call == BOUNDED {
            true => self.places.clone().try_acquire_owned().map(Some),
            false => Ok(None),
        };
        // What is packed may be the largest message until it is known which.
        let is_packed = request.headers().get(CODING).is_some_and(|coding| coding != "identity");
        let bounds = match note.call.as_str() {
            STREAM => None,
            BOUNDED if is_packed => {
                Some((self.house.settings.limits.body.min(MOST_MESSAGE), MOST_MESSAGE + HEAD))
            }
            BOUNDED => Some((0, MOST_MESSAGE + HEAD)),
            _ => Some((0, MOST_WORDS)),
        };
        let counted = |body| match bounds {
            Some((least, most)) => {
                Body::new(Coming::new(body, self.house.clone(), least as u64, most as u64))
            }
            None => body,
        };
        let request = request.map(counted);
        let answer = place.map(|place| (place, self.inner.call(request)));
        Box::pin(async move {
            let mut response = match answer {
                Ok((_place, answer)) => answer.await?,
                Err(_) => Status::from(Fault::busy()).into_http(),
            };
            let headers = response.headers_mut();
            note.status = headers.get(STATUS).and_then(|status| status.to_str().ok()).unwrap_or(OK).into();
            if let Ok(value) = HeaderValue::from_str(&note.id) {
                headers.insert(REQUEST_ID, value);
            }
            Ok(response)
        })
    }
}

/// A call in the log, also where its client is gone: its name and status, a number to find it by, and nothing that it holds.
struct Note {
    start: Instant,
    id: String,
    call: String,
    status: String,
}

impl Drop for Note {
    fn drop(&mut self) {
        let milliseconds = self.start.elapsed().as_secs_f64() * 1e3;
        let Note { id, call, status, .. } = self;
        tracing::info!(id, call, status, milliseconds, "gRPC");
    }
}

/// The call's name; of what is none nothing is repeated.
fn name<B>(request: &Request<B>) -> String {
    let name = request.uri().path().strip_prefix(SERVICE).unwrap_or_default();
    let is_name = !name.is_empty() && name.len() < 40 && name.bytes().all(|byte| byte.is_ascii_alphabetic());
    if is_name { name.into() } else { "-".into() }
}
