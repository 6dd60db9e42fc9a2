//! What is answered where there is no answer: a status, and a line that says why.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::error::{Error, NotBegun};

/// A request that is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub status: StatusCode,
    /// One line, without anything of the machine that it comes from.
    pub text: String,
}

/// What is said of a fault of the program.
pub const OURS: &str = "a fault in Gyrus itself; please report what was sent";

/// Seconds after which it is worth asking a busy service again.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("1");

impl Fault {
    pub fn new(status: StatusCode, text: impl Into<String>) -> Fault {
        Fault { status, text: text.into() }
    }

    /// A request that cannot be understood.
    pub fn bad(text: impl Into<String>) -> Fault {
        Fault::new(StatusCode::BAD_REQUEST, text)
    }

    /// For what must not happen, whatever was sent.
    pub fn ours() -> Fault {
        Fault::new(StatusCode::INTERNAL_SERVER_ERROR, OURS)
    }

    /// For a request that finds the house full.
    pub fn busy() -> Fault {
        Fault::new(
            StatusCode::TOO_MANY_REQUESTS,
            "the service has as many requests as it takes; ask again later",
        )
    }

    /// For bodies above the limit, in bytes.
    pub fn too_large(limit: usize) -> Fault {
        let (size, unit) = if limit < 1 << 20 { (limit >> 10, "KiB") } else { (limit >> 20, "MiB") };
        let text = format!("the body is larger than {size} {unit}; send less at a time");
        Fault::new(StatusCode::PAYLOAD_TOO_LARGE, text)
    }

    /// An error about what was sent as `name`; where it was kept meanwhile is nobody's business.
    pub fn of_file(name: &str, error: &Error) -> Fault {
        let text = match error {
            Error::File { reason, remedy, .. } => format!("{name}: {reason}; {remedy}"),
            Error::Tensor { .. } | Error::Volume { .. } => format!("{name}: {error}"),
            _ => return error.clone().into(),
        };
        Fault::bad(text)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        let status = match &error {
            Error::Unknown { .. } => StatusCode::NOT_FOUND,
            Error::NotBegun(NotBegun::Late) => StatusCode::GATEWAY_TIMEOUT,
            Error::NotBegun(_) => StatusCode::SERVICE_UNAVAILABLE,
            Error::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Error::Device { .. }
            | Error::Gpu { .. }
            | Error::Memory { .. }
            | Error::DeviceLost { .. }
            | Error::Wrong { .. }
            | Error::Graph(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Error::Unsupported(_) => StatusCode::NOT_IMPLEMENTED,
            _ => StatusCode::BAD_REQUEST,
        };
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            // None of these errors names a file.
            tracing::error!(%error, "a request failed");
        }
        let text = match &error {
            Error::File { reason, remedy, .. } => format!("{reason}; {remedy}"),
            other => other.to_string(),
        };
        Fault { status, text }
    }
}

impl Fault {
    /// The same of one slice of a volume.
    pub fn of_slice(self, number: usize) -> Fault {
        Fault { text: format!("slice {number}: {}", self.text), ..self }
    }
}

impl From<QueryRejection> for Fault {
    fn from(rejection: QueryRejection) -> Fault {
        Fault::bad(rejection.body_text())
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(json!({ "error": self.text }))).into_response();
        if matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_SECONDS);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
