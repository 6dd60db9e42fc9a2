//! From the pixels above the threshold to a stack's masks: specks dropped, foreign pictures left empty, and
//! what a reader of a mask must know said in words.

use super::Segmentation;
use crate::error::{Error, Result};
use crate::imaging::Components;
use crate::model::{Card, Warning};

/// Completes the slices of one stack; a slice that failed counts as one without tumour.
pub(super) fn finish(
    mut slices: Vec<Result<Segmentation>>,
    card: &Card,
) -> Result<Vec<Result<Segmentation>>> {
    refuse_other_sizes(&mut slices);
    if is_foreign(&slices) {
        slices.iter_mut().flatten().for_each(withhold);
    } else {
        drop_specks(&mut slices, card)?;
    }
    slices.iter_mut().flatten().for_each(warn_about_mask);
    Ok(slices)
}

/// Stacks are found by reading every file once, and a file that was written to since then may have another size.
fn refuse_other_sizes(slices: &mut [Result<Segmentation>]) {
    let Some((width, height)) = slices.iter().flatten().next().map(|s| (s.width, s.height)) else { return };
    for slice in slices {
        if let Ok(Segmentation { width: w, height: h, .. }) = slice
            && (*w, *h) != (width, height)
        {
            let reason = format!("{w}x{h} pixels in a stack of {width}x{height}: the file changed meanwhile");
            *slice = Err(Error::tensor("scan", reason));
        }
    }
}

/// Whether most slices are plainly not what the model was made for. A single one among others that are may lie at
/// the edge of the head. The network's own features say how sure to be, not what a picture is: those of a head from
/// another scanner can lie as far away as those of a drawing, so they warn and take nothing away.
fn is_foreign(slices: &[Result<Segmentation>]) -> bool {
    let plain = |w: &Warning| ![Warning::MISSING_SEQUENCES, "features"].contains(&w.code.as_str());
    let turned_away = |s: &Segmentation| s.warnings.iter().any(plain);
    let answered = slices.iter().flatten().count();
    let flagged = slices.iter().flatten().filter(|s| turned_away(s)).count();
    2 * flagged > answered
}

fn withhold(slice: &mut Segmentation) {
    slice.mask.fill(false);
    let text = "No mask was drawn: the scan is not what the model was made for.";
    slice.warnings.push(Warning::new(Warning::WITHHELD, text.into()));
}

/// Drops connected parts with fewer pixels than the card's smallest.
fn drop_specks(slices: &mut [Result<Segmentation>], card: &Card) -> Result<()> {
    let Some(first) = slices.iter().flatten().next() else { return Ok(()) };
    let (width, height) = (first.width, first.height);
    let Some(smallest) = smallest_component(card, first.scale) else { return Ok(()) };
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

/// The card's smallest component, in pixels of a slice of which `scale` make one of the network's.
fn smallest_component(card: &Card, scale: f64) -> Option<usize> {
    let smallest = card.output.as_ref()?.smallest_component.filter(|&n| n > 1)?;
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::imaging::{Channels, Samples, Scan, Slice};
    use crate::runner::Prepared;

    fn card(smallest: &str) -> Result<Card> {
        let text = format!(
            "name = \"t\"\nversion = 1\ntitle = \"T\"\ntask = \"segmentation\"\n\
             [input]\nchannels = \"grey\"\nheight = 4\nwidth = 4\nfit = \"pad\"\nintensity = \"z-score\"\n\
             [output]\nactivation = \"none\"\nlabels = [\"a\"]\nthreshold = 0.5\n{smallest}\n"
        );
        Card::parse(Path::new("card.toml"), &text)
    }

    /// A slice from its rows, with the codes of the gate's warnings.
    fn slice(rows: &[&str], flags: &[&str]) -> Result<Segmentation> {
        Ok(Segmentation {
            width: rows[0].len(),
            height: rows.len(),
            mask: rows.iter().flat_map(|row| row.bytes().map(|b| b == b'#')).collect(),
            probabilities: None,
            warnings: flags.iter().map(|code| Warning::new(code, "It is so.".into())).collect(),
            pixel_area: None,
            scale: 1.0,
            milliseconds: 0.0,
        })
    }

    fn failed() -> Result<Segmentation> {
        Err(Error::tensor("scan", "is damaged"))
    }

    fn codes(slice: &Segmentation) -> Vec<&str> {
        slice.warnings.iter().map(|w| w.code.as_str()).collect()
    }

    /// The pixels and the codes of each finished slice.
    fn finished(slices: Vec<Result<Segmentation>>, smallest: &str) -> Result<Vec<(usize, Vec<String>)>> {
        let slices = finish(slices, &card(smallest)?)?;
        let told = |s: &Segmentation| (s.pixels(), codes(s).into_iter().map(String::from).collect());
        Ok(slices.iter().flatten().map(told).collect())
    }

    const NOTHING: [&str; 4] = ["....", "....", "....", "...."];
    const TWO: [&str; 4] = ["....", ".##.", "....", "...."];
    const BELOW: [&str; 4] = ["....", "....", ".##.", "...."];

    #[test]
    fn parts_are_held_together_by_the_slices_beside_them() -> Result<()> {
        let both = finished(vec![slice(&TWO, &[]), slice(&BELOW, &[])], "smallest_component = 4")?;
        assert_eq!(both, [(2, vec![]), (2, vec![])]);
        let apart = [slice(&TWO, &[]), slice(&NOTHING, &[]), slice(&BELOW, &[])];
        let apart = finished(apart.into(), "smallest_component = 4")?;
        assert!(apart.iter().all(|slice| *slice == (0, vec!["empty_mask".to_string()])), "{apart:?}");
        Ok(())
    }

    #[test]
    fn a_slice_that_failed_parts_its_neighbours_and_stays_in_its_place() -> Result<()> {
        let slices = vec![slice(&TWO, &[]), failed(), slice(&BELOW, &[])];
        let slices = finish(slices, &card("smallest_component = 4")?)?;
        assert_eq!(slices.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
        assert!(slices.iter().flatten().all(|s| s.pixels() == 0));
        assert_eq!(finish(vec![failed()], &card("smallest_component = 4")?)?.len(), 1);
        assert!(finish(vec![], &card("")?)?.is_empty());
        Ok(())
    }

    #[test]
    fn without_a_smallest_part_all_stay() -> Result<()> {
        for smallest in ["", "smallest_component = 0", "smallest_component = 1", "smallest_component = 2"] {
            assert_eq!(finished(vec![slice(&TWO, &[])], smallest)?, [(2, vec![])], "{smallest}");
        }
        assert_eq!(finished(vec![slice(&TWO, &[])], "smallest_component = 3")?[0].0, 0);
        Ok(())
    }

    #[test]
    fn the_smallest_part_is_in_the_networks_pixels() -> Result<()> {
        let card = card("smallest_component = 3")?;
        for (size, expected) in [((4, 4), 3), ((8, 8), 12), ((2, 2), 1), ((4, 8), 12), ((8, 6), 12)] {
            let scan = Scan::new(size.0, size.1, Channels::Grey, Samples::U8(vec![9; size.0 * size.1]))?;
            let scale = Prepared::new(&card, &scan, None)?.scale(&card);
            assert_eq!(smallest_component(&card, scale), Some(expected), "{size:?}");
        }
        // A slice of a volume has its own proportions: here two pixels across are as long as one down.
        let slice = Slice { width: 8, height: 4, values: vec![9.0; 32], spacing: [1.0, 2.0] };
        let scale = Prepared::of_slice(&card, &[slice], None)?.scale(&card);
        assert_eq!(smallest_component(&card, scale), Some(6));
        Ok(())
    }

    #[test]
    fn what_goes_on_beyond_is_said() -> Result<()> {
        let edges = [
            (["#...", "....", "...."], true),
            (["....", "...#", "...."], true),
            (["....", "#...", "...."], true),
            (["....", "....", "..#."], true),
            (["....", ".##.", "...."], false),
        ];
        for (rows, expected) in edges {
            let slices = finished(vec![slice(&rows, &[])], "")?;
            assert_eq!(slices[0].1 == ["touches_border"], expected, "{rows:?}");
        }
        Ok(())
    }

    #[test]
    fn most_slices_must_be_what_the_model_was_made_for() -> Result<()> {
        let half = finished(vec![slice(&TWO, &["blank"]), slice(&TWO, &[])], "")?;
        assert_eq!(half, [(2, vec!["blank".to_string()]), (2, vec![])]);
        let most =
            vec![slice(&TWO, &["blank"]), slice(&TWO, &[]), failed(), slice(&TWO, &["colour", "blank"])];
        let most = finished(most, "")?;
        assert!(most.iter().all(|(pixels, codes)| *pixels == 0 && codes.ends_with(&withheld())), "{most:?}");
        assert_eq!(most[1].1, withheld());
        // That sequences are missing is another matter.
        let grey = finished(vec![slice(&TWO, &["missing_sequences"])], "")?;
        assert_eq!(grey, [(2, vec!["missing_sequences".to_string()])]);
        // Features alone warn, and take nothing away.
        let odd = finished(vec![slice(&TWO, &["features"])], "")?;
        assert_eq!(odd, [(2, vec!["features".to_string()])]);
        let foreign = finished(vec![slice(&TWO, &["appearance", "features"])], "")?;
        assert!(foreign[0].0 == 0 && foreign[0].1.ends_with(&withheld()), "{foreign:?}");
        Ok(())
    }

    fn withheld() -> [String; 2] {
        ["withheld", "empty_mask"].map(String::from)
    }

    #[test]
    fn slices_of_another_size_are_no_reason_to_stop() -> Result<()> {
        let small = slice(&["##", ".."], &[]);
        let slices =
            finish(vec![slice(&TWO, &[]), small, slice(&BELOW, &[])], &card("smallest_component = 2")?)?;
        assert_eq!(slices.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
        let error = slices[1].as_ref().expect_err("another size").to_string();
        assert!(error.contains("2x2") && error.contains("4x4"), "{error}");
        Ok(())
    }
}
