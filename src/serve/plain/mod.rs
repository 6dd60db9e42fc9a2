//! The plain API: files in, the command's JSON out.

pub mod classify;
pub mod information;
mod pictures;
pub mod segment;
mod volumes;
mod weigh;

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use self::pictures::Shown;
use super::body::Upload;
use super::fault::Fault;
use super::house::House;
use super::models::Served;
use super::queue::Ticket;
use crate::cut::{Cut, Slices};
use crate::error::{Error, Result as LibraryResult};
use crate::imaging::{MAX_PIXELS, Plane, is_picture, stated_pixels};
use crate::model::{Card, Task};

/// What is asked of a request beside its files.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// The model; without it the first one for the task.
    model: Option<String>,
    /// Which way volumes are cut; without it as the card says.
    #[param(value_type = Option<String>, pattern = "^(axial|coronal|sagittal)$")]
    axis: Option<Plane>,
    /// Which slices of volumes: `all`, `middle` or `A..B`.
    #[param(pattern = r"^(all|middle|[0-9]{1,9}\.\.[0-9]{1,9})$")]
    slices: Option<String>,
    /// Which series of a zip archive of DICOM files, counted from 1.
    series: Option<usize>,
    /// Each scan as a picture that browsers show, beside its answer.
    picture: bool,
    /// Each mask drawn over its scan.
    overlay: bool,
    /// Each probability as a picture, or of a volume as NIfTI.
    probabilities: bool,
    /// The mean over each slice and its mirror image.
    flips: bool,
    /// One sequence stands for all.
    allow_missing_sequences: bool,
    /// Until when the answer must be there, in milliseconds.
    timeout: Option<u64>,
}

impl Asked {
    fn cut(&self) -> Result<Cut, Fault> {
        let slices = self.slices.as_deref().map(str::parse::<Slices>).transpose();
        let slices = slices.map_err(|reason| Fault::bad(format!("slices: {reason}")))?;
        Ok(Cut { plane: self.axis, slices: slices.unwrap_or_default() })
    }

    fn served(&self, house: &House, task: Task) -> Result<Arc<Served>, Fault> {
        match &self.model {
            Some(name) => house.model(name),
            None => house.first(task),
        }
    }

    /// Until when the answer must be there.
    pub fn timeout(&self, house: &House) -> Duration {
        self.timeout.map_or(house.settings.timeout, Duration::from_millis)
    }
}

/// What is at hand while a request is answered, on a thread that may wait.
struct Work {
    house: Arc<House>,
    served: Arc<Served>,
    asked: Asked,
    cut: Cut,
    ticket: Ticket,
}

impl Work {
    fn card(&self) -> LibraryResult<Arc<Card>> {
        self.served
            .model
            .card
            .clone()
            .ok_or_else(|| Error::volume("the model has no card", "ask for another"))
    }
}

/// Answers and failures, in the order of the files; a volume's slices before the whole.
#[derive(Debug, Default)]
struct Results {
    /// Each as JSON, its fields in the order of the report's.
    entries: Vec<String>,
    /// Why files failed, and how many did not.
    faults: Vec<Fault>,
    answered: usize,
}

/// A report with the picture of its scan.
#[derive(Serialize)]
struct Pictured<R> {
    #[serde(flatten)]
    report: R,
    #[serde(flatten)]
    picture: Option<Shown>,
}

/// A file without an answer.
#[derive(Serialize)]
struct Failed<'a> {
    file: &'a str,
    error: &'a str,
}

impl Results {
    /// Whether there is an answer for any file.
    fn is_answer(&self) -> bool {
        self.answered > 0
    }

    fn answer(&mut self, report: impl Serialize) {
        match serde_json::to_string(&report) {
            Ok(entry) => {
                self.answered += 1;
                self.entries.push(entry);
            }
            Err(error) => self.faults.push(Fault::bad(error.to_string())),
        }
    }

    fn fail(&mut self, file: &str, fault: Fault) {
        self.entries.extend(serde_json::to_string(&Failed { file, error: &fault.text }));
        self.faults.push(fault);
    }

    /// Where no file has an answer that is a failure of the request, told by the first of them.
    fn response(self, headers: &HeaderMap) -> Response {
        let is_answer = self.is_answer();
        let mut faults = self.faults.into_iter();
        if let Some(fault) = faults.next().filter(|_| !is_answer) {
            let more = match faults.len() {
                0 => return fault.into_response(),
                1 => "one more file".to_string(),
                more => format!("{more} more files"),
            };
            let text = format!("{}; nor is there an answer for {more}", fault.text);
            return Fault { text, ..fault }.into_response();
        }
        if accepts(headers, LINES) {
            let lines: String = self.entries.iter().map(|entry| format!("{entry}\n")).collect();
            return ([(header::CONTENT_TYPE, LINES)], lines).into_response();
        }
        let whole = format!("{{\"results\":[{}]}}", self.entries.join(","));
        ([(header::CONTENT_TYPE, "application/json")], whole).into_response()
    }
}

/// An object a line, as the command prints.
const LINES: &str = "application/x-ndjson";

/// Whether a client names a kind of answer.
fn accepts(headers: &HeaderMap, kind: &str) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|item| {
        let mut parts = item.split(';').map(str::trim);
        // With no weight at all it is what the client does not want.
        let is_named = parts.next().is_some_and(|own| own.eq_ignore_ascii_case(kind));
        is_named && !parts.any(|more| more.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0)))
    })
}

/// What is worked on at a time: pictures that follow each other, so many of them and no more pixels than one may have, or one
/// volume.
fn portions(uploads: &[Upload], pictures: usize) -> impl Iterator<Item = &[Upload]> {
    let mut rest = uploads;
    std::iter::from_fn(move || {
        let (own, after) = rest.split_at(portion(rest, pictures));
        rest = after;
        (!own.is_empty()).then_some(own)
    })
}

/// How many files from the first make one.
fn portion(uploads: &[Upload], pictures: usize) -> usize {
    let mut pixels = 0u64;
    let fits = |upload: &&Upload| {
        pixels = pixels.saturating_add(stated_pixels(&upload.bytes));
        is_slice(upload) && pixels <= MAX_PIXELS
    };
    uploads.iter().take(pictures).take_while(fits).count().max(1).min(uploads.len())
}

/// Whether a file is a picture; anything else is taken for a volume.
fn is_slice(upload: &Upload) -> bool {
    is_picture(&upload.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The head of a PNG of so many pixels a side, without them.
    fn head(side: u32) -> Upload {
        let mut bytes = include_bytes!("../../../samples/slices/icbm152_z10.png").to_vec();
        bytes[16..20].copy_from_slice(&side.to_be_bytes());
        bytes[20..24].copy_from_slice(&side.to_be_bytes());
        let mut crc = flate2::Crc::new();
        crc.update(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&crc.sum().to_be_bytes());
        Upload { field: String::new(), name: "a.png".into(), bytes: bytes.into() }
    }

    #[test]
    fn what_is_worked_on_at_a_time_is_bounded() {
        let volume = Upload { bytes: vec![0; 400].into(), ..head(1) };
        let sizes = |uploads: &[Upload]| portions(uploads, 4).map(<[Upload]>::len).collect::<Vec<_>>();
        assert_eq!(sizes(&[(); 6].map(|()| head(176))), [4, 2]);
        assert_eq!(sizes(&[head(9), volume.clone(), volume, head(9), head(9)]), [1, 1, 1, 2]);
        // Together they may have as many pixels as one.
        assert_eq!(sizes(&[head(8192), head(8192), head(4096), head(4096), head(16)]), [1, 1, 3]);
        assert_eq!(sizes(&[]), [0; 0]);
    }

    #[test]
    fn what_is_wanted_with_no_weight_is_not_wanted() {
        let asked = |accept: &str| {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().expect("a header"))]);
            accepts(&headers, "image/png")
        };
        assert!(asked("image/png") && asked("text/html, Image/PNG;q=0.5"));
        assert!(!asked("image/png;q=0, application/json") && !asked("image/*") && !asked("image/png; q=0.0"));
    }
}
