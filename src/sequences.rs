//! The volumes of one head that a network takes together: one sequence, or three on one grid.

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::imaging::{Grid, Plane, Slice, Volume};
use crate::model::{Card, Field, Histogram, Intensity, Level, Warning};

/// Where less than this of the smaller of two fields of view lies within the other, they show other parts of the body.
const LEAST_COVERAGE: f64 = 0.5;
/// One that covers less than this leaves a part of the head without it, which is said.
const FULL_COVERAGE: f64 = 0.99;

/// Volumes on one grid, each with what is white in it.
#[derive(Debug, Clone)]
pub struct Sequences {
    grid: Grid,
    volumes: Vec<(Volume, f32)>,
    /// For every channel of the network the volume that it shows: one, or three of them.
    channels: Vec<usize>,
    /// What the user must be told.
    warnings: Vec<Warning>,
}

impl Sequences {
    /// A volume on its own. Where the card names several sequences it stands for all, if that is allowed.
    ///
    /// # Errors
    /// A card that takes several sequences, unless one may stand for all.
    pub fn one(card: &Card, volume: Volume, allow_missing: bool) -> Result<Sequences> {
        let mut warnings = Vec::new();
        if let Some(names) = &card.input.sequences {
            if !allow_missing {
                let reason =
                    format!("one sequence, where the model takes {}: {}", names.len(), names.join(", "));
                let remedy = "give them with --pre, --flair and --post, or accept worse masks with --allow-missing-sequences";
                return Err(Error::volume(reason, remedy));
            }
            let text = format!(
                "There is one volume: its values stand for all of {}, which the model was not made for.",
                names.join(", ")
            );
            warnings.push(Warning::new(Warning::MISSING_SEQUENCES, text));
        }
        Ok(Sequences { grid: *volume.grid(), volumes: vec![with_white(volume)], channels: vec![0], warnings })
    }

    /// The volumes that were given by name: of each of the card's sequences the one whose name it begins with. Masks lie
    /// in FLAIR's grid, which stands in for what is not given; FLAIR alone stands for all, if that is allowed.
    ///
    /// # Errors
    /// As [`Sequences::several`] and [`Sequences::one`]; a card without such sequences.
    pub fn named(card: &Card, given: [(&str, Option<Volume>); 3], allow_missing: bool) -> Result<Sequences> {
        let names = card.input.sequences.as_deref().unwrap_or_default();
        let position = |start: &str| {
            let found = names.iter().position(|name| name.to_ascii_lowercase().starts_with(start));
            found.ok_or_else(|| {
                let reason = format!("the model {} does not take {start} among its sequences", card.name);
                Error::volume(reason, "give it one volume on its own")
            })
        };
        let main = position("flair")?;
        let mut volumes: Vec<Option<Volume>> = names.iter().map(|_| None).collect();
        for (start, volume) in given {
            let Some(volume) = volume else { continue };
            if let Some(place) = volumes.get_mut(position(start)?) {
                *place = Some(volume);
            }
        }
        match volumes.iter().flatten().count() {
            1 if volumes.get(main).is_some_and(Option::is_some) => {
                let only = volumes.swap_remove(main);
                let only = only.ok_or_else(|| Error::volume("no volume was given", "give FLAIR"))?;
                Sequences::one(card, only, allow_missing)
            }
            _ => Sequences::several(card, volumes, main),
        }
    }

    /// The volumes of a card's sequences, in its order. All are brought to the grid of the one at `main`, which stands in for
    /// what is not given.
    ///
    /// # Errors
    /// No volume at `main`; one that lies elsewhere; more memory than there is; a card that takes other sequences.
    pub fn several(card: &Card, given: Vec<Option<Volume>>, main: usize) -> Result<Sequences> {
        let names = card.input.sequences.as_deref().unwrap_or_default();
        if names.len() != given.len() {
            let reason = format!("the model takes {} sequences, not {}", names.len(), given.len());
            return Err(Error::volume(reason, "give the volumes that its card names"));
        }
        let missing =
            || Error::volume("the main sequence is not given", "give the volumes that the card names");
        let (main_name, reference) = (names.get(main), given.get(main).and_then(Option::as_ref));
        let (Some(main_name), Some(grid)) = (main_name, reference.map(|volume| *volume.grid())) else {
            return Err(missing());
        };
        let (mut volumes, mut channels, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
        for (channel, (name, volume)) in names.iter().zip(given).enumerate() {
            let Some(volume) = volume else {
                channels.push(None);
                let text = format!("There is no {name} volume: {main_name} stands for it.");
                warnings.push(Warning::new(Warning::MISSING_SEQUENCES, text));
                continue;
            };
            let volume = if channel == main {
                volume
            } else {
                on_grid(name, volume, main_name, &grid, &mut warnings)?
            };
            channels.push(Some(volumes.len()));
            volumes.push(with_white(volume));
        }
        let main = channels.get(main).copied().flatten().ok_or_else(missing)?;
        let channels = channels.into_iter().map(|channel| channel.unwrap_or(main)).collect();
        Ok(Sequences { grid, volumes, channels, warnings })
    }

    /// Where all voxels lie.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// What the user must be told: sequences that are missing or were resampled.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The volume that people are shown, by the card.
    pub fn shown(&self, card: &Card) -> Option<&Volume> {
        self.shown_with_white(card).map(|(volume, _)| volume)
    }

    /// A slice of the volume that people are shown, in units of its white.
    pub fn shown_slice(&self, card: &Card, plane: Plane, number: usize) -> Option<Slice> {
        self.shown_with_white(card).map(|shown| slice_of(shown, plane, number))
    }

    fn shown_with_white(&self, card: &Card) -> Option<&(Volume, f32)> {
        let channel = card.input.shown.unwrap_or(0).min(self.channels.len().saturating_sub(1));
        self.volumes.get(*self.channels.get(channel)?)
    }

    /// A slice in all channels, in units of the volumes' white.
    pub fn slice(&self, plane: Plane, number: usize) -> Vec<Slice> {
        let volumes = self.channels.iter().filter_map(|&channel| self.volumes.get(channel));
        volumes.map(|volume| slice_of(volume, plane, number)).collect()
    }

    /// The levels of the whole head, for cards whose preparation takes them.
    ///
    /// # Errors
    /// When a slice cannot be scaled.
    pub fn levels(&self, card: &Card, plane: Plane) -> Result<Option<[Level; 3]>> {
        if card.input.intensity != Intensity::ZScore {
            return Ok(None);
        }
        let measured = |number: usize| -> Result<Histogram> {
            let slice = self.slice(plane, number);
            let field =
                slice.first().map(|s| Field::of(&card.input, &card.volume, [s.width, s.height], s.spacing));
            let field = field.transpose()?.ok_or_else(|| Error::tensor("slice", "has no channel"))?;
            Ok(Histogram::of(&field.picture(&slice)?, &card.input))
        };
        let merged = |mut a: Histogram, b: Histogram| {
            a.merge(&b);
            Ok(a)
        };
        let numbers = (0..plane.count(&self.grid)).into_par_iter();
        let whole = numbers.map(measured).try_reduce(Histogram::default, merged)?;
        Ok(Some(whole.levels()))
    }
}

fn slice_of((volume, white): &(Volume, f32), plane: Plane, number: usize) -> Slice {
    let mut slice = plane.slice(volume, number);
    slice.values.iter_mut().for_each(|value| *value /= white);
    slice
}

fn with_white(volume: Volume) -> (Volume, f32) {
    let white = volume.white();
    (volume, white)
}

/// A sequence on the main one's grid, and what is to be said of that.
fn on_grid(
    name: &str,
    volume: Volume,
    main: &str,
    grid: &Grid,
    warnings: &mut Vec<Warning>,
) -> Result<Volume> {
    if volume.grid().is_same(grid) {
        return Ok(volume);
    }
    let coverage = volume.grid().coverage(grid);
    let shared = coverage.max(grid.coverage(volume.grid()));
    if shared < LEAST_COVERAGE {
        let reason =
            format!("the {name} and the {main} volume share {:.0} % of their fields", 100.0 * shared);
        return Err(Error::volume(reason, "they must show one head in one place: align them first"));
    }
    let mut text = format!("The {name} volume lay on another grid and was resampled to that of {main}.");
    if coverage < FULL_COVERAGE {
        text.push_str(&format!(" It covers {:.0} % of it; the rest is black.", 100.0 * coverage));
    }
    warnings.push(Warning::new(Warning::RESAMPLED, text));
    volume.resampled(grid)
}
