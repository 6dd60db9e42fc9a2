//! `POST /v1/classify`, and the root that image classification clients post to.

use std::path::Path;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::pictures::Shown;
use super::weigh::weight;
use super::{Asked, Pictured, Results, Work, is_slice, pictures, portions, volumes};
use crate::classify::{Classifier, Report, reports};
use crate::error::Result as LibraryResult;
use crate::imaging::{Scan, decode};
use crate::model::Task;
use crate::runner::Prepared;
use crate::serve::body::{self, Upload, Whole};
use crate::serve::counts::Counted;
use crate::serve::fault::Fault;
use crate::serve::house::House;
use crate::serve::openapi::{Classified, Files, Refused};
use crate::serve::wait::{answered, aside};

/// Labels with their probabilities for slices and volumes.
#[utoipa::path(
    post,
    path = "/v1/classify",
    tag = "files",
    params(Asked, ("X-File-Name" = Option<String>, Header, description = "The file's name, percent-encoded, where the body is the file")),
    request_body(content((Vec<u8> = "application/octet-stream"), (Files = "multipart/form-data"))),
    responses((status = 200, description = "An answer for each file", body = Classified), Refused)
)]
pub async fn classify(
    State(house): State<Arc<House>>,
    asked: Result<Query<Asked>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Fault> {
    let asked = match asked {
        Ok(Query(asked)) => asked,
        Err(rejection) => return Err(body::refused(rejection, &headers, body).await),
    };
    let results = results(house, asked, &headers, body).await?;
    Ok(results.response(&headers))
}

async fn results(house: Arc<House>, asked: Asked, headers: &HeaderMap, body: Body) -> Result<Results, Fault> {
    let (uploads, held) = body::uploads(&house, headers, body).await?;
    let place = house.admit(held)?;
    let (cut, served) = (asked.cut()?, asked.served(&house, Task::Classification)?);
    let (timeout, bytes) = (asked.timeout(&house), weight(portions(&uploads, house.settings.batch)));
    let (own, counted) = (house.clone(), Counted::begin(&served.counts));
    let work = move |ticket| Work { house: own, served, asked, cut, ticket }.classify(&uploads);
    let outcome = answered(&house, place, timeout, bytes, work).await;
    counted.end(outcome.as_ref().is_ok_and(Results::is_answer));
    outcome
}

/// A slice's answer, and what a browser shows of it.
type Told = (Report, Option<Shown>);

/// What is asked where files come as text.
#[derive(Deserialize, ToSchema)]
struct Encoded {
    /// Base64.
    inputs: String,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Default, Deserialize, ToSchema)]
struct Parameters {
    top_k: Option<usize>,
}

/// One label with its probability.
#[derive(Serialize, ToSchema)]
struct Scored {
    label: String,
    score: f64,
}

/// `POST /`: one picture, as itself or as base64 within JSON; labels with their scores, the most probable first.
///
/// Such clients know no warnings: a picture that is plainly no such scan is an error.
#[utoipa::path(
    post,
    path = "/",
    tag = "files",
    request_body(content((Vec<u8> = "application/octet-stream"), (Encoded = "application/json"))),
    responses((status = 200, description = "Labels, the most probable first", body = Vec<Scored>), Refused)
)]
pub async fn image_classification(
    State(house): State<Arc<House>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Fault> {
    let Whole { bytes, mut held } = body::read(&house, &headers, body).await?;
    let is_encoded = bytes.first() == Some(&b'{');
    // Its text is a copy, and so is what that says; more than two of the largest there need not be room for.
    let copies = (3 * bytes.len() as u64).min(2 * house.settings.limits.body as u64);
    if is_encoded && !house.budget.grow(&mut held, copies) {
        return Err(Fault::busy());
    }
    let place = house.admit(held)?;
    let (bytes, top, place) = match is_encoded {
        true => aside(move || decoded(&bytes).map(|(bytes, top)| (bytes, top, place))).await?,
        false => (bytes, None, place),
    };
    let uploads = [Upload { field: String::new(), name: "image".into(), bytes }];
    let (served, asked) = (house.first(Task::Classification)?, Asked::default());
    let (timeout, cut, bytes) = (house.settings.timeout, asked.cut()?, weight([&uploads].iter()));
    let (own, counted) = (house.clone(), Counted::begin(&served.counts));
    let work = move |ticket| {
        let mut answers = Work { house: own, served, asked, cut, ticket }.slices(&uploads)?;
        answers.pop().unwrap_or_else(|| Err(Fault::bad("no picture was sent")))
    };
    let outcome = answered(&house, place, timeout, bytes, work).await;
    counted.end(outcome.is_ok());
    let (report, _) = outcome?;
    if report.prediction.is_none() {
        let reasons: Vec<&str> = report.warnings.iter().map(|warning| warning.text.as_str()).collect();
        return Err(Fault::new(axum::http::StatusCode::UNPROCESSABLE_ENTITY, reasons.join(" ")));
    }
    let mut scores: Vec<Scored> =
        report.probabilities.into_iter().map(|(label, score)| Scored { label, score }).collect();
    scores.sort_by(|a, b| b.score.total_cmp(&a.score));
    scores.truncate(top.unwrap_or(usize::MAX));
    Ok(Json(scores).into_response())
}

fn decoded(body: &[u8]) -> Result<(Bytes, Option<usize>), Fault> {
    let encoded: Encoded = serde_json::from_slice(body).map_err(|e| Fault::bad(format!("JSON: {e}")))?;
    let bytes = BASE64_STANDARD.decode(encoded.inputs.trim());
    let bytes = bytes.map_err(|e| Fault::bad(format!("inputs: not base64 ({e})")))?;
    Ok((bytes.into(), encoded.parameters.top_k))
}

impl Work {
    fn classify(&self, uploads: &[Upload]) -> Result<Results, Fault> {
        let mut results = Results::default();
        for portion in portions(uploads, self.house.settings.batch) {
            if let [upload] = portion
                && !is_slice(upload)
            {
                self.classify_volume(upload, &mut results);
                continue;
            }
            for (upload, answer) in portion.iter().zip(self.slices(portion)?) {
                match answer {
                    Ok((report, picture)) => results.answer(Pictured { report, picture }),
                    Err(fault) => results.fail(&upload.name, fault),
                }
            }
        }
        Ok(results)
    }

    fn classifier(&self) -> LibraryResult<Classifier> {
        self.house.runner(&self.served, Task::Classification, &self.ticket).map(Classifier::over)
    }

    /// The answers for pictures, each with what a browser shows of it. One that fails costs the others nothing.
    ///
    /// # Errors
    /// Of the device, or of the queue: nothing was answered.
    fn slices(&self, uploads: &[Upload]) -> Result<Vec<Result<Told, Fault>>, Fault> {
        let (mut classifier, card) = (self.classifier()?, self.card()?);
        let prepare = |upload: &Upload| -> LibraryResult<(Prepared, Option<Shown>)> {
            self.ticket.check()?;
            let scan = decode(Path::new(&upload.name), &upload.bytes)?;
            Ok((Prepared::new(&card, &scan, None)?, self.picture(&scan)?))
        };
        let prepared: Vec<LibraryResult<_>> = uploads.par_iter().map(prepare).collect();
        let sound: Vec<Prepared> = prepared.iter().flatten().map(|(prepared, _)| prepared.clone()).collect();
        let answers = if sound.is_empty() { Vec::new() } else { classifier.classify(&sound)? };
        let mut answers = answers.into_iter();
        let each = uploads.iter().zip(prepared).map(|(upload, prepared)| {
            let answer = prepared.and_then(|(_, picture)| {
                let next = answers.next().unwrap_or_else(crate::runner::no_answer);
                next.map(|(answer, ms)| (classifier.report(Path::new(&upload.name), answer, ms), picture))
            });
            answer.map_err(|error| Fault::of_file(&upload.name, &error))
        });
        Ok(each.collect())
    }

    fn picture(&self, scan: &Scan) -> LibraryResult<Option<Shown>> {
        self.asked.picture.then(|| pictures::of_scan(scan)).transpose()
    }

    fn classify_volume(&self, upload: &Upload, results: &mut Results) {
        let answer = || -> LibraryResult<_> {
            let decoded = volumes::read(&self.house.kept, upload, self.asked.series)?;
            let volume = self.asked.picture.then(|| (decoded.volume.clone(), decoded.volume.white()));
            let mut classifier = self.classifier()?;
            let found = classifier.classify_volume(decoded, &self.cut, |_, _| {})?;
            let origin = classifier.origin();
            let (slices, whole) = reports(Path::new(&upload.name), &origin, found);
            let pictures = slices.par_iter().map(|slice| match (slice, &volume) {
                (Ok(Report { axis: Some(plane), slice: Some(number), .. }), Some((volume, white))) => {
                    pictures::of_slice(volume, *white, *plane, *number).map(Some)
                }
                _ => Ok(None),
            });
            let pictures: Vec<Option<Shown>> = pictures.collect::<LibraryResult<_>>()?;
            Ok((slices, pictures, whole))
        };
        match answer() {
            Err(error) => results.fail(&upload.name, Fault::of_file(&upload.name, &error)),
            Ok((slices, pictures, whole)) => {
                for (slice, picture) in slices.into_iter().zip(pictures) {
                    match slice {
                        Ok(report) => results.answer(Pictured { report, picture }),
                        Err((number, error)) => {
                            results.fail(&upload.name, Fault::of_file(&upload.name, &error).of_slice(number))
                        }
                    }
                }
                results.answer(whole);
            }
        }
    }
}
