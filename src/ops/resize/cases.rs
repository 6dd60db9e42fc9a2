//! Small problems for Resize and Upsample.

use crate::graph::attributes::Attribute;
use crate::ops::case::{Case, CaseInput};
use crate::tensor::Tensor;

fn floats(values: &[f32]) -> CaseInput {
    Tensor::from_f32([values.len()], values.to_vec()).map_or(CaseInput::Absent, CaseInput::Constant)
}

fn scaled(name: &str, x: &[usize], scales: &[f32]) -> Case {
    Case::new("Resize", name).opset(19).given(x).absent().with(floats(scales))
}

fn sized(name: &str, x: &[usize], sizes: &[i64]) -> Case {
    Case::new("Resize", name).opset(19).given(x).absent().absent().integers(sizes)
}

pub fn resize() -> Vec<Case> {
    let mut cases = basics();
    cases.extend(modes());
    cases.extend(odd_sizes());
    cases.extend(crops());
    cases
}

fn basics() -> Vec<Case> {
    vec![
        scaled("twice", &[1, 5, 4, 3], &[1.0, 1.0, 2.0, 2.0]),
        scaled("twice, linear", &[2, 5, 4, 3], &[1.0, 1.0, 2.0, 2.0]).text("mode", "linear"),
        scaled("twice, cubic", &[2, 3, 4, 3], &[1.0, 1.0, 2.0, 2.0]).text("mode", "cubic"),
        scaled("rows of fours", &[1, 2, 3, 8], &[1.0, 1.0, 1.7, 1.0]).text("mode", "linear"),
        scaled("volume", &[1, 5, 2, 3, 2], &[1.0, 1.0, 2.0, 1.5, 2.0]).text("mode", "linear"),
        scaled("all dimensions", &[2, 3, 2, 3], &[1.5, 2.0, 2.0, 0.7]).text("mode", "linear"),
        scaled("vector", &[1], &[7.0]).text("mode", "linear"),
        scaled("signal", &[1, 3, 9], &[1.0, 1.0, 0.4]).text("mode", "cubic"),
        scaled("nothing to do", &[1, 2, 3], &[1.0, 1.0, 1.0]).text("mode", "linear"),
        sized("down to one", &[1, 3, 5, 4], &[1, 3, 1, 1]).text("mode", "linear"),
        sized("up from one", &[1, 3, 1, 1], &[1, 3, 5, 4]).text("mode", "cubic"),
        sized("not larger", &[1, 2, 4, 6], &[7, 8]).ints("axes", &[3, 2]).text(POLICY, "not_larger"),
        sized("not smaller", &[1, 2, 4, 6], &[7, 8]).ints("axes", &[-1, 2]).text(POLICY, "not_smaller"),
        Case::new("Resize", "opset 10").opset(10).given(&[1, 1, 5, 4]).with(floats(&[1.0, 1.0, 0.6, 1.5])),
        // 65,536 workgroups of 64, one more than a dimension of a grid holds; channels-last they are a quarter.
        scaled("a folded grid", &[1, 1, 1024, 1024], &[1.0, 1.0, 2.0, 2.0]),
        scaled("a folded grid of fours", &[1, 1, 1024, 1024], &[1.0, 1.0, 2.0, 2.1]).text("mode", "linear"),
    ]
}

const POLICY: &str = "keep_aspect_ratio_policy";
const COORDINATES: &str = "coordinate_transformation_mode";

/// Every filter at every kind of position, up one dimension and down the other.
fn modes() -> Vec<Case> {
    let positions =
        ["half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric"];
    let mut cases = Vec::new();
    for position in positions {
        let case = |name: &str, mode: &str| {
            scaled(&format!("{position} {name}"), &[1, 5, 7, 6], &[1.0, 1.0, 1.6, 0.55])
                .text(COORDINATES, position)
                .text("mode", mode)
        };
        for rounding in ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"] {
            cases.push(case(rounding, "nearest").text("nearest_mode", rounding));
        }
        cases.push(case("linear", "linear"));
        cases.push(case("linear without outside", "linear").int("exclude_outside", 1));
        cases.push(case("linear antialiased", "linear").int("antialias", 1));
        cases.push(case("cubic", "cubic"));
        cases.push(case("cubic antialiased", "cubic").int("antialias", 1).float("cubic_coeff_a", -0.5));
        let outside = case("cubic antialiased without outside", "cubic").int("antialias", 1);
        cases.push(outside.int("exclude_outside", 1));
    }
    let for_nn = |name: &str, rounding: &str| {
        scaled(name, &[1, 2, 3, 5], &[1.0, 1.0, 2.0, 0.5])
            .opset(11)
            .text(COORDINATES, "tf_half_pixel_for_nn")
            .text("nearest_mode", rounding)
    };
    cases.push(for_nn("tf_half_pixel_for_nn floor", "floor"));
    cases.push(for_nn("tf_half_pixel_for_nn ceil", "ceil"));
    cases
}

/// Sizes at which positions computed in f32 are off by one, up and down.
fn odd_sizes() -> Vec<Case> {
    let mut cases = Vec::new();
    for size in [214usize, 218, 255] {
        for (mode, to) in
            [("nearest", 2 * size), ("nearest", size / 2), ("linear", 3 * size), ("linear", 100)]
        {
            for position in ["half_pixel", "asymmetric", "align_corners"] {
                let name = format!("{size} to {to}, {mode}, {position}");
                let case = sized(&name, &[1, 1, size, 2], &[1, 1, to as i64, 2]);
                cases.push(case.text("mode", mode).text(COORDINATES, position));
            }
        }
    }
    cases
}

fn crops() -> Vec<Case> {
    let cropped = |name: &str, mode: &str, roi: &[f32], sizes: &[i64]| {
        Case::new("Resize", name)
            .opset(13)
            .text(COORDINATES, "tf_crop_and_resize")
            .text("mode", mode)
            .given(&[1, 3, 4, 5])
            .with(floats(roi))
            .absent()
            .integers(sizes)
    };
    let inside = [0.0, 0.0, 0.4, 0.6, 1.0, 1.0, 0.6, 0.8];
    let outside = [0.0, 0.0, 0.4, -0.6, 1.0, 1.0, 1.2, 1.7];
    vec![
        cropped("crop", "linear", &inside, &[1, 3, 3, 1]),
        cropped("crop, nearest", "nearest", &inside, &[1, 3, 3, 3]),
        cropped("crop with an edge", "linear", &outside, &[1, 3, 3, 6]).float("extrapolation_value", 10.0),
        cropped("crop with zeros", "cubic", &outside, &[1, 3, 7, 3]),
    ]
}

pub fn upsample() -> Vec<Case> {
    let case = |name: &str, x: &[usize], scales: &[f32]| {
        Case::new("Upsample", name).opset(9).given(x).with(floats(scales))
    };
    vec![
        case("twice", &[1, 6, 3, 4], &[1.0, 1.0, 2.0, 2.0]),
        case("linear", &[1, 3, 3, 4], &[1.0, 1.0, 1.5, 3.0]).text("mode", "linear"),
        case("vector", &[3], &[2.5]),
        case("five dimensions", &[1, 2, 2, 3, 2], &[1.0, 1.0, 2.0, 2.0, 3.0]),
        with_attribute(
            Case::new("Upsample", "attribute").opset(7).given(&[1, 1, 2, 3]),
            &[1.0, 1.0, 2.0, 3.0],
        ),
    ]
}

fn with_attribute(mut case: Case, scales: &[f32]) -> Case {
    case.attributes.insert("scales".into(), Attribute::Floats(scales.to_vec()));
    case
}
