//! Volumes: what is written for each, and what is said.

use std::io;
use std::path::{Path, PathBuf};

use gyrus::error::Result;
use gyrus::imaging::{
    Channels, FoundVolume, Montage, Overlay, Plane, Samples, Scan, Volume, read_volume, volume_stem,
    write_mask, write_mask_volume, write_picture, write_probabilities, write_probability_volume,
};
use gyrus::segment::{Report, Segmentation, SegmentedVolume, VolumeReport, VolumeWritten, Written};
use gyrus::sequences::Sequences;
use gyrus::{Error, Failure, Segmenter};
use rayon::prelude::*;

use super::{Line, Work};
use crate::cli::cut::tell;
use crate::cli::progress;

/// The most slices in a montage.
const IN_MONTAGE: usize = 25;

/// The volumes of `--pre`, `--flair` and `--post`.
#[derive(Debug, clap::Args)]
pub struct Given {
    /// The volume before contrast agent, of the head of --flair; where it is missing FLAIR stands for it
    #[arg(long, value_name = "SCAN", requires = "flair")]
    pre: Option<PathBuf>,
    /// The FLAIR volume, in whose grid the mask is written: NIfTI, or a DICOM file, folder or zip archive
    #[arg(long, value_name = "SCAN")]
    flair: Option<PathBuf>,
    /// The volume after contrast agent, as --pre
    #[arg(long, value_name = "SCAN", requires = "flair")]
    post: Option<PathBuf>,
    /// Which series of --pre's folder or zip archive, where that is another number than --series
    #[arg(long, value_name = "N", requires = "pre")]
    pre_series: Option<usize>,
    /// Which series of --flair's
    #[arg(long, value_name = "N", requires = "flair")]
    flair_series: Option<usize>,
    /// Which series of --post's
    #[arg(long, value_name = "N", requires = "post")]
    post_series: Option<usize>,
}

impl Given {
    /// What answers are named by, where sequences are given.
    pub fn main(&self) -> Option<&Path> {
        self.flair.as_deref()
    }

    /// Reads them, each named like one of the card's sequences. What was found goes into `notes`.
    fn read(&self, work: &Work, notes: &mut Vec<String>) -> Result<Sequences> {
        let mut volume = |path: &Option<PathBuf>, series: Option<usize>| {
            path.as_ref().map(|path| read(path, series.or(work.args.cut.series), notes)).transpose()
        };
        let given = [
            ("pre", volume(&self.pre, self.pre_series)?),
            ("flair", volume(&self.flair, self.flair_series)?),
            ("post", volume(&self.post, self.post_series)?),
        ];
        Sequences::named(&work.card, given, work.args.allow_missing_sequences)
    }
}

fn read(path: &Path, series: Option<usize>, notes: &mut Vec<String>) -> Result<Volume> {
    let decoded = read_volume(path, series)?;
    tell(path, &decoded.notes);
    notes.extend(decoded.notes);
    Ok(decoded.volume)
}

/// Where the files of a volume's answer go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeTarget {
    folder: PathBuf,
    stem: String,
}

impl VolumeTarget {
    pub fn of(out: &Path, volume: &FoundVolume) -> VolumeTarget {
        let within = volume.root.as_ref().and_then(|root| volume.path.parent()?.strip_prefix(root).ok());
        VolumeTarget { folder: out.join(within.unwrap_or(Path::new(""))), stem: volume_stem(&volume.path) }
    }

    fn mask(&self) -> PathBuf {
        self.folder.join(format!("{}_mask.nii.gz", self.stem))
    }

    fn probabilities(&self) -> PathBuf {
        self.folder.join(format!("{}_probabilities.nii.gz", self.stem))
    }

    fn montage(&self) -> PathBuf {
        self.folder.join(format!("{}_montage.png", self.stem))
    }

    fn slices(&self) -> PathBuf {
        self.folder.join(format!("{}_slices", self.stem))
    }

    /// A picture of one slice, such as `axial_007_mask.png`.
    fn slice(&self, plane: Plane, number: usize, what: &str) -> PathBuf {
        self.slices().join(format!("{plane}_{number:03}_{what}.png"))
    }

    fn make_folder(&self) -> Result<()> {
        std::fs::create_dir_all(&self.folder).map_err(|e| {
            let reason = format!("cannot be made ({e})");
            Error::file(&self.folder, reason, "check its permissions, or give another --out")
        })
    }

    /// Removes what an earlier run wrote under these names, and nothing else.
    fn remove(&self) -> Result<()> {
        let entries = std::fs::read_dir(self.slices()).into_iter().flatten().flatten();
        let pictures = entries.map(|entry| entry.path()).filter(|path| is_slice(path));
        let whole = [self.mask(), self.probabilities(), self.montage()];
        for path in pictures.chain(whole).filter(|path| path.is_file()) {
            std::fs::remove_file(&path).map_err(|e| {
                let reason = format!("cannot be written over ({e})");
                Error::file(&path, reason, "check its permissions, or give another --out")
            })?;
        }
        Ok(())
    }

    /// # Errors
    /// When something would be written over.
    fn check(&self, force: bool) -> Result<()> {
        let wanted = [self.mask(), self.probabilities(), self.montage(), self.slices()];
        match wanted.into_iter().find(|path| path.symlink_metadata().is_ok()) {
            Some(path) if !force => {
                Err(Error::file(&path, "exists already", "write over it with --force, or give another --out"))
            }
            _ => Ok(()),
        }
    }
}

/// Whether a file is named like the picture of a slice that this command writes.
fn is_slice(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut parts = name.split('_');
    let is_plane = parts.next().is_some_and(|plane| ["axial", "coronal", "sagittal"].contains(&plane));
    let is_number = parts.next().is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()));
    let is_kind =
        parts.next().is_some_and(|kind| ["mask.png", "overlay.png", "probabilities.png"].contains(&kind));
    is_plane && is_number && is_kind && parts.next().is_none()
}

impl Work<'_> {
    /// Answers the sequences that were given together, and hands back the error that should end the whole.
    pub fn sequences(&mut self, segmenter: &mut Segmenter, main: &Path) -> (io::Result<()>, Option<Error>) {
        let found = FoundVolume { path: main.to_path_buf(), root: None };
        self.volume_of(segmenter, &found, |work, notes| work.args.given.read(work, notes))
    }

    /// Answers one volume.
    pub fn volume(
        &mut self,
        segmenter: &mut Segmenter,
        found: &FoundVolume,
    ) -> (io::Result<()>, Option<Error>) {
        self.volume_of(segmenter, found, |work, notes| {
            Sequences::one(
                &work.card,
                read(&found.path, work.args.cut.series, notes)?,
                work.args.allow_missing_sequences,
            )
        })
    }

    fn volume_of(
        &mut self,
        segmenter: &mut Segmenter,
        found: &FoundVolume,
        sequences: impl FnOnce(&Work, &mut Vec<String>) -> Result<Sequences>,
    ) -> (io::Result<()>, Option<Error>) {
        let target = VolumeTarget::of(&self.args.out, found);
        let answer = self.claim(&target, &found.path).and_then(|()| {
            let mut notes = Vec::new();
            let sequences = sequences(self, &mut notes)?;
            let answer =
                segmenter.segment_volume(&sequences, &self.args.cut.cut(), progress::slices(self.bar))?;
            // What an earlier run left would be taken for this one's; before this one has an answer it stays.
            target.remove()?;
            let slices: Vec<Line> = answer
                .slices
                .par_iter()
                .map(|slice| self.write_slice(&found.path, &target, &sequences, answer.plane, slice))
                .collect();
            let written = self.write_volume(&target, &sequences, &answer)?;
            Ok((slices, VolumeReport::new(&found.path, &self.origin, &answer, written, notes)))
        });
        match answer {
            Ok((slices, report)) => {
                let failed = slices.iter().any(Result::is_err);
                self.tally.answered += usize::from(!failed);
                self.tally.failed += usize::from(failed);
                let printed = slices.iter().try_for_each(|line| self.printer.line(self.bar, line));
                (printed.and_then(|()| self.printer.volume(self.bar, &report)), None)
            }
            Err(error) => {
                let lost =
                    matches!(error, Error::DeviceLost { .. } | Error::Wrong { .. }).then(|| error.clone());
                (self.fail(&found.path, &error), lost)
            }
        }
    }

    /// Finds out before any work is done what cannot be written: files that exist, two answers of one name, a folder that
    /// cannot be made.
    fn claim(&mut self, target: &VolumeTarget, path: &Path) -> Result<()> {
        if let Some((_, other)) = self.taken.iter().find(|(taken, _)| taken == target) {
            let reason = format!("its mask would take the name of that of {}", other.display());
            return Err(Error::file(path, reason, "segment them with different --out"));
        }
        self.taken.push((target.clone(), path.to_path_buf()));
        target.check(self.args.force)?;
        target.make_folder()
    }

    /// The mask comes last, so that where it is new all that was asked for is there.
    fn write_volume(
        &self,
        target: &VolumeTarget,
        sequences: &Sequences,
        answer: &SegmentedVolume,
    ) -> Result<VolumeWritten> {
        let mut written = VolumeWritten::default();
        let mask = answer.mask()?;
        if let Some(shown) = sequences.shown(&self.card) {
            let montage = Montage { plane: answer.plane, slices: IN_MONTAGE, mask: Some(&mask) };
            let model = &self.origin.model;
            let notes = answer.notes(model, &self.card);
            write_picture(&target.montage(), &montage.draw(shown, &notes))?;
            written.montage = target.montage().display().to_string();
        }
        if self.args.probabilities {
            write_probability_volume(&target.probabilities(), &answer.grid, &answer.probabilities()?)?;
            written.probabilities = Some(target.probabilities().display().to_string());
        }
        write_mask_volume(&target.mask(), &answer.grid, &mask)?;
        written.mask = target.mask().display().to_string();
        Ok(written)
    }

    /// Writes the pictures of one slice.
    fn write_slice(
        &self,
        path: &Path,
        target: &VolumeTarget,
        sequences: &Sequences,
        plane: Plane,
        (number, slice): &(usize, Result<Segmentation>),
    ) -> Line {
        let number = *number;
        let written = || -> Result<Report> {
            let slice = slice.as_ref().map_err(Error::clone)?;
            let size = [slice.width, slice.height];
            let mut written = Written::default();
            if let Some(probabilities) = &slice.probabilities {
                let picture = target.slice(plane, number, "probabilities");
                write_probabilities(&picture, probabilities, size)?;
                written.probabilities = Some(picture.display().to_string());
            }
            if self.args.overlay {
                let picture = target.slice(plane, number, "overlay");
                write_picture(&picture, &self.overlay_of(sequences, plane, number, slice)?)?;
                written.overlay = Some(picture.display().to_string());
            }
            let picture = target.slice(plane, number, "mask");
            write_mask(&picture, &slice.mask, size)?;
            written.mask = picture.display().to_string();
            let report = Report::new(path, &self.origin, slice, written, None);
            Ok(Report { axis: Some(plane), slice: Some(number), ..report })
        };
        written().map_err(|error| Failure::new(path, &error).of_slice(plane, number))
    }

    fn overlay_of(
        &self,
        sequences: &Sequences,
        plane: Plane,
        number: usize,
        slice: &Segmentation,
    ) -> Result<image::RgbImage> {
        let shown = sequences.shown_slice(&self.card, plane, number).map(|slice| slice.values);
        let samples = Samples::F32(shown.unwrap_or_default());
        let scan = Scan::new(slice.width, slice.height, Channels::Grey, samples)?;
        let label = self.card.labels().first().map_or("", String::as_str);
        let overlay = Overlay {
            mask: &slice.mask,
            channel: None,
            plane: Some(plane),
            label: &format!("{label}, {}", slice.extent()),
            notes: &slice.notes(&self.origin.model, self.card.version),
        };
        overlay.draw(&scan)
    }
}
