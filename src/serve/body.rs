//! Bodies of requests: read whole, within limits of size and time, and taken apart into files.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

use super::budget::Held;
use super::fault::Fault;
use super::house::House;
use super::settings::Limits;

/// The longest name of a file that is repeated in an answer.
const LONGEST_NAME: usize = 200;
/// What stands around the parts of a multipart body, a part: more is no name.
const LONGEST_FIELD: usize = 100;
/// The name of a file that was sent without one.
const UNNAMED: &str = "upload";
/// Of a body that was refused so much is taken for so long, so that its sender comes to read why.
const PASSED_OVER: usize = 16 << 20;
const LINGER: Duration = Duration::from_secs(2);
/// How a file that is sent by itself is named.
pub const FILE_NAME: &str = "x-file-name";

/// A file of a request.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The name of its part; empty for a body by itself.
    pub field: String,
    /// What answers call it: the last part of its name, and nothing that a terminal or a page could stumble over.
    pub name: String,
    pub bytes: Bytes,
}

/// What was sent, with the memory that it takes.
#[derive(Debug, Default)]
pub struct Whole {
    pub bytes: Bytes,
    pub held: Held,
}

/// Reads a body.
///
/// # Errors
/// One that is longer than the limit, takes longer than it may, or ends early; no memory left for it.
pub async fn read(house: &House, headers: &HeaderMap, body: Body) -> Result<Whole, Fault> {
    read_up_to(house.settings.limits.body, house, headers, body).await
}

/// Reads a body that has no more than so many bytes.
///
/// # Errors
/// As [`read`].
pub async fn read_up_to(
    limit: usize,
    house: &House,
    headers: &HeaderMap,
    mut body: Body,
) -> Result<Whole, Fault> {
    let limits = house.settings.limits;
    let collected = tokio::time::timeout(limits.transfer, collect(limit, house, &mut body)).await;
    let outcome = collected.unwrap_or_else(|_| Err(late()));
    if outcome.is_err() {
        linger(headers, &mut body).await;
    }
    outcome
}

/// A refusal that is made before the body is read, once what is being sent was taken.
pub async fn refused(fault: impl Into<Fault>, headers: &HeaderMap, mut body: Body) -> Fault {
    linger(headers, &mut body).await;
    fault.into()
}

/// Before a refusal is answered: takes what is still being sent, for a while.
async fn linger(headers: &HeaderMap, body: &mut Body) {
    // Whoever asks before sending has sent nothing yet.
    if !headers.contains_key(header::EXPECT) {
        let _ = tokio::time::timeout(LINGER, pass_over(body)).await;
    }
}

fn late() -> Fault {
    Fault::new(axum::http::StatusCode::REQUEST_TIMEOUT, "the body did not come in time")
}

/// Takes what is still being sent: most clients read an answer only after they sent everything, and a connection that is
/// closed before would take the answer with it.
async fn pass_over(body: &mut Body) {
    let mut left = PASSED_OVER;
    while let Some(Ok(frame)) = body.frame().await {
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        if left == 0 {
            return;
        }
    }
}

async fn collect(limit: usize, house: &House, body: &mut Body) -> Result<Whole, Fault> {
    let silence = house.settings.limits.silence;
    // Known before any of it is read, where the client says so. What it says is not believed further than that.
    if http_body::Body::size_hint(body).lower() > limit as u64 {
        return Err(Fault::too_large(limit));
    }
    let (mut whole, mut held) = (BytesMut::new(), Held::default());
    while let Some(frame) = tokio::time::timeout(silence, body.frame()).await.map_err(|_| late())? {
        let frame = frame.map_err(|e| Fault::bad(format!("the body cannot be read ({})", reason(&e))))?;
        let Ok(data) = frame.into_data() else { continue };
        if whole.len() + data.len() > limit {
            return Err(Fault::too_large(limit));
        }
        if !house.budget.grow(&mut held, (whole.len() + data.len()) as u64) {
            return Err(Fault::busy());
        }
        whole.extend_from_slice(&data);
    }
    Ok(Whole { bytes: whole.freeze(), held })
}

/// The first cause of an error of the transport, which says most.
fn reason(error: &axum::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// The files of a request: those of a multipart body, or the body itself.
///
/// # Errors
/// As [`read`]; a multipart body that is damaged; no file, or more than the limit.
pub async fn uploads(house: &House, headers: &HeaderMap, body: Body) -> Result<(Vec<Upload>, Held), Fault> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let Whole { bytes, mut held } = read(house, headers, body).await?;
    let uploads = if kind.to_ascii_lowercase().starts_with("multipart/form-data") {
        // Its parts are copies.
        if !house.budget.grow(&mut held, 2 * bytes.len() as u64) {
            return Err(Fault::busy());
        }
        let boundary = multer::parse_boundary(kind).map_err(|e| Fault::bad(format!("multipart: {e}")))?;
        parts(bytes, boundary, house.settings.limits).await?
    } else {
        let name = headers.get(FILE_NAME).and_then(|name| name.to_str().ok()).map(unescaped);
        vec![Upload { field: String::new(), name: plain_name(name.as_deref().unwrap_or(UNNAMED)), bytes }]
    };
    if uploads.iter().all(|upload| upload.bytes.is_empty()) {
        return Err(Fault::bad("no file was sent; send one as the body, or several as multipart/form-data"));
    }
    Ok((uploads, held))
}

async fn parts(bytes: Bytes, boundary: String, limits: Limits) -> Result<Vec<Upload>, Fault> {
    let damaged = |e: multer::Error| Fault::bad(format!("the multipart body is damaged ({e})"));
    let whole = futures_util::stream::once(async move { Ok::<_, std::io::Error>(bytes) });
    let mut multipart = multer::Multipart::new(whole, boundary);
    let mut uploads = Vec::new();
    while let Some(part) = multipart.next_field().await.map_err(damaged)? {
        if uploads.len() == limits.files {
            let text = format!("more than {} files; send fewer at a time", limits.files);
            return Err(Fault::new(axum::http::StatusCode::PAYLOAD_TOO_LARGE, text));
        }
        let field = part.name().unwrap_or_default().chars().take(LONGEST_FIELD).collect();
        let name = plain_name(part.file_name().unwrap_or(UNNAMED));
        uploads.push(Upload { field, name, bytes: part.bytes().await.map_err(damaged)? });
    }
    Ok(uploads)
}

/// The last part of a name, printable and not too long.
fn plain_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String = last.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
    if plain.trim().is_empty() { UNNAMED.into() } else { plain }
}

/// Undoes percent-encoding.
fn unescaped(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        let cases = [
            ("../../etc/passwd", "passwd"),
            ("C:\\scans\\a b.png", "a b.png"),
            ("a\u{1b}[31m\n.png", "a[31m.png"),
            ("", "upload"),
            ("dir/", "upload"),
        ];
        for (given, plain) in cases {
            assert_eq!(plain_name(given), plain);
        }
        assert_eq!(plain_name(&"x".repeat(1000)).len(), LONGEST_NAME);
    }
}
