//! All routes, and what every request passes on its way to them.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::decompression::RequestDecompressionLayer;

use super::fault::Fault;
use super::guard::guard;
use super::house::House;
use super::oip::{describe, infer, repository};
use super::{page, plain, watch};

/// The service's routes over what they share. Tests call it without a socket.
pub fn app(house: Arc<House>) -> Router {
    Router::new()
        .merge(plain_routes())
        .merge(protocol_routes())
        .route("/metrics", get(metrics))
        .route("/", get(page::page).post(plain::image_classification))
        .fallback(get(page::page))
        .method_not_allowed_fallback(wrong_method)
        // Bodies are limited where they are read: after they were unpacked.
        .layer(DefaultBodyLimit::disable())
        .layer(RequestDecompressionLayer::new().gzip(true).deflate(true))
        .layer(from_fn_with_state(house.clone(), guard))
        .layer(CompressionLayer::new().gzip(true).deflate(true))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(noted))
        .with_state(house)
}

fn plain_routes() -> Router<Arc<House>> {
    Router::new()
        .route("/v1/classify", post(plain::classify))
        .route("/v1/segment", post(plain::segment))
        .route("/v1/models", get(plain::models))
        .route("/v1/devices", get(plain::devices))
        .route("/v1/samples", get(plain::samples))
        .route("/v1/samples/{file}", get(plain::sample))
}

fn protocol_routes() -> Router<Arc<House>> {
    let model = |path: &str| {
        [format!("/v2/models/{{model}}{path}"), format!("/v2/models/{{model}}/versions/{{version}}{path}")]
    };
    let mut routes = Router::new()
        .route("/v2", get(describe::server))
        .route("/v2/health/live", get(describe::live))
        .route("/v2/health/ready", get(describe::ready))
        .route("/v2/models/stats", get(describe::all_stats))
        .route("/v2/repository/index", post(repository::listed))
        .route("/v2/repository/models/{model}/load", post(repository::load))
        .route("/v2/repository/models/{model}/unload", post(repository::unload));
    for path in model("") {
        routes = routes.route(&path, get(describe::model));
    }
    for path in model("/ready") {
        routes = routes.route(&path, get(describe::model_ready));
    }
    for path in model("/config") {
        routes = routes.route(&path, get(describe::config));
    }
    for path in model("/stats") {
        routes = routes.route(&path, get(describe::stats));
    }
    for path in model("/infer") {
        routes = routes.route(&path, post(infer::infer));
    }
    routes
}

async fn metrics(State(house): State<Arc<House>>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], watch::render(&house)).into_response()
}

async fn wrong_method() -> Fault {
    Fault::new(StatusCode::METHOD_NOT_ALLOWED, "this address takes another method")
}

fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    Fault::new(StatusCode::INTERNAL_SERVER_ERROR, "a fault in Gyrus itself; please report what was sent")
        .into_response()
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Counts and logs a request: its method, route and status, a number to find it by, and nothing that it holds. A file's name
/// may be a patient's, and so may anything in an address that is no route.
async fn noted(request: Request, next: Next) -> Response {
    let start = Instant::now();
    let id = format!("{:016x}", fastrand::u64(..));
    let method = request.method().clone();
    let route =
        request.extensions().get::<MatchedPath>().map_or("-".to_string(), |path| path.as_str().to_string());
    let mut response = next.run(request).await;
    let status = response.status().as_u16();
    watch::request(status);
    let milliseconds = start.elapsed().as_secs_f64() * 1e3;
    tracing::info!(id, %method, route, status, milliseconds, "request");
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}
