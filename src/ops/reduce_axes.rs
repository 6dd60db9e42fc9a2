//! Reductions over axes that a node states: what the ReduceX operators share.
//!
//! Negative axes since opset 11. The axes moved from an attribute to an input, at opset 13 for ReduceSum and at
//! 18 for all others; since then `noop_with_empty_axes` says what their absence means: every element is
//! reduced by itself, instead of all together.
//!
//! f32 is reduced on a device, integers only where they are known when the network is loaded.

use std::sync::Arc;

use super::axes::{self, Axes};
use super::case::{Case, CaseInput, values};
use super::folded::from_ints;
use super::rearrange::{expect_elements, infos};
use super::reduce::{self, Reduction, by_row, reduced_shape, terms};
use super::{Info, Op, Reason, TensorType, Tolerance, required};
use crate::graph::attributes::AttributeReader;
use crate::plan::lowering::Lowering;
use crate::tensor::{DType, Data, Tensor};

/// The support table's words for all of them.
pub const LIMITS: &str = "axes must be constant; integers only where known at load";

/// A node that reduces.
#[derive(Debug)]
pub struct Reduce {
    reduction: Reduction,
    axes: Axes,
    keep_dims: bool,
    noop: bool,
}

impl Reduce {
    /// Reads a node whose operator's axes became an input in operator set `moved`.
    pub fn read(
        reduction: Reduction,
        attributes: &AttributeReader,
        moved: i64,
    ) -> Result<Arc<dyn Op>, Reason> {
        let noop = attributes.opset >= moved && attributes.flag("noop_with_empty_axes", false)?;
        let axes = axes::read(attributes, moved)?;
        Ok(Arc::new(Reduce { reduction, axes, keep_dims: attributes.flag("keepdims", true)?, noop }))
    }

    /// The axes to reduce, sorted.
    fn axes(&self, inputs: &[Option<Info>]) -> Result<Vec<usize>, Reason> {
        let rank = required(inputs, 0)?.shape.rank();
        match self.axes.known(inputs)? {
            Some(axes) if !axes.is_empty() => {
                let mut axes = axes::resolve(&axes, rank)?;
                axes.sort_unstable();
                Ok(axes)
            }
            _ if self.noop => Ok(Vec::new()),
            _ => Ok((0..rank).collect()),
        }
    }

    fn expect_type(&self, x: &Info) -> Result<(), Reason> {
        let is_extremum = matches!(self.reduction, Reduction::Max | Reduction::Min);
        match x.dtype {
            DType::F32 => Ok(()),
            DType::Bool if is_extremum => Ok(()),
            DType::Bool => Err("element type bool is not supported here".into()),
            _ if x.value.is_some() => Ok(()),
            other => Err(Reason(format!("{other} values that the network computes are not supported"))),
        }
    }

    fn run_integers(&self, x: &Tensor, axes: &[usize]) -> Result<Tensor, Reason> {
        let results = by_row(x.shape(), axes, &x.to_i64s()?, |row| self.reduction.of_integers(row))?;
        let results: Vec<i64> = results.into_iter().collect::<Result<_, _>>()?;
        let shape = TensorType::new(reduced_shape(x.shape(), axes, self.keep_dims), x.dtype())?.shape;
        if x.dtype() == DType::Bool {
            return Ok(Tensor::new(shape.to_vec(), Data::Bool(results.iter().map(|&v| v != 0).collect()))?);
        }
        from_ints(&shape, results, x.dtype())
    }
}

impl Op for Reduce {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        let x = required(inputs, 0)?;
        self.expect_type(x)?;
        // What reducing nothing gives is defined, but no device buffer holds nothing.
        if x.value.is_none() {
            expect_elements(&x.shape)?;
        }
        Ok(vec![TensorType::new(reduced_shape(&x.shape, &self.axes(inputs)?, self.keep_dims), x.dtype)?])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let (x, axes) = (*required(inputs, 0)?, self.axes(&infos(inputs))?);
        let result = match x.dtype() {
            DType::F32 => reduce::run(self.reduction, inputs, &axes, self.keep_dims)?,
            _ => self.run_integers(x, &axes)?,
        };
        Ok(vec![result])
    }

    fn is_view(&self, inputs: &[Option<Info>]) -> bool {
        let is_single = |x: &Info| self.axes(inputs).is_ok_and(|axes| terms(&x.shape, &axes) == 1);
        self.reduction.is_identity_on_one() && required(inputs, 0).is_ok_and(is_single)
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let axes = self.axes(&node.infos())?;
        reduce::lower(self.reduction, node, &axes)
    }

    fn known_inputs(&self) -> std::ops::Range<usize> {
        1..2
    }

    fn tolerance(&self, inputs: &[Option<Info>]) -> Tolerance {
        let terms = required(inputs, 0).and_then(|x| Ok(terms(&x.shape, &self.axes(inputs)?)));
        reduce::tolerance(self.reduction, terms.unwrap_or(1))
    }

    fn magnitudes(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let axes = self.axes(&infos(inputs))?;
        Ok(vec![reduce::magnitudes(self.reduction, inputs, &axes, self.keep_dims)?])
    }
}

/// Cases for an operator whose axes became an input in operator set `moved`, on values that `domain` makes of
/// seeded ones.
pub fn cases(operator: &'static str, moved: i64, domain: fn(f32) -> f32) -> Vec<Case> {
    let case = |name: &str, shape: &[usize]| Case::new(operator, name).with(given(shape, domain));
    let along = |name: &str, shape: &[usize], axes: &[i64]| with_axes(case(name, shape), moved, axes);
    vec![
        case("one", &[1, 1]),
        case("all", &[2, 3, 5]),
        along("pixels", &[2, 5, 4, 7], &[2, 3]),
        along("pixels dropped", &[2, 6, 4, 7], &[-1, -2]).int("keepdims", 0),
        along("many pixels", &[1, 3, 41, 53], &[2, 3]),
        along("channels", &[2, 5, 4, 7], &[1]),
        along("rows and samples", &[2, 5, 4, 7], &[0, 2]).int("keepdims", 0),
        along("every other axis", &[2, 3, 2, 5, 3, 4, 2, 3], &[1, 3, 5, 7]),
        along("axes of one element", &[3, 1, 5, 1], &[1, 3]).int("keepdims", 0),
        along("rows of 214", &[3, 214], &[1]),
        along("columns of 218", &[218, 3], &[0]),
        along("planes of 255", &[2, 255, 3], &[1]),
        case("everything dropped", &[3, 65]).int("keepdims", 0),
        case("axes input", &[2, 5, 3]).opset(18).integers(&[-1]),
        case("every element by itself", &[2, 5]).opset(18).int("noop_with_empty_axes", 1),
    ]
}

/// Cases for the largest or smallest element, which one past a row's end would be.
pub fn extremum_cases(operator: &'static str, moved: i64) -> Vec<Case> {
    let along = |name: &str, by: f32| with_axes(Case::new(operator, name).growing(&[5, 37], by), moved, &[1]);
    let mut all = cases(operator, moved, |v| v);
    all.extend([along("growing rows", 0.25), along("falling rows", -0.25)]);
    all.push(with_axes(Case::new(operator, "rows of one").growing(&[6, 1], 1.0), moved, &[1]));
    all
}

/// Cases just past 65,535 workgroups for every kernel of the family: one operator runs them for all.
pub fn cases_past_one_grid_row(operator: &'static str, moved: i64) -> Vec<Case> {
    let along = |name: &str, shape: &[usize], axes: &[i64]| {
        with_axes(Case::new(operator, name).given(shape), moved, axes)
    };
    vec![
        along("65,537 workgroups of rows", &[2, 65_536 * 64 + 3], &[0]),
        along("65,537 rows of a workgroup", &[65_537, 8], &[1]),
        along("65,537 groups of channels", &[1, 65_536 * 4 + 1, 1, 2], &[2, 3]),
    ]
}

fn with_axes(case: Case, moved: i64, axes: &[i64]) -> Case {
    if case.opset >= moved { case.integers(axes) } else { case.ints("axes", axes) }
}

fn given(shape: &[usize], domain: fn(f32) -> f32) -> CaseInput {
    let data = values(shape, 0).as_f32().map(|v| v.iter().copied().map(domain).collect()).unwrap_or_default();
    Tensor::from_f32(shape, data).map_or(CaseInput::Absent, CaseInput::Given)
}
