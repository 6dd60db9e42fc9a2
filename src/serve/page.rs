//! The web page, which is a part of the program.

use axum::body::Body;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

use super::body;
use super::fault::Fault;

#[derive(RustEmbed)]
#[folder = "web/"]
// What lies deeper is for exported sites.
#[exclude = "*/*"]
#[exclude = "conformance*"]
struct Page;

/// The file that a path means.
fn file_of(path: &str) -> &str {
    match path.trim_start_matches('/') {
        "" => "index.html",
        name => name,
    }
}

/// Whether a path is the page or one of its files, which are nobody's secret.
pub fn holds(path: &str) -> bool {
    Page::get(file_of(path)).is_some()
}

/// The page and its files; for anything else, that there is nothing.
#[utoipa::path(get, path = "/", tag = "what there is", responses((status = 200, description = "The page", content_type = "text/html")))]
pub async fn page(method: Method, uri: Uri, headers: HeaderMap, body: Body) -> Response {
    let name = file_of(uri.path());
    let is_asked = [Method::GET, Method::HEAD].contains(&method);
    match Page::get(name).filter(|_| is_asked) {
        None => {
            let fault = Fault::new(StatusCode::NOT_FOUND, "nothing is here");
            body::refused(fault, &headers, body).await.into_response()
        }
        Some(file) => {
            let kind = file.metadata.mimetype().to_string();
            let kind = if kind.starts_with("text/") { format!("{kind}; charset=utf-8") } else { kind };
            // A newer program has a newer page.
            let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache".to_string())];
            (headers, file.data.into_owned()).into_response()
        }
    }
}
