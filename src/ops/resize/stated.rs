//! How far to resize, as nodes state it: by scales or sizes, for all dimensions or some.

use super::axis::{Axis, Step};
use crate::graph::attributes::AttributeReader;
use crate::ops::{Info, Reason, axes, known_ints, optional};
use crate::tensor::Shape;

/// Where a node states how far to resize.
#[derive(Debug)]
pub enum Stated {
    /// Scales as an attribute.
    Scales(Vec<f32>),
    Inputs(Inputs),
}

#[derive(Debug)]
pub struct Inputs {
    /// Positions of the inputs.
    roi: Option<usize>,
    scales: usize,
    sizes: Option<usize>,
    axes: Option<Vec<i64>>,
    policy: Policy,
}

/// ONNX's `keep_aspect_ratio_policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Policy {
    Stretch,
    NotLarger,
    NotSmaller,
}

impl Stated {
    /// Reads the attributes of Resize.
    pub fn read(attributes: &AttributeReader) -> Result<Self, Reason> {
        if attributes.opset < 11 {
            return Ok(Stated::scales_input());
        }
        let (mut axes, mut policy) = (None, Policy::Stretch);
        if attributes.opset >= 18 {
            axes = attributes.ints("axes")?;
            policy = match attributes.text("keep_aspect_ratio_policy", "stretch")?.as_str() {
                "stretch" => Policy::Stretch,
                "not_larger" => Policy::NotLarger,
                "not_smaller" => Policy::NotSmaller,
                other => return Err(Reason(format!("keep_aspect_ratio_policy '{other}' is unknown"))),
            };
        }
        Ok(Stated::Inputs(Inputs { roi: Some(1), scales: 2, sizes: Some(3), axes, policy }))
    }

    /// Scales as the second input, and nothing else.
    pub fn scales_input() -> Self {
        let policy = Policy::Stretch;
        Stated::Inputs(Inputs { roi: None, scales: 1, sizes: None, axes: None, policy })
    }

    /// Every dimension of the input.
    pub fn axes(&self, shape: &Shape, inputs: &[Option<Info>], crops: bool) -> Result<Vec<Axis>, Reason> {
        let whole =
            |&size: &usize| Axis { input: size, output: size, step: Step::of_sizes(1, 1), roi: (0.0, 1.0) };
        let mut result: Vec<Axis> = shape.iter().map(whole).collect();
        let stated = match self {
            Stated::Scales(scales) => {
                scale(&mut result, &(0..shape.rank()).collect::<Vec<_>>(), scales, false)?;
                return Ok(result);
            }
            Stated::Inputs(stated) => stated,
        };
        let among = match &stated.axes {
            Some(listed) => axes::resolve(listed, shape.rank())?,
            None => (0..shape.rank()).collect(),
        };
        if crops {
            crop(&mut result, &among, &known_floats(inputs, stated.roi, "the roi")?)?;
        }
        let scales = known_floats(inputs, Some(stated.scales), "the list of scales")?;
        let sizes = match stated.sizes {
            Some(position) => known_ints(inputs, position, "the list of sizes")?.unwrap_or_default(),
            None => Vec::new(),
        };
        match (scales.is_empty(), sizes.is_empty()) {
            (false, true) => scale(&mut result, &among, &scales, crops)?,
            (true, false) => fit(&mut result, &among, &sizes, stated.policy)?,
            _ => return Err("states not exactly one of scales and sizes".into()),
        }
        Ok(result)
    }
}

/// Floats given as an input, empty where the node leaves it out.
fn known_floats(inputs: &[Option<Info>], position: Option<usize>, what: &str) -> Result<Vec<f32>, Reason> {
    let Some(info) = position.and_then(|position| optional(inputs, position)) else { return Ok(Vec::new()) };
    match &info.value {
        Some(value) => Ok(value.as_f32()?.to_vec()),
        None => Err(Reason(format!("{what} is computed by the network, which is not supported"))),
    }
}

fn expect_length(what: &str, found: usize, expected: usize) -> Result<(), Reason> {
    if found == expected {
        Ok(())
    } else {
        Err(Reason(format!("{found} {what} where {expected} are wanted")))
    }
}

fn crop(result: &mut [Axis], among: &[usize], roi: &[f32]) -> Result<(), Reason> {
    expect_length("bounds of the roi", roi.len(), 2 * among.len())?;
    if roi.iter().any(|bound| !bound.is_finite()) {
        return Err(Reason(format!("the roi {roi:?} is not finite")));
    }
    for (i, &d) in among.iter().enumerate() {
        result[d].roi = (f64::from(roi[i]), f64::from(roi[among.len() + i]));
    }
    Ok(())
}

fn scale(result: &mut [Axis], among: &[usize], scales: &[f32], crops: bool) -> Result<(), Reason> {
    expect_length("scales", scales.len(), among.len())?;
    for (&d, &scale) in among.iter().zip(scales) {
        let axis = &mut result[d];
        let share = if crops { (axis.roi.1 - axis.roi.0) as f32 } else { 1.0 };
        // In f32, as ONNX's own shape inference does: 10 by 0.7 are 7, though 0.7 as f32 is less.
        let length = (axis.input as f32 * share * scale).floor();
        // Past 2^31 no device holds the result; a comparison with NaN is false.
        if !(scale > 0.0 && scale.is_finite() && (0.0..2_147_483_648.0).contains(&length)) {
            return Err(Reason(format!("scale {scale:e} does not fit size {}", axis.input)));
        }
        axis.output = length as usize;
        axis.step = Step::of_scale(scale);
    }
    Ok(())
}

fn fit(result: &mut [Axis], among: &[usize], sizes: &[i64], policy: Policy) -> Result<(), Reason> {
    expect_length("sizes", sizes.len(), among.len())?;
    let positive = |&size: &i64| u32::try_from(size).ok().filter(|&size| size > 0).map(|size| size as usize);
    let wanted: Option<Vec<usize>> = sizes.iter().map(positive).collect();
    let wanted = wanted.ok_or_else(|| Reason(format!("sizes {sizes:?} are not positive or too large")))?;
    // All dimensions take the scale of the one that grows least, or most.
    let ratio = |i: usize| (wanted[i] as u128, result[among[i]].input as u128);
    let by_ratio = |&a: &usize, &b: &usize| {
        let ((to, from), (other_to, other_from)) = (ratio(a), ratio(b));
        (to * other_from).cmp(&(other_to * from))
    };
    let common = match policy {
        Policy::Stretch => None,
        Policy::NotLarger => (0..among.len()).min_by(by_ratio).map(ratio),
        Policy::NotSmaller => (0..among.len()).max_by(by_ratio).map(ratio),
    };
    for (&d, &size) in among.iter().zip(&wanted) {
        let axis = &mut result[d];
        let (to, from) = common.unwrap_or((size as u128, axis.input as u128));
        // Rounded to the nearest, halves up.
        let rounded = (2 * to * axis.input as u128 + from) / (2 * from);
        axis.output = usize::try_from(rounded).map_err(|_| "the result is too large")?;
        axis.step = Step::of_sizes(from as usize, to as usize);
    }
    Ok(())
}
