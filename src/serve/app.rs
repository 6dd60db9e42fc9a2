//! All routes, and what every request passes on its way to them.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use serde_json::Value;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::decompression::RequestDecompressionLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

use super::body;
use super::fault::Fault;
use super::guard::guard;
use super::house::House;
use super::oip::{describe, infer, repository};
use super::openapi::{Problem, document, versioned};
use super::{page, plain, watch};

/// The service's routes over what they share. Tests call it without a socket.
pub fn app(house: Arc<House>) -> Router {
    let (addresses, _) = addresses();
    addresses
        .fallback(page::page)
        .method_not_allowed_fallback(wrong_method)
        .layer(RequestDecompressionLayer::new().gzip(true).deflate(true))
        .layer(map_response(worded))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(house.clone(), guard))
        .layer(CompressionLayer::new().gzip(true).deflate(true))
        .layer(from_fn_with_state(house.clone(), noted))
        .with_state(house)
}

/// Every address with what answers there, and the document that describes them.
fn addresses() -> (Router<Arc<House>>, Value) {
    let (routes, described) = routes().split_for_parts();
    let document = document(&described);
    let versions =
        VERSIONED.into_iter().fold(Router::new(), |router, (path, handler)| match versioned(path) {
            Some(path) => router.route(&path, handler()),
            None => router,
        });
    let docs = SwaggerUi::new("/docs").external_url_unchecked("/openapi.json", document.clone());
    (routes.merge(versions).merge(docs), document)
}

/// What descriptions of routes refer to without holding it.
#[derive(OpenApi)]
#[openapi(components(schemas(Problem)))]
struct Described;

/// Every route with its description.
fn routes() -> OpenApiRouter<Arc<House>> {
    OpenApiRouter::with_openapi(Described::openapi())
        .routes(routes!(plain::classify::classify))
        .routes(routes!(page::page, plain::classify::image_classification))
        .routes(routes!(plain::segment::segment))
        .routes(routes!(plain::information::models))
        .routes(routes!(plain::information::devices))
        .routes(routes!(plain::information::samples))
        .routes(routes!(plain::information::sample))
        .routes(routes!(describe::server))
        .routes(routes!(describe::live))
        .routes(routes!(describe::ready))
        .routes(routes!(describe::all_stats))
        .routes(routes!(describe::model))
        .routes(routes!(describe::model_ready))
        .routes(routes!(describe::config))
        .routes(routes!(describe::stats))
        .routes(routes!(infer::infer))
        .routes(routes!(repository::listed))
        .routes(routes!(repository::load))
        .routes(routes!(repository::unload))
        .routes(routes!(metrics))
}

type Handler = fn() -> MethodRouter<Arc<House>>;

/// What is there for a version of a model as for the model: it has one.
const VERSIONED: [(&str, Handler); 5] = [
    ("/v2/models/{model}", || get(describe::model)),
    ("/v2/models/{model}/ready", || get(describe::model_ready)),
    ("/v2/models/{model}/config", || get(describe::config)),
    ("/v2/models/{model}/stats", || get(describe::stats)),
    ("/v2/models/{model}/infer", || post(infer::infer)),
];

/// What is counted, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "what there is", responses((status = 200, description = "Text", content_type = "text/plain")))]
async fn metrics(State(house): State<Arc<House>>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], watch::render(&house)).into_response()
}

async fn wrong_method(headers: HeaderMap, body: Body) -> Fault {
    let fault = Fault::new(StatusCode::METHOD_NOT_ALLOWED, "this address takes another method");
    body::refused(fault, &headers, body).await
}

fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    Fault::ours().into_response()
}

/// What is logged for a client that hung up: no status of HTTP, but what proxies log.
const HUNG_UP: u16 = 499;
/// A number to find a request by.
pub fn request_id() -> String {
    format!("{:016x}", fastrand::u64(..))
}

pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What unpacks bodies says in a status alone that it cannot.
async fn worded(response: Response) -> Response {
    if response.status() != StatusCode::UNSUPPORTED_MEDIA_TYPE {
        return response;
    }
    let text = "bodies are taken as they are, or packed as gzip or deflate";
    Fault::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text).into_response()
}

/// Counts and logs a request.
async fn noted(State(house): State<Arc<House>>, request: Request, next: Next) -> Response {
    let mut note = Note::of(&request);
    let mut response = next.run(request).await;
    note.status = response.status().as_u16();
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&note.id) {
        headers.insert(REQUEST_ID, value);
    }
    if house.is_closing() {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A request in the log: its method, route and status, a number to find it by, and nothing that it holds. A file's name may be a
/// patient's, and so may anything in an address that is no route.
struct Note {
    start: Instant,
    id: String,
    method: Method,
    route: String,
    status: u16,
}

impl Note {
    fn of(request: &Request) -> Note {
        let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str);
        let id = request_id();
        let (method, route) = (request.method().clone(), route.to_string());
        Note { start: Instant::now(), id, method, route, status: HUNG_UP }
    }
}

impl Drop for Note {
    /// Also where the client is gone before there is an answer.
    fn drop(&mut self) {
        watch::request(self.status);
        let milliseconds = self.start.elapsed().as_secs_f64() * 1e3;
        let Note { id, method, route, status, .. } = self;
        tracing::info!(id, %method, route, status, milliseconds, "request");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::addresses;

    #[test]
    fn what_is_routed_is_described() {
        let (router, document) = addresses();
        // A router tells its addresses only where it is printed.
        let printed = format!("{router:?}");
        let routed: BTreeSet<&str> = printed
            .split('"')
            .skip(1)
            .step_by(2)
            .filter(|text| text.starts_with('/') && !text.contains("__private__"))
            .collect();
        let described: BTreeSet<&str> =
            document["paths"].as_object().expect("paths").keys().map(String::as_str).collect();
        assert!(described.is_subset(&routed) && described.len() > 20, "{described:?}, {routed:?}");
        let others: Vec<&str> = routed.difference(&described).copied().collect();
        assert_eq!(others, ["/docs", "/docs/", "/docs/{*rest}", "/openapi.json"], "{routed:?}");
    }
}
