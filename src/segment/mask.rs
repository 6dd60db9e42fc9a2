//! From the pixels above the threshold to a stack's masks: specks dropped, foreign pictures left empty, and
//! what a reader of a mask must know said in words.

use super::Segmentation;
use crate::error::Result;
use crate::imaging::Components;
use crate::model::{Card, Warning};

/// Completes the slices of one stack; a slice that failed counts as one without tumour.
pub(super) fn finish(
    mut slices: Vec<Result<Segmentation>>,
    card: &Card,
) -> Result<Vec<Result<Segmentation>>> {
    if is_foreign(&slices) {
        slices.iter_mut().flatten().for_each(withhold);
    } else {
        drop_specks(&mut slices, card)?;
    }
    slices.iter_mut().flatten().for_each(warn_about_mask);
    Ok(slices)
}

/// Whether most slices are not what the model was made for. A single one among others that are may lie at
/// the edge of the head.
fn is_foreign(slices: &[Result<Segmentation>]) -> bool {
    let turned_away = |s: &Segmentation| s.warnings.iter().any(|w| w.code != super::MISSING_SEQUENCES);
    let answered = slices.iter().flatten().count();
    let flagged = slices.iter().flatten().filter(|s| turned_away(s)).count();
    2 * flagged > answered
}

fn withhold(slice: &mut Segmentation) {
    slice.mask.fill(false);
    let text = "No mask was drawn: the picture is not what the model was made for.";
    slice.warnings.push(Warning::new("withheld", text.into()));
}

/// Drops connected parts with fewer pixels than the card's smallest.
fn drop_specks(slices: &mut [Result<Segmentation>], card: &Card) -> Result<()> {
    let Some(first) = slices.iter().flatten().next() else { return Ok(()) };
    let (width, height) = (first.width, first.height);
    let Some(smallest) = smallest_component(card, width, height) else { return Ok(()) };
    let plane = width * height;
    let mut volume = vec![false; slices.len() * plane];
    for (target, slice) in volume.chunks_exact_mut(plane).zip(slices.iter()) {
        if let Ok(slice) = slice {
            target.copy_from_slice(&slice.mask);
        }
    }
    let kept = Components::of(&volume, [slices.len(), height, width])?.of_at_least(smallest);
    for (source, slice) in kept.chunks_exact(plane).zip(slices.iter_mut()) {
        if let Ok(slice) = slice {
            slice.mask.copy_from_slice(source);
        }
    }
    Ok(())
}

/// The card's smallest component, in pixels of a slice of this size.
fn smallest_component(card: &Card, width: usize, height: usize) -> Option<usize> {
    let smallest = card.output.as_ref()?.smallest_component.filter(|&n| n > 1)?;
    let (inner_width, inner_height) = card.input.inner_size(width, height);
    let scale = (width * height) as f64 / (inner_width * inner_height) as f64;
    Some((smallest as f64 * scale).round() as usize)
}

/// An empty mask is said to be one, and so is one that goes on beyond the picture.
fn warn_about_mask(slice: &mut Segmentation) {
    if slice.pixels() == 0 {
        slice.warnings.push(Warning::new("empty_mask", "Nothing was found in this slice.".into()));
    } else if touches_border(&slice.mask, slice.width) {
        let text = "The mask touches the border of the picture: what it marks may go on beyond.";
        slice.warnings.push(Warning::new("touches_border", text.into()));
    }
}

fn touches_border(mask: &[bool], width: usize) -> bool {
    let mut rows = mask.chunks_exact(width);
    let sides = rows.clone().any(|row| row.first() == Some(&true) || row.last() == Some(&true));
    let is_set = |row: Option<&[bool]>| row.is_some_and(|r| r.contains(&true));
    sides || is_set(rows.next()) || is_set(mask.chunks_exact(width).last())
}
