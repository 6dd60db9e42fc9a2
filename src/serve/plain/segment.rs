//! `POST /v1/segment`.

use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rayon::prelude::*;

use super::weigh::weight;
use super::{Asked, Pictured, Results, Work, accepts, is_slice, pictures, portions, volumes};
use crate::error::{Error, Result as LibraryResult};
use crate::imaging::{
    Channels, Montage, Overlay, Plane, Samples, Scan, Volume, decode, mask_png, mask_volume, picture_png,
    probabilities_png, probability_volume,
};
use crate::model::Task;
use crate::origin::Origin;
use crate::runner::Prepared;
use crate::segment::{
    Options, Report, Segmentation, SegmentedVolume, Segmenter, VolumeReport, VolumeWritten, Written,
};
use crate::sequences::Sequences;
use crate::serve::body::{self, Upload};
use crate::serve::counts::Counted;
use crate::serve::fault::Fault;
use crate::serve::house::House;
use crate::serve::openapi::{Files, Refused, Segmented};
use crate::serve::wait::answered;

/// The most slices in a montage.
const IN_MONTAGE: usize = 25;
const PNG: &str = "image/png";
const GZIP: &str = "application/gzip";
/// Parts that hold one sequence of a head, in the order of [`crate::sequences`].
const SEQUENCES: [&str; 3] = ["pre", "flair", "post"];

/// Masks for slices and volumes; or for one head whose sequences are the parts `pre`, `flair` and `post`.
#[utoipa::path(
    post,
    path = "/v1/segment",
    tag = "files",
    params(Asked, ("X-File-Name" = Option<String>, Header, description = "The file's name, percent-encoded, where the body is the file")),
    request_body(content((Vec<u8> = "application/octet-stream"), (Files = "multipart/form-data"))),
    responses(
        (status = 200, description = "An answer for each file; or by itself, where that is asked for, one mask",
         content((Segmented = "application/json"), (Vec<u8> = "image/png"), (Vec<u8> = "application/gzip"))), Refused
    )
)]
pub async fn segment(
    State(house): State<Arc<House>>,
    asked: Result<Query<Asked>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Fault> {
    let asked = match asked {
        Ok(Query(asked)) => asked,
        Err(rejection) => return Err(body::refused(rejection, &headers, body).await),
    };
    let (uploads, held) = body::uploads(&house, &headers, body).await?;
    let place = house.admit(held)?;
    let (cut, served) = (asked.cut()?, asked.served(&house, Task::Segmentation)?);
    let timeout = asked.timeout(&house);
    let wanted = Wanted::of(&headers, &uploads)?;
    let bytes = match uploads.iter().any(is_sequence) {
        true => weight([&uploads].iter()),
        false => weight(portions(&uploads, house.settings.batch)),
    };
    let (own, counted) = (house.clone(), Counted::begin(&served.counts));
    let work = move |ticket| Work { house: own, served, asked, cut, ticket }.segment(&uploads, wanted);
    let outcome = answered(&house, place, timeout, bytes, work).await;
    counted.end(outcome.as_ref().is_ok_and(Answer::is_answer));
    match outcome? {
        Answer::Results(results) => Ok(results.response(&headers)),
        Answer::File((kind, bytes)) => Ok(([(header::CONTENT_TYPE, kind)], bytes).into_response()),
    }
}

/// The form of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Results,
    /// The mask of the one slice, or that drawn over it, as PNG.
    Picture,
    /// The mask of the one volume, as packed NIfTI.
    Volume,
}

/// An answer that is a file: its kind and bytes.
type File = (&'static str, Vec<u8>);

enum Answer {
    Results(Results),
    File(File),
}

impl Answer {
    /// Whether there is an answer for any file.
    fn is_answer(&self) -> bool {
        match self {
            Answer::Results(results) => results.is_answer(),
            Answer::File(..) => true,
        }
    }
}

/// Whether a file is a part that holds one sequence of a head.
fn is_sequence(upload: &Upload) -> bool {
    SEQUENCES.contains(&upload.field.as_str())
}

impl Wanted {
    fn of(headers: &HeaderMap, uploads: &[Upload]) -> Result<Wanted, Fault> {
        let wanted = match (accepts(headers, PNG), accepts(headers, GZIP)) {
            (true, _) => Wanted::Picture,
            (_, true) => Wanted::Volume,
            _ => return Ok(Wanted::Results),
        };
        let (slices, all) = (uploads.iter().filter(|upload| is_slice(upload)).count(), uploads.len());
        let fits = match wanted {
            Wanted::Picture => slices == 1 && all == 1,
            _ => slices == 0 && (all == 1 || uploads.iter().any(is_sequence)),
        };
        let text =
            "a picture is answered for one picture, packed NIfTI for one volume; ask for JSON otherwise";
        if fits { Ok(wanted) } else { Err(Fault::new(StatusCode::NOT_ACCEPTABLE, text)) }
    }
}

/// A slice that was sent, with what is shown of it.
struct Sent {
    scan: Scan,
    prepared: Prepared,
}

impl Work {
    fn segment(&self, uploads: &[Upload], wanted: Wanted) -> Result<Answer, Fault> {
        let sequences: Vec<&Upload> = uploads.iter().filter(|upload| is_sequence(upload)).collect();
        if !sequences.is_empty() {
            if sequences.len() < uploads.len() {
                return Err(Fault::bad("files beside the parts pre, flair and post; send them on their own"));
            }
            return self.head(&sequences, wanted);
        }
        let mut results = Results::default();
        for portion in portions(uploads, self.house.settings.batch) {
            let file = match portion {
                [upload] if !is_slice(upload) => self.one_volume(upload, wanted, &mut results),
                pictures => self.pictures(pictures, wanted, &mut results)?,
            };
            if let Some(file) = file {
                return Ok(Answer::File(file));
            }
        }
        Ok(Answer::Results(results))
    }

    /// Answers pictures; the mask of one as a file, where that is what is wanted.
    fn pictures(
        &self,
        uploads: &[Upload],
        wanted: Wanted,
        results: &mut Results,
    ) -> Result<Option<File>, Fault> {
        for (upload, answer) in uploads.iter().zip(self.drawn(uploads)?) {
            let drawn = |(sent, found): &(Sent, Segmentation)| match (wanted, self.asked.overlay) {
                (Wanted::Picture, true) => self.overlay(sent, found).map(Some),
                (Wanted::Picture, false) => mask(found).map(Some),
                _ => Ok(None),
            };
            let answer = answer.and_then(|answer| match drawn(&answer)? {
                Some(picture) => Ok(Err(picture)),
                None => self.report(&upload.name, &answer.0, &answer.1).map(Ok),
            });
            match answer {
                Ok(Ok(report)) => results.answer(report),
                Ok(Err(picture)) => return Ok(Some((PNG, picture))),
                Err(error) => results.fail(&upload.name, Fault::of_file(&upload.name, &error)),
            }
        }
        Ok(None)
    }

    /// Answers a volume; its mask as a file, where that is what is wanted.
    fn one_volume(&self, upload: &Upload, wanted: Wanted, results: &mut Results) -> Option<File> {
        let read = |notes: &mut Vec<String>| {
            let decoded = volumes::read(&self.house.kept, upload, self.asked.series)?;
            notes.extend(decoded.notes);
            Sequences::one(&*self.card()?, decoded.volume, self.asked.allow_missing_sequences)
        };
        match self.volume(&upload.name, read, wanted, results) {
            Ok(mask) => mask.map(|mask| (GZIP, mask)),
            Err(error) => {
                results.fail(&upload.name, Fault::of_file(&upload.name, &error));
                None
            }
        }
    }

    fn segmenter(&self) -> LibraryResult<Segmenter> {
        let options = Options {
            flips: self.asked.flips,
            allow_missing_sequences: self.asked.allow_missing_sequences,
            probabilities: self.asked.probabilities,
            spacing: None,
        };
        let runner = self.house.runner(&self.served, Task::Segmentation, &self.ticket)?;
        Ok(Segmenter::over(runner, options))
    }

    /// The masks of pictures. One that fails costs the others nothing.
    ///
    /// # Errors
    /// Of the device, or of the queue: nothing was answered.
    fn drawn(&self, uploads: &[Upload]) -> Result<Vec<LibraryResult<(Sent, Segmentation)>>, Fault> {
        let mut segmenter = self.segmenter()?;
        let preparing = segmenter.preparing();
        let prepare = |upload: &Upload| -> LibraryResult<Sent> {
            self.ticket.check()?;
            let name = Path::new(&upload.name);
            let scan = decode(name, &upload.bytes)?;
            let prepared = preparing(name, &scan)?;
            Ok(Sent { scan, prepared })
        };
        let sent: Vec<LibraryResult<Sent>> = uploads.par_iter().map(prepare).collect();
        let sound: Vec<Prepared> = sent.iter().flatten().map(|sent| sent.prepared.clone()).collect();
        let answers = if sound.is_empty() { Vec::new() } else { segmenter.segment_alone(&sound)? };
        let mut answers = answers.into_iter();
        let each = sent.into_iter().map(|sent| {
            let sent = sent?;
            let found = answers.next().unwrap_or_else(crate::runner::no_answer)?;
            Ok((sent, found))
        });
        Ok(each.collect())
    }

    fn report(&self, name: &str, sent: &Sent, found: &Segmentation) -> LibraryResult<Pictured<Report>> {
        let written = Written {
            mask: pictures::png(&mask(found)?),
            overlay: self
                .asked
                .overlay
                .then(|| self.overlay(sent, found))
                .transpose()?
                .map(|png| pictures::png(&png)),
            probabilities: probabilities(found)?,
        };
        let picture = self.asked.picture.then(|| pictures::of_scan(&sent.scan)).transpose()?;
        let report = Report::new(Path::new(name), &self.origin(), found, written, None);
        Ok(Pictured { report, picture })
    }

    fn overlay(&self, sent: &Sent, found: &Segmentation) -> LibraryResult<Vec<u8>> {
        self.draw(&sent.scan, found, self.card()?.input.shown, None)
    }

    fn draw(
        &self,
        scan: &Scan,
        found: &Segmentation,
        channel: Option<usize>,
        plane: Option<Plane>,
    ) -> LibraryResult<Vec<u8>> {
        let card = self.card()?;
        let label = card.labels().first().map_or("", String::as_str);
        let notes = found.notes(&self.served.name, card.version);
        let overlay = Overlay {
            mask: &found.mask,
            channel,
            plane,
            label: &format!("{label}, {}", found.extent()),
            notes: &notes,
        };
        picture_png(&overlay.draw(scan)?)
    }

    fn origin(&self) -> Origin {
        let (model, device) = (self.served.model.name.clone(), self.house.device.clone());
        Origin { model, device, verified: self.served.verified.clone() }
    }

    /// Answers the sequences of one head.
    fn head(&self, parts: &[&Upload], wanted: Wanted) -> Result<Answer, Fault> {
        let main = parts.iter().find(|part| part.field == SEQUENCES[1]);
        let main =
            main.ok_or_else(|| Fault::bad("the part flair is missing: the mask is written in its grid"))?;
        let read = |notes: &mut Vec<String>| self.sequences(parts, notes);
        let mut results = Results::default();
        match self.volume(&main.name, read, wanted, &mut results) {
            Ok(Some(mask)) => Ok(Answer::File((GZIP, mask))),
            Ok(None) => Ok(Answer::Results(results)),
            Err(error) => Err(Fault::of_file(&main.name, &error)),
        }
    }

    fn sequences(&self, parts: &[&Upload], notes: &mut Vec<String>) -> LibraryResult<Sequences> {
        let mut read = |field: &str| -> LibraryResult<Option<Volume>> {
            let Some(part) = parts.iter().find(|part| part.field == field) else { return Ok(None) };
            let decoded = volumes::read(&self.house.kept, part, self.asked.series)?;
            notes.extend(decoded.notes);
            Ok(Some(decoded.volume))
        };
        let [pre, flair, post] = SEQUENCES;
        let given = [(pre, read(pre)?), (flair, read(flair)?), (post, read(post)?)];
        Sequences::named(&*self.card()?, given, self.asked.allow_missing_sequences)
    }

    /// Answers one volume; its mask as a file, where that is what is wanted.
    fn volume(
        &self,
        name: &str,
        read: impl FnOnce(&mut Vec<String>) -> LibraryResult<Sequences>,
        wanted: Wanted,
        results: &mut Results,
    ) -> LibraryResult<Option<Vec<u8>>> {
        let mut notes = Vec::new();
        let sequences = read(&mut notes)?;
        let found = self.segmenter()?.segment_volume(&sequences, &self.cut, |_, _| {})?;
        let mask = found.mask()?;
        if wanted == Wanted::Volume {
            return mask_volume(&found.grid, &mask).map(Some);
        }
        let slices: Vec<(usize, LibraryResult<Pictured<Report>>)> = found
            .slices
            .par_iter()
            .map(|(number, slice)| {
                let report = slice.as_ref().map_err(Error::clone);
                (*number, report.and_then(|slice| self.slice(name, &sequences, found.plane, *number, slice)))
            })
            .collect();
        let written = self.written(&sequences, &found, &mask)?;
        for (number, slice) in slices {
            match slice {
                Ok(report) => results.answer(report),
                Err(error) => {
                    results.fail(name, Fault::of_file(name, &error).of_slice(number));
                }
            }
        }
        results.answer(VolumeReport::new(Path::new(name), &self.origin(), &found, written, notes));
        Ok(None)
    }

    fn slice(
        &self,
        name: &str,
        sequences: &Sequences,
        plane: Plane,
        number: usize,
        found: &Segmentation,
    ) -> LibraryResult<Pictured<Report>> {
        let shown = sequences
            .shown_slice(&*self.card()?, plane, number)
            .map(|slice| slice.values)
            .unwrap_or_default();
        let scan = Scan::new(found.width, found.height, Channels::Grey, Samples::F32(shown))?;
        let overlay = self.asked.overlay.then(|| self.draw(&scan, found, None, Some(plane))).transpose()?;
        let written = Written {
            mask: pictures::png(&mask(found)?),
            overlay: overlay.map(|png| pictures::png(&png)),
            probabilities: probabilities(found)?,
        };
        let scan = scan.with_spacing(plane.pixel_size(sequences.grid()).map(|mm| mm as f32));
        let picture = self.asked.picture.then(|| pictures::of_scan(&scan)).transpose()?;
        let report = Report::new(Path::new(name), &self.origin(), found, written, None);
        Ok(Pictured { report: Report { axis: Some(plane), slice: Some(number), ..report }, picture })
    }

    /// What the command writes beside a volume's slices.
    fn written(
        &self,
        sequences: &Sequences,
        found: &SegmentedVolume,
        mask: &[u8],
    ) -> LibraryResult<VolumeWritten> {
        let card = self.card()?;
        let mut written = VolumeWritten {
            mask: pictures::nifti(&mask_volume(&found.grid, mask)?),
            ..VolumeWritten::default()
        };
        if self.asked.probabilities {
            let file = probability_volume(&found.grid, &found.probabilities()?)?;
            written.probabilities = Some(pictures::nifti(&file));
        }
        if let Some(shown) = sequences.shown(&card) {
            let montage = Montage { plane: found.plane, slices: IN_MONTAGE, mask: Some(mask) };
            let notes = found.notes(&self.served.name, &card);
            written.montage = pictures::png(&picture_png(&montage.draw(shown, &notes))?);
        }
        Ok(written)
    }
}

fn mask(found: &Segmentation) -> LibraryResult<Vec<u8>> {
    mask_png(&found.mask, [found.width, found.height])
}

fn probabilities(found: &Segmentation) -> LibraryResult<Option<String>> {
    let size = [found.width, found.height];
    let png = found.probabilities.as_ref().map(|values| probabilities_png(values, size)).transpose()?;
    Ok(png.map(|png| pictures::png(&png)))
}
