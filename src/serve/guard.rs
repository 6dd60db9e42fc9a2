//! Who may ask: the names that the service goes by, pages of other origins, the token; and what every answer says.
//!
//! A page of another site can make a browser send requests to a service on the same machine, and a name that is made to point
//! there lets it read the answers. So `Host` must be an address, this machine, or a name that was set, and `Origin`, which
//! browsers send with whatever could do something, must be the service itself or one that was set.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::body;
use super::fault::Fault;
use super::house::House;
use super::page;

/// Where no token is asked for: whether the service lives tells nobody anything, and the page asks for the token itself.
const OPEN: [&str; 4] = ["/v2/health/live", "/v2/health/ready", "/openapi.json", "/docs"];

/// What browsers may do with an answer: nothing that is not the page's own.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
                      connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// The page of the documentation is drawn by a library that sets styles where they are used.
const DOCUMENTATION: (&str, &str) = (
    "/docs/",
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
);

/// Holds a request to the rules, and marks its answer.
pub async fn guard(State(house): State<Arc<House>>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let (documentation, looser) = DOCUMENTATION;
    let policy = if request.uri().path().starts_with(documentation) { looser } else { POLICY };
    let mut response = match check(&house, request.method(), request.uri(), request.headers()) {
        Err(fault) => {
            let (head, body) = request.into_parts();
            body::refused(fault, &head.headers, body).await.into_response()
        }
        Ok(true) => StatusCode::NO_CONTENT.into_response(),
        Ok(false) => next.run(request).await,
    };
    let headers = response.headers_mut();
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "geolocation=(), microphone=()"),
    ];
    for (name, value) in fixed {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    // Answers are about patients: nothing keeps them.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Some(origin) = origin.filter(|origin| is_listed(&house, origin)) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::VARY, HeaderValue::from_static("origin"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
        let allowed =
            "authorization, content-type, content-encoding, inference-header-content-length, x-file-name";
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(allowed));
        let shown = "inference-header-content-length, retry-after, x-request-id";
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(shown));
    }
    response
}

/// Whether the request is a listed page's question of what it may do, which is answered without a token.
fn check(house: &House, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<bool, Fault> {
    let host = host_of(uri, headers).ok_or_else(|| Fault::bad("the request does not say its host"))?;
    if !is_known(house, host) {
        let text = "the service does not go by this name; --host NAME adds one";
        return Err(Fault::new(StatusCode::MISDIRECTED_REQUEST, text));
    }
    if let Some(origin) = headers.get(header::ORIGIN) {
        if is_listed(house, origin) {
            if method == Method::OPTIONS {
                return Ok(true);
            }
        } else if !is_own(origin, host_and_port(uri, headers).unwrap_or(host)) {
            let text = "pages of other origins may not use the service; --origin URL allows one";
            return Err(Fault::new(StatusCode::FORBIDDEN, text));
        }
    }
    let (path, (documentation, _)) = (uri.path(), DOCUMENTATION);
    let is_open = [Method::GET, Method::HEAD].contains(method)
        && (OPEN.contains(&path) || path.starts_with(documentation) || page::holds(path));
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if is_open || is_allowed(house, shown) {
        return Ok(false);
    }
    Err(Fault::new(StatusCode::UNAUTHORIZED, "the service wants its token: `Authorization: Bearer TOKEN`"))
}

/// Whether the value of `Authorization` shows the token that the service wants, if it wants one.
pub fn is_allowed(house: &House, shown: Option<&str>) -> bool {
    let Some(token) = &house.settings.token else { return true };
    let given = shown.and_then(|value| value.split_once(' '));
    given.is_some_and(|(scheme, given)| scheme.eq_ignore_ascii_case("bearer") && token.is(given.trim()))
}

fn host_and_port<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    // HTTP/2 has it in the address.
    uri.authority().map(|a| a.as_str()).or_else(|| headers.get(header::HOST)?.to_str().ok())
}

fn host_of<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let whole = host_and_port(uri, headers)?;
    if let Some(inner) = whole.strip_prefix('[') {
        return inner.split_once(']').map(|(host, _)| host);
    }
    whole.split(':').next().filter(|host| !host.is_empty())
}

fn is_known(house: &House, host: &str) -> bool {
    let host = host.trim_end_matches('.');
    // No one can make an address point elsewhere.
    host.parse::<IpAddr>().is_ok()
        || host.eq_ignore_ascii_case("localhost")
        || house.settings.hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
}

fn is_listed(house: &House, origin: &HeaderValue) -> bool {
    house.settings.origins.iter().any(|listed| listed.as_bytes() == origin.as_bytes())
}

/// Whether an origin is the service as the request calls it.
fn is_own(origin: &HeaderValue, host: &str) -> bool {
    let origin = origin.to_str().unwrap_or_default();
    let named = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    named.is_some_and(|named| named.eq_ignore_ascii_case(host))
}
