//! The sliding window of convolutions and pools: kernel size, strides, dilations and padding, resolved
//! for one input size.
//!
//! Fewer than three spatial dimensions are three with leading sizes of 1, so that kernels know only volumes.

use std::ops::Range;

use super::Reason;
use crate::graph::attributes::AttributeReader;

/// Who decides on the padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AutoPad {
    /// The `pads` attribute.
    NotSet,
    Valid,
    /// As many outputs as strides fit; the odd one of the padding goes behind.
    SameUpper,
    /// The same with the odd one in front.
    SameLower,
}

/// The window as a node states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowAttributes {
    kernel: Option<Vec<usize>>,
    strides: Option<Vec<usize>>,
    dilations: Option<Vec<usize>>,
    pads: Option<Vec<usize>>,
    auto_pad: AutoPad,
    ceil_mode: bool,
}

/// A window over a volume: depth, height, width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub input: [usize; 3],
    pub output: [usize; 3],
    pub kernel: [usize; 3],
    pub strides: [usize; 3],
    pub dilations: [usize; 3],
    pub pads_begin: [usize; 3],
    pub pads_end: [usize; 3],
    /// How many of the three dimensions the tensor has.
    pub rank: usize,
}

impl WindowAttributes {
    /// Reads `kernel_shape`, `strides`, `dilations`, `pads` and `auto_pad`.
    pub fn read(reader: &AttributeReader) -> Result<Self, Reason> {
        let auto_pad = match reader.text("auto_pad", "NOTSET")?.as_str() {
            "NOTSET" | "" => AutoPad::NotSet,
            "VALID" => AutoPad::Valid,
            "SAME_UPPER" => AutoPad::SameUpper,
            "SAME_LOWER" => AutoPad::SameLower,
            other => return Err(Reason(format!("auto_pad '{other}' is unknown"))),
        };
        let pads = reader.sizes("pads")?;
        if auto_pad != AutoPad::NotSet && pads.iter().flatten().any(|&p| p > 0) {
            return Err("pads beside auto_pad".into());
        }
        Ok(WindowAttributes {
            kernel: reader.sizes("kernel_shape")?,
            strides: reader.sizes("strides")?,
            dilations: reader.sizes("dilations")?,
            pads,
            auto_pad,
            ceil_mode: false,
        })
    }

    /// Reads the same and `ceil_mode`, for pools.
    pub fn read_with_ceil_mode(reader: &AttributeReader) -> Result<Self, Reason> {
        Ok(WindowAttributes { ceil_mode: reader.flag("ceil_mode", false)?, ..Self::read(reader)? })
    }

    /// The window over an input of these spatial sizes, its size taken from `kernel_shape`.
    pub fn resolve(&self, input: &[usize]) -> Result<Window, Reason> {
        let kernel = self.kernel.as_ref().ok_or("attribute kernel_shape is missing")?;
        self.resolve_with(input, kernel)
    }

    /// The window over an input of these spatial sizes, its size taken from the weights' shape.
    pub fn resolve_with(&self, input: &[usize], kernel: &[usize]) -> Result<Window, Reason> {
        let rank = input.len();
        if !(1..=3).contains(&rank) {
            return Err(Reason(format!("{rank} spatial dimensions are not supported, only 1 to 3")));
        }
        if let Some(stated) = &self.kernel
            && stated.as_slice() != kernel
        {
            return Err(Reason(format!("kernel_shape is {stated:?}, the weights' is {kernel:?}")));
        }
        let kernel = list("kernel_shape", Some(kernel), rank, 1)?;
        let strides = list("strides", self.strides.as_deref(), rank, 1)?;
        let dilations = list("dilations", self.dilations.as_deref(), rank, 1)?;
        for (name, values) in [("kernel_shape", &kernel), ("strides", &strides), ("dilations", &dilations)] {
            if values.contains(&0) {
                return Err(Reason(format!("attribute {name} has a zero")));
            }
        }
        let pads = list("pads", self.pads.as_deref(), rank * 2, 0)?;
        let mut window = Window {
            input: [1; 3],
            output: [1; 3],
            kernel: [1; 3],
            strides: [1; 3],
            dilations: [1; 3],
            pads_begin: [0; 3],
            pads_end: [0; 3],
            rank,
        };
        for d in 0..rank {
            let axis =
                Axis { input: input[d], kernel: kernel[d], stride: strides[d], dilation: dilations[d] };
            let place = 3 - rank + d;
            let (output, begin, end) = self.resolve_axis(axis, pads[d], pads[rank + d])?;
            window.input[place] = axis.input;
            window.output[place] = output;
            window.kernel[place] = axis.kernel;
            window.strides[place] = axis.stride;
            window.dilations[place] = axis.dilation;
            window.pads_begin[place] = begin;
            window.pads_end[place] = end;
        }
        Ok(window)
    }

    /// Output size, padding in front and padding behind.
    fn resolve_axis(&self, axis: Axis, begin: usize, end: usize) -> Result<(usize, usize, usize), Reason> {
        let extent = axis.extent()?;
        let Axis { input, stride, .. } = axis;
        let (begin, end) = match self.auto_pad {
            AutoPad::NotSet => (begin, end),
            AutoPad::Valid => (0, 0),
            AutoPad::SameUpper | AutoPad::SameLower => {
                let last = (input.max(1) - 1) / stride * stride;
                let total = (last + extent).saturating_sub(input);
                let half = total / 2;
                if self.auto_pad == AutoPad::SameUpper { (half, total - half) } else { (total - half, half) }
            }
        };
        let padded = input.checked_add(begin).and_then(|n| n.checked_add(end)).filter(|&n| n < LIMIT);
        let padded = padded.ok_or("the padded input is too large")?;
        let room = padded.checked_sub(extent).ok_or_else(|| {
            Reason(format!("the window of {extent} is larger than the padded input of {padded}"))
        })?;
        let mut output = room / stride + 1;
        // With auto_pad both roundings give the same size.
        let rounds_up = self.ceil_mode && self.auto_pad == AutoPad::NotSet && !room.is_multiple_of(stride);
        // A window that would start in the padding behind is left out. `output * stride` is at most
        // `room + stride`, and both are below the limit.
        if rounds_up && output * stride < input + begin {
            output += 1;
        }
        Ok((output, begin, end))
    }
}

/// What a transposed convolution says of its output: which of the sizes that a stride leaves open is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputAttributes {
    padding: Option<Vec<usize>>,
    shape: Option<Vec<usize>>,
}

impl OutputAttributes {
    /// Reads `output_padding` and `output_shape`.
    pub fn read(reader: &AttributeReader) -> Result<Self, Reason> {
        Ok(OutputAttributes {
            padding: reader.sizes("output_padding")?,
            shape: reader.sizes("output_shape")?,
        })
    }

    /// The spatial sizes that the output must have, where the node states them; early exporters wrote the batch
    /// and the channels in front.
    fn sizes(&self, rank: usize) -> Result<Option<&[usize]>, Reason> {
        match self.shape.as_deref() {
            Some(sizes) if sizes.len() == rank + 2 => Ok(Some(&sizes[2..])),
            Some(sizes) if sizes.len() != rank => {
                Err(Reason(format!("output_shape {sizes:?} is not of rank {rank}")))
            }
            sizes => Ok(sizes),
        }
    }
}

impl WindowAttributes {
    /// The window that a transposed convolution spreads inputs of these spatial sizes over.
    pub fn resolve_transposed(
        &self,
        input: &[usize],
        kernel: &[usize],
        output: &OutputAttributes,
    ) -> Result<Window, Reason> {
        let rank = input.len();
        // Checks lists and sizes alike; the padding of its output is not that of a convolution.
        let plain = WindowAttributes { pads: None, auto_pad: AutoPad::SameUpper, ..self.clone() };
        let mut window = plain.resolve_with(input, kernel)?;
        let pads = list("pads", self.pads.as_deref(), rank * 2, 0)?;
        let padding = list("output_padding", output.padding.as_deref(), rank, 0)?;
        let sizes = output.sizes(rank)?;
        for d in 0..rank {
            let place = 3 - rank + d;
            let stated = match (sizes, self.auto_pad) {
                (Some(sizes), _) => Some(sizes[d]),
                (None, AutoPad::SameUpper | AutoPad::SameLower) => Some(
                    window.input[place]
                        .checked_mul(window.strides[place])
                        .ok_or("the output is too large")?,
                ),
                (None, _) => None,
            };
            let whole = window.spread(place, padding[d])?;
            let (begin, end) = match stated {
                None => (pads[d], pads[rank + d]),
                Some(size) => self.share_padding(whole.saturating_sub(size)),
            };
            let cut = begin.checked_add(end).and_then(|cut| whole.checked_sub(cut));
            let size = stated.or(cut).filter(|&size| size > 0 && size < LIMIT);
            window.output[place] = size.ok_or("the output is empty or too large")?;
            (window.pads_begin[place], window.pads_end[place]) = (begin, end);
        }
        Ok(window)
    }

    /// The padding in front and behind: with an odd one it goes behind for SAME_UPPER, in front otherwise.
    fn share_padding(&self, total: usize) -> (usize, usize) {
        let half = total / 2;
        if self.auto_pad == AutoPad::SameUpper { (half, total - half) } else { (total - half, half) }
    }
}

/// Beyond this, positions would not fit the 32-bit arithmetic of shaders.
const LIMIT: usize = 1 << 30;

#[derive(Clone, Copy)]
struct Axis {
    input: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
}

impl Axis {
    /// From the window's first element to its last, both counted.
    fn extent(&self) -> Result<usize, Reason> {
        let extent = (self.kernel - 1).checked_mul(self.dilation).and_then(|n| n.checked_add(1));
        let extent = extent.filter(|&n| n < LIMIT).ok_or("the dilated window is too large")?;
        if self.input >= LIMIT || self.stride >= LIMIT || self.dilation >= LIMIT {
            return Err("input, stride or dilation is too large".into());
        }
        Ok(extent)
    }
}

fn list(name: &str, given: Option<&[usize]>, length: usize, default: usize) -> Result<Vec<usize>, Reason> {
    match given {
        None => Ok(vec![default; length]),
        Some(values) if values.len() == length => Ok(values.to_vec()),
        Some(values) => {
            Err(Reason(format!("{name} has {} entries where {length} are expected", values.len())))
        }
    }
}

impl Window {
    /// Whether windows of two by two pixels cover a plane side by side, but for an odd last row or column.
    pub fn halves_planes(&self) -> bool {
        let [_, height, width] = self.input;
        self.rank == 2
            && self.kernel == [1, 2, 2]
            && self.strides == [1, 2, 2]
            && self.dilations == [1; 3]
            && self.pads_begin == [0; 3]
            && self.output == [1, height / 2, width / 2]
    }

    /// The output's spatial sizes, as many as the tensor has.
    pub fn output_sizes(&self) -> &[usize] {
        &self.output[3 - self.rank..]
    }

    /// Elements under the window.
    pub fn elements(&self) -> usize {
        self.kernel.iter().product()
    }

    /// The elements of the kernel that fall inside the input, for an output position along one axis
    /// (0 is depth): pairs of kernel index and input position.
    pub fn taps(&self, axis: usize, output: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (start, begin) = (output * self.strides[axis], self.pads_begin[axis]);
        let (dilation, input) = (self.dilations[axis], self.input[axis]);
        (0..self.kernel[axis]).filter_map(move |k| {
            let position = (start + k * dilation).checked_sub(begin)?;
            (position < input).then_some((k, position))
        })
    }

    /// The taps that reach an output position of a transposed convolution along one axis, and the inputs that they bring there:
    /// pairs of kernel index and input position.
    pub fn sources(&self, axis: usize, output: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (reach, dilation) = (output + self.pads_begin[axis], self.dilations[axis]);
        let (stride, input) = (self.strides[axis], self.input[axis]);
        (0..self.kernel[axis]).filter_map(move |k| {
            let start = reach.checked_sub(k * dilation)?;
            (start.is_multiple_of(stride) && start / stride < input).then_some((k, start / stride))
        })
    }

    /// How many elements of the kernel fall inside the padded input at an output position along one axis.
    pub fn padded_taps(&self, axis: usize, output: usize) -> usize {
        let end = self.pads_begin[axis] + self.input[axis] + self.pads_end[axis];
        let room = end.saturating_sub(output * self.strides[axis]);
        room.div_ceil(self.dilations[axis]).min(self.kernel[axis])
    }

    /// The windows of some outputs along one axis, over the inputs along it that lie under them: those of the result
    /// are counted from the first. No window may lie outside of the input.
    pub fn part(&self, axis: usize, outputs: Range<usize>) -> (Window, Range<usize>) {
        let extent = (self.kernel[axis] - 1) * self.dilations[axis] + 1;
        let (start, pad) = (outputs.start * self.strides[axis], self.pads_begin[axis]);
        let end = (outputs.end - 1) * self.strides[axis] + extent;
        let first = start.saturating_sub(pad);
        let last = end.saturating_sub(pad).min(self.input[axis]);
        let mut part = *self;
        part.input[axis] = last - first;
        part.output[axis] = outputs.len();
        part.pads_begin[axis] = pad.saturating_sub(start);
        // What lies behind the whole input, where these windows reach it.
        part.pads_end[axis] = if last == self.input[axis] { self.pads_end[axis] } else { 0 };
        (part, first..last)
    }

    /// The same for a transposed convolution: some outputs along one axis, and the inputs that reach them.
    pub fn transposed_part(&self, axis: usize, outputs: Range<usize>) -> (Window, Range<usize>) {
        let reach = (self.kernel[axis] - 1) * self.dilations[axis];
        let (stride, pad) = (self.strides[axis], self.pads_begin[axis]);
        // An input at i reaches the outputs from i * stride - pad on. The first is taken no later than that one whose
        // reach begins with the outputs, so that what is left of the padding is not negative.
        let begin = outputs.start + pad;
        let first =
            begin.saturating_sub(reach).div_ceil(stride).min(begin / stride).min(self.input[axis] - 1);
        let last = ((outputs.end - 1 + pad) / stride + 1).clamp(first + 1, self.input[axis]);
        let mut part = *self;
        part.input[axis] = last - first;
        part.output[axis] = outputs.len();
        part.pads_begin[axis] = begin - first * stride;
        (part, first..last)
    }

    /// How far the windows of all inputs reach along one axis, for a transposed convolution.
    fn spread(&self, d: usize, output_padding: usize) -> Result<usize, Reason> {
        let steps = self.strides[d].checked_mul(self.input[d].saturating_sub(1));
        let extent = (self.kernel[d] - 1) * self.dilations[d] + 1;
        let reach = steps.and_then(|n| n.checked_add(extent)).and_then(|n| n.checked_add(output_padding));
        reach.filter(|&n| n < LIMIT).ok_or_else(|| "the output is too large".into())
    }

    /// Whether the window moves or reaches along the depth: else a volume is a batch of planes.
    pub fn is_deep(&self) -> bool {
        self.output[0] != self.input[0]
            || self.kernel[0] != 1
            || self.strides[0] != 1
            || self.pads_begin[0] != 0
    }

    /// Whether every window holds at least one element of the input; sure, not sharp.
    pub fn always_covers_input(&self) -> bool {
        (0..3).all(|d| {
            let extent = (self.kernel[d] - 1) * self.dilations[d] + 1;
            let never_outside = self.pads_begin[d] == 0 && self.pads_end[d] == 0;
            // A window that begins before the input steps into it when no step is longer than the input.
            let steps_inside = self.input[d] >= self.dilations[d];
            self.input[d] > 0
                && self.pads_begin[d] < extent
                && self.pads_end[d] < extent
                && (never_outside || steps_inside)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::attributes::{Attribute, Attributes};

    fn window(attributes: &[(&str, Attribute)], input: &[usize]) -> Result<Window, Reason> {
        let attributes: Attributes = attributes.iter().map(|(n, v)| (n.to_string(), v.clone())).collect();
        WindowAttributes::read_with_ceil_mode(&AttributeReader::new(&attributes, 17))?.resolve(input)
    }

    fn ints(name: &'static str, values: &[i64]) -> (&'static str, Attribute) {
        (name, Attribute::Ints(values.to_vec()))
    }

    fn text(value: &str) -> (&'static str, Attribute) {
        ("auto_pad", Attribute::Text(value.into()))
    }

    #[test]
    fn sizes_are_those_of_the_specification() {
        let kernel = ints("kernel_shape", &[3, 3]);
        let stride = ints("strides", &[2, 2]);
        let valid = window(&[kernel.clone(), stride.clone()], &[208, 176]).unwrap();
        assert_eq!(valid.output, [1, 103, 87]);
        let ceil = [kernel.clone(), stride.clone(), ("ceil_mode", Attribute::Int(1))];
        assert_eq!(window(&ceil, &[208, 176]).unwrap().output, [1, 104, 88]);
        let same = window(&[kernel.clone(), stride.clone(), text("SAME_UPPER")], &[208, 175]).unwrap();
        assert_eq!((same.output, same.pads_begin, same.pads_end), ([1, 104, 88], [0, 0, 1], [0, 1, 1]));
        let lower = window(&[kernel, stride, text("SAME_LOWER")], &[208, 175]).unwrap();
        assert_eq!((lower.output, lower.pads_begin, lower.pads_end), ([1, 104, 88], [0, 1, 1], [0, 0, 1]));
    }

    #[test]
    fn one_dimension_is_a_volume_of_height_one() {
        let w = window(&[ints("kernel_shape", &[2]), ints("dilations", &[3]), ints("pads", &[1, 2])], &[7]);
        let w = w.unwrap();
        assert_eq!((w.output, w.output_sizes()), ([1, 1, 7], &[7][..]));
        assert_eq!(w.taps(2, 0).collect::<Vec<_>>(), [(1, 2)]);
        assert_eq!(w.taps(2, 1).collect::<Vec<_>>(), [(0, 0), (1, 3)]);
        assert_eq!((w.padded_taps(2, 0), w.padded_taps(2, 6)), (2, 2));
    }

    #[test]
    fn no_window_starts_in_the_padding_behind() {
        let attributes = [
            ints("kernel_shape", &[3]),
            ints("strides", &[3]),
            ints("pads", &[1, 1]),
            ("ceil_mode", Attribute::Int(1)),
        ];
        // Padded to 4: windows at 0 and 3, the second in the padding.
        assert_eq!(window(&attributes, &[2]).unwrap().output, [1, 1, 1]);
        assert_eq!(window(&attributes, &[3]).unwrap().output, [1, 1, 2]);
    }

    #[test]
    fn hostile_values_are_refused() {
        let kernel = || ints("kernel_shape", &[3, 3]);
        let bad = [
            vec![],
            vec![ints("kernel_shape", &[3])],
            vec![ints("kernel_shape", &[0, 3])],
            vec![ints("kernel_shape", &[9, 3])],
            vec![ints("kernel_shape", &[i64::MAX, i64::MAX])],
            vec![kernel(), ints("strides", &[0, 1])],
            vec![kernel(), ints("strides", &[i64::MAX, 1])],
            vec![kernel(), ints("dilations", &[1, 0])],
            vec![kernel(), ints("dilations", &[i64::MAX, 1])],
            vec![kernel(), ints("pads", &[-1, 0, 0, 0])],
            vec![kernel(), ints("pads", &[i64::MAX, 0, i64::MAX, 0])],
            vec![kernel(), ints("pads", &[1, 1])],
            vec![kernel(), ints("pads", &[1, 1, 1, 1]), text("SAME_UPPER")],
            vec![kernel(), text("SAME")],
        ];
        for attributes in bad {
            assert!(window(&attributes, &[8, 8]).is_err(), "{attributes:?}");
        }
        assert!(window(&[kernel()], &[0, 8]).is_err());
        assert!(window(&[kernel()], &[8, 8, 8]).is_err());
        assert!(window(&[ints("kernel_shape", &[1, 1, 1, 1])], &[8, 8, 8, 8]).is_err());
    }
}
