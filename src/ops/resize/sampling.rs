//! How a resize samples: filter, positions, and what happens at the edges.

use super::axis::{Axis, Coordinates};
use crate::graph::attributes::AttributeReader;
use crate::ops::Reason;

/// The attributes that say what an output is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    pub filter: Filter,
    pub coordinates: Coordinates,
    /// Whether filters widen where a dimension shrinks.
    pub antialias: bool,
    /// Whether elements outside of the input count for nothing, rather than as copies of the edge.
    pub exclude_outside: bool,
    /// What stands outside of a crop.
    pub extrapolation: f32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Filter {
    Nearest(Rounding),
    Linear,
    /// Cubic convolution with this coefficient.
    Cubic(f64),
}

/// Which of two neighbours is the nearest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    PreferFloor,
    PreferCeil,
    Floor,
    Ceil,
    /// Opset 10: up where a dimension shrinks, else down.
    ByDirection,
}

impl Sampling {
    /// Reads the attributes of Resize.
    pub fn read(attributes: &AttributeReader) -> Result<Self, Reason> {
        if attributes.opset < 11 {
            return Sampling::before_11(attributes);
        }
        let rounding = rounding(&attributes.text("nearest_mode", "round_prefer_floor")?)?;
        let cubic = attributes.float("cubic_coeff_a", -0.75)?;
        if !cubic.is_finite() {
            return Err(Reason(format!("attribute cubic_coeff_a is {cubic}")));
        }
        let filter = match attributes.text("mode", "nearest")?.as_str() {
            "nearest" => Filter::Nearest(rounding),
            "linear" => Filter::Linear,
            "cubic" => Filter::Cubic(f64::from(cubic)),
            other => return Err(Reason(format!("mode '{other}' is unknown"))),
        };
        let antialias = attributes.opset >= 18 && attributes.flag("antialias", false)?;
        if antialias && matches!(filter, Filter::Nearest(_)) {
            return Err("antialias has no meaning in mode nearest".into());
        }
        let mode = attributes.text("coordinate_transformation_mode", "half_pixel")?;
        Ok(Sampling {
            filter,
            coordinates: coordinates(&mode, attributes.opset)?,
            antialias,
            exclude_outside: attributes.flag("exclude_outside", false)?,
            extrapolation: attributes.float("extrapolation_value", 0.0)?,
        })
    }

    /// Reads the attributes of Upsample and of Resize before opset 11.
    pub fn before_11(attributes: &AttributeReader) -> Result<Self, Reason> {
        let filter = match attributes.text("mode", "nearest")?.as_str() {
            "nearest" => Filter::Nearest(Rounding::ByDirection),
            // Up to opset 6 the mode was called bilinear, and files of opset 7 still do.
            "linear" | "bilinear" => Filter::Linear,
            other => return Err(Reason(format!("mode '{other}' is unknown"))),
        };
        let coordinates = Coordinates::Asymmetric;
        Ok(Sampling { filter, coordinates, antialias: false, exclude_outside: false, extrapolation: 0.0 })
    }

    /// Whether the roi says what part of the input is shown.
    pub fn crops(&self) -> bool {
        self.coordinates == Coordinates::TfCropAndResize
    }

    /// Whether a dimension stays as it is, whatever the positions' formula makes of it.
    pub fn keeps(&self, axis: &Axis) -> bool {
        axis.input == axis.output && axis.scale() == 1.0 && axis.roi == (0.0, 1.0)
    }

    /// By how much the filter is stretched: less than 1 where antialiasing widens it.
    pub fn stretch(&self, axis: &Axis) -> f64 {
        if self.antialias { axis.scale().min(1.0) } else { 1.0 }
    }

    /// How far from an output's position its neighbours lie at most.
    pub fn reach(&self, axis: &Axis) -> f64 {
        match self.filter {
            Filter::Nearest(_) => 1.0,
            Filter::Linear => 1.0 / self.stretch(axis),
            Filter::Cubic(_) => 2.0 / self.stretch(axis),
        }
    }
}

fn rounding(mode: &str) -> Result<Rounding, Reason> {
    match mode {
        "round_prefer_floor" => Ok(Rounding::PreferFloor),
        "round_prefer_ceil" => Ok(Rounding::PreferCeil),
        "floor" => Ok(Rounding::Floor),
        "ceil" => Ok(Rounding::Ceil),
        other => Err(Reason(format!("nearest_mode '{other}' is unknown"))),
    }
}

fn coordinates(mode: &str, opset: i64) -> Result<Coordinates, Reason> {
    match mode {
        "half_pixel" => Ok(Coordinates::HalfPixel),
        "half_pixel_symmetric" if opset >= 19 => Ok(Coordinates::HalfPixelSymmetric),
        "pytorch_half_pixel" => Ok(Coordinates::PytorchHalfPixel),
        "align_corners" => Ok(Coordinates::AlignCorners),
        "asymmetric" => Ok(Coordinates::Asymmetric),
        "tf_half_pixel_for_nn" if opset < 13 => Ok(Coordinates::TfHalfPixelForNn),
        "tf_crop_and_resize" => Ok(Coordinates::TfCropAndResize),
        other => Err(Reason(format!("coordinate_transformation_mode '{other}' is unknown in opset {opset}"))),
    }
}
