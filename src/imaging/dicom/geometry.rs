//! From where slices lie to the affine of their volume.

use super::Refusal;
use super::header::Frame;
use crate::imaging::affine::Affine;

/// Slices closer than this lie at one place, in mm.
const SAME_PLACE: f64 = 1e-3;
/// By which part of their distance slices may lie off an even grid.
const UNEVEN: f64 = 0.05;
/// How much the ways of slices of one volume may differ: the cosine's distance from 1, and in mm.
const SAME_WAY: f64 = 1e-4;
/// Slices this many times further apart than stated are likely not all there: half way between once and twice.
const APART: f64 = 1.5;
/// The least tilt that is worth a word, in degrees.
const TILT: f64 = 0.5;

/// The order of slices along their normal, and where their volume lies.
#[derive(Debug)]
pub(super) struct Grid {
    pub order: Vec<usize>,
    pub affine: Affine,
    /// Whether it is known how the head lies.
    pub is_placed: bool,
    pub notes: Vec<String>,
}

impl Grid {
    /// The grid that these slices make; `in_one_file` says that the order in which they come means something.
    ///
    /// # Errors
    /// Slices that make none: of several ways or distances of pixels, at one place, unevenly apart, or that do not say
    /// where they lie.
    pub fn of(frames: &[Frame], in_one_file: bool) -> Result<Grid, Refusal> {
        let Some(first) = frames.first() else {
            return Err(("a file without images".into(), "export it again".into()));
        };
        let (Some(ways), Some(spacing)) = (first.ways, first.spacing) else {
            return unplaced(frames.len(), first, in_one_file);
        };
        let alike = |frame: &Frame| {
            let turned = frame.ways.is_none_or(|own| (0..2).any(|n| dot(own[n], ways[n]) < 1.0 - SAME_WAY));
            let other = |own: [f64; 2]| (0..2).any(|n| (own[n] - spacing[n]).abs() > SAME_WAY * spacing[n]);
            !turned && !frame.spacing.is_none_or(other)
        };
        if !frames.iter().all(alike) {
            let reason = "the slices lie in several ways, or their pixels are of several sizes".to_string();
            return Err((reason, "give the slices of one volume in a folder of their own".into()));
        }
        let positions: Option<Vec<[f64; 3]>> = frames.iter().map(|frame| frame.position).collect();
        let Some(positions) = positions else { return unplaced(frames.len(), first, in_one_file) };
        let normal = cross(ways[0], ways[1]);
        let mut order: Vec<(f64, usize)> =
            positions.iter().enumerate().map(|(n, &place)| (dot(place, normal), n)).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut notes = Vec::new();
        check_distances(&order)?;
        let order: Vec<usize> = order.into_iter().map(|(_, n)| n).collect();
        let ends = [order.first(), order.last()].map(|n| n.and_then(|&n| positions.get(n)).copied());
        let [Some(from), Some(to)] = ends else { return unplaced(frames.len(), first, in_one_file) };
        let step = match order.len() {
            1 => {
                let thickness = thickness(first, &mut notes);
                normal.map(|n| n * thickness)
            }
            count => std::array::from_fn(|n| (to[n] - from[n]) / (count as f64 - 1.0)),
        };
        check_line(&order, &positions, from, step)?;
        notes.extend(left_out(first, dot(step, normal).abs(), order.len()));
        let tilt = (dot(step, normal) / dot(step, step).sqrt()).clamp(-1.0, 1.0).acos().to_degrees();
        if tilt > TILT {
            notes.push(format!("the slices are shifted against each other by {tilt:.1}° (gantry tilt)"));
        }
        let affine = affine([ways[0].map(|n| n * spacing[1]), ways[1].map(|n| n * spacing[0]), step], from)?;
        Ok(Grid { order, affine, is_placed: true, notes })
    }
}

/// Slices of a file that does not say where they lie are taken to follow each other, and where it does not say how they
/// lie either, as axial ones from feet to head, with notes.
fn unplaced(count: usize, first: &Frame, in_one_file: bool) -> Result<Grid, Refusal> {
    if !in_one_file {
        let what = if first.spacing.is_none() { "how far their pixels are apart" } else { "where they lie" };
        return Err((
            format!("the slices do not say {what}"),
            "export them with their positions and spacing".into(),
        ));
    }
    let mut notes = Vec::new();
    if first.ways.is_none() {
        let assumed = if count == 1 { "an axial slice is" } else { "axial slices from feet to head are" };
        notes.push(format!("the file does not say how the head lies: {assumed} assumed"));
    } else if first.position.is_none() {
        notes.push("the file does not say where its slices lie: they are taken to follow each other".into());
    }
    if first.spacing.is_none() {
        notes.push("the file does not say how far its pixels are apart: 1 mm is assumed".into());
    }
    let [rows, columns] = first.spacing.unwrap_or([1.0; 2]);
    let ways = first.ways.unwrap_or([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]);
    let step = thickness(first, &mut notes);
    let normal = cross(ways[0], ways[1]).map(|n| n * step);
    let from = first.position.unwrap_or_default();
    let affine = affine([ways[0].map(|n| n * columns), ways[1].map(|n| n * rows), normal], from)?;
    Ok(Grid { order: (0..count).collect(), affine, is_placed: first.ways.is_some(), notes })
}

/// Holds slices, in their order, to one line: an affine could not say where others lie.
fn check_line(
    order: &[usize],
    positions: &[[f64; 3]],
    from: [f64; 3],
    step: [f64; 3],
) -> Result<(), Refusal> {
    let length = dot(step, step).sqrt();
    let away = |(n, &slice): (usize, &usize)| {
        let place = positions.get(slice).copied().unwrap_or(from);
        let off: [f64; 3] = std::array::from_fn(|axis| place[axis] - from[axis] - n as f64 * step[axis]);
        dot(off, off).sqrt()
    };
    let most = order.iter().enumerate().map(away).fold(0.0, f64::max);
    if most <= 2.0 * UNEVEN * length {
        return Ok(());
    }
    let reason = format!("the slices do not lie in a line: one is {most:.2} mm beside it");
    Err((reason, "give the slices of one volume in a folder of their own".into()))
}

/// What to say where slices lie evenly, and much further apart than their files state: every second one may be missing.
/// Some scanners state the gap between slices for their distance, which the thickness then exceeds.
fn left_out(first: &Frame, step: f64, count: usize) -> Option<String> {
    let stated = first.between?;
    let is_apart = count > 1 && step > APART * stated.max(first.thickness.unwrap_or(0.0));
    is_apart.then(|| {
        format!("the slices lie {step:.2} mm apart where {stated:.2} mm are stated: some may be missing")
    })
}

fn thickness(frame: &Frame, notes: &mut Vec<String>) -> f64 {
    frame.between.or(frame.thickness).unwrap_or_else(|| {
        notes.push("the file does not say how thick its slice is: 1 mm is assumed".into());
        1.0
    })
}

/// Holds slices, in their order, to an even grid.
fn check_distances(order: &[(f64, usize)]) -> Result<(), Refusal> {
    let distances: Vec<f64> = order.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    let same = distances.iter().filter(|&&mm| mm < SAME_PLACE).count();
    if same > 0 {
        let reason = format!("{} slices lie at the place of another (several echoes or times?)", same);
        return Err((reason, "give the slices of one volume in a folder of their own".into()));
    }
    let mut sorted = distances.clone();
    sorted.sort_by(f64::total_cmp);
    // The lower of two middle ones: a gap is larger than the rest.
    let Some(&usual) = sorted.get(sorted.len().saturating_sub(1) / 2) else { return Ok(()) };
    match distances.iter().position(|mm| (mm - usual).abs() > UNEVEN * usual) {
        None => Ok(()),
        Some(n) => {
            let gaps = distances.iter().filter(|&&mm| mm > (1.0 + UNEVEN) * usual).count();
            let mm = distances[n];
            let reason = format!(
                "slices are missing or uneven: {mm:.2} mm after slice {} where {usual:.2} mm are usual, {gaps} gap(s) in all",
                n + 1
            );
            Err((reason, "export the whole series".into()))
        }
    }
}

/// DICOM's x runs to the left and y to the back; ours run the other way.
fn affine(columns: [[f64; 3]; 3], origin: [f64; 3]) -> Result<Affine, Refusal> {
    let signs = [-1.0, -1.0, 1.0];
    let [i, j, k] = columns;
    let rows = std::array::from_fn(|row| [i[row], j[row], k[row], origin[row]].map(|n| n * signs[row]));
    Affine::new(rows).map_err(|reason| (reason, "export it again".to_string()))
}

fn dot(v: [f64; 3], w: [f64; 3]) -> f64 {
    v.iter().zip(w).map(|(a, b)| a * b).sum()
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}
