//! The operators: one file each, all listed in [`OPS`].
//!
//! Import, the coverage check, `gyrus ops`, the kernel tests and the documentation iterate that list, so
//! an operator is added by writing its file and naming it here.

mod abs;
pub mod activation;
mod add;
mod and;
mod arg_extremum;
mod arg_max;
mod arg_min;
pub mod attention_gate;
mod average_pool;
mod axes;
mod batch_normalization;
pub mod broadcast;
pub mod case;
mod cast;
mod ceil;
mod celu;
mod choice;
mod clip;
mod concat;
mod constant;
mod constant_of_shape;
pub(crate) mod conv;
mod conv_transpose;
pub(crate) mod dense_softmax;
mod depth_to_space;
mod div;
mod dropout;
mod elu;
pub mod epilogue;
mod equal;
mod erf;
mod exp;
mod expand;
mod flatten;
mod floor;
mod folded;
pub mod fusion;
mod gather;
mod gelu;
mod gemm;
mod global_average_pool;
mod global_lp_pool;
mod global_max_pool;
mod global_pool;
mod greater;
mod greater_or_equal;
mod group_normalization;
mod hard_sigmoid;
mod hard_swish;
mod hardmax;
pub mod identity;
mod instance_normalization;
pub mod kernel;
mod layer_normalization;
mod leaky_relu;
mod less;
mod less_or_equal;
mod list;
mod log;
mod log_softmax;
mod lp_normalization;
mod lrn;
mod mat_mul;
mod max;
mod max_pool;
mod mean;
mod mean_variance_normalization;
mod min;
mod mish;
mod moved;
mod mul;
mod neg;
mod normalize;
mod not;
mod or;
mod p_relu;
mod pad;
mod pieces;
pub mod pixel_product;
mod pointwise;
mod pool;
mod pow;
pub mod product;
mod range;
mod rearrange;
mod reciprocal;
mod reduce;
mod reduce_axes;
mod reduce_l1;
mod reduce_l2;
mod reduce_log_sum;
mod reduce_log_sum_exp;
mod reduce_max;
mod reduce_mean;
mod reduce_min;
mod reduce_prod;
mod reduce_sum;
mod reduce_sum_square;
mod relu;
mod resample;
mod reshape;
mod resize;
mod rms_normalization;
mod round;
mod rows;
mod selu;
mod shape;
mod sigmoid;
mod sign;
mod size;
mod slice;
mod softmax;
mod softmax_rows;
mod softplus;
mod softsign;
mod space_to_depth;
mod split;
mod sqrt;
mod squeeze;
mod sub;
mod sum;
mod swish;
mod tanh;
mod thresholded_relu;
mod tile;
mod transpose;
mod trilu;
mod unsqueeze;
mod variadic;
mod view;
mod window;
mod xor;

use std::fmt::Debug;
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::error::Error;
use crate::graph::attributes::AttributeReader;
use crate::plan::lowering::{LAYOUT_KERNELS, Lowering};
use crate::tensor::{DType, Shape, Tensor};
use case::Case;
use epilogue::{Epilogue, Stage};
use kernel::Kernel;
pub use list::{FUSIONS, OPS};
use pixel_product::PixelProduct;
use product::Product;

/// Why an operator cannot do what a node asks; the caller adds which node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(pub String);

impl From<&str> for Reason {
    fn from(text: &str) -> Self {
        Reason(text.to_string())
    }
}

impl From<String> for Reason {
    fn from(text: String) -> Self {
        Reason(text)
    }
}

impl From<Error> for Reason {
    fn from(error: Error) -> Self {
        match error {
            Error::Tensor { reason, .. } => Reason(reason),
            other => Reason(other.to_string()),
        }
    }
}

/// Everything Gyrus knows of one ONNX operator.
pub struct Operator {
    /// ONNX's name.
    pub name: &'static str,
    /// The operator-set versions in which the file understands it.
    pub opsets: RangeInclusive<i64>,
    /// What is not supported, in words for the support table; empty when nothing is missing.
    pub limits: &'static str,
    /// Reads a node's attributes.
    pub load: fn(&AttributeReader) -> Result<Arc<dyn Op>, Reason>,
    /// The kernels its nodes may be lowered to, the default first.
    pub kernels: &'static [&'static Kernel],
    /// Small problems on which every kernel is held against the twin.
    pub cases: fn() -> Vec<Case>,
}

/// The type and shape of a value; its elements too where they are known when the network is loaded.
#[derive(Debug, Clone)]
pub struct Info {
    pub shape: Shape,
    pub dtype: DType,
    pub value: Option<Arc<Tensor>>,
}

/// The type and shape of an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorType {
    pub shape: Shape,
    pub dtype: DType,
}

impl TensorType {
    pub fn new(shape: impl Into<Vec<usize>>, dtype: DType) -> Result<Self, Reason> {
        Ok(TensorType { shape: Shape::new(shape)?, dtype })
    }
}

/// How far a kernel may be from its twin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tolerance {
    /// Bit for bit (zeros of either sign are equal): data is only moved or compared.
    Exact,
    /// Pointwise: this many units in the last place of the expected value.
    Ulps(f32),
    /// An exponential, or its product with something: the looser of WGSL's `3 + 2 |x|` units, where `x` is the exponent
    /// that the expected value tells, and WebNN's 32, and so many for what surrounds it.
    Exponential { ulps: f32 },
    /// A sum of products: `terms * eps * sum(|products|)`, which holds under cancellation too.
    Products { terms: usize },
}

/// A node's operator with its attributes read.
pub trait Op: Debug + Send + Sync {
    /// Types and shapes of the outputs.
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason>;

    /// The CPU twin: slow, obvious, sums in f64.
    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason>;

    /// Emits the steps that compute the node on a GPU.
    fn lower(&self, node: &mut Lowering) -> Result<(), Reason>;

    /// How far kernels may be from the twin.
    fn tolerance(&self, inputs: &[Option<Info>]) -> Tolerance;

    /// For [`Tolerance::Products`]: the sum of absolute products behind every element of the outputs.
    ///
    /// Without cancellation that is the result itself, so the twin on absolute values serves most operators.
    fn magnitudes(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let absolute: Vec<Option<Tensor>> = inputs.iter().map(|t| t.map(Tensor::absolute)).collect();
        self.run(&absolute.iter().map(Option::as_ref).collect::<Vec<_>>())
    }

    /// The twin for these elements of the one output; none where it computes all or nothing.
    fn run_at(&self, _inputs: &[Option<&Tensor>], _elements: &[usize]) -> Option<Result<Vec<f32>, Reason>> {
        None
    }

    /// [`Op::magnitudes`] for these elements of the one output, where there is [`Op::run_at`].
    fn magnitudes_at(
        &self,
        _inputs: &[Option<&Tensor>],
        _elements: &[usize],
    ) -> Option<Result<Vec<f32>, Reason>> {
        None
    }

    /// The outputs, where they follow from types and shapes alone.
    fn fold(&self, _inputs: &[Option<Info>]) -> Option<Vec<Tensor>> {
        None
    }

    /// Inputs that must be known when the network is loaded, by position.
    fn known_inputs(&self) -> std::ops::Range<usize> {
        0..0
    }

    /// Whether the outputs follow from the inputs' shapes, whatever their elements.
    fn follows_from_shapes(&self) -> bool {
        false
    }

    /// Multiplications with an addition that the node costs, for `inspect` and `bench`.
    fn multiply_adds(&self, _inputs: &[Option<Info>], _output: &Shape) -> u64 {
        0
    }

    /// Whether the output is the input's bytes under another shape (row-major): such a node costs no step.
    fn is_view(&self, _inputs: &[Option<Info>]) -> bool {
        false
    }

    /// The axis along which the node joins its inputs, if that is all it does.
    fn concat_axis(&self, _inputs: &[Option<Info>]) -> Option<usize> {
        None
    }

    /// This node as the last stage of the node that computes its input number `position`.
    fn as_stage(&self, _inputs: &[Option<Info>], _position: usize) -> Option<Stage> {
        None
    }

    /// This node with a stage added to its epilogue; `None` if it has no room for it.
    fn with_stage(&self, _stage: &Stage, _inputs: &[Option<Info>]) -> Option<Arc<dyn Op>> {
        None
    }

    /// Whether all the node does is to multiply two inputs, repeated to one shape.
    fn is_product(&self) -> bool {
        false
    }

    /// Whether the node can read an input from the storage that it writes, as another part of one concatenation.
    fn reads_in_place(&self, _position: usize) -> bool {
        false
    }

    /// This node as a matrix over the channels of each pixel of its first input, if that is all it does but for its
    /// fused tail; a residual is its last input.
    fn as_pixel_product(&self, _inputs: &[Option<Info>]) -> Option<PixelProduct> {
        None
    }

    /// How often this node repeats every pixel of its first input `[N, C, H, W]` along y and x, if that is all it does.
    fn as_enlargement(&self, _inputs: &[Option<Info>]) -> Option<[usize; 2]> {
        None
    }

    /// This node reading its first input as if every pixel were repeated so often along y and x; `inputs` are those
    /// of the enlarged input. `None` if it cannot.
    fn with_enlargement(&self, _times: [usize; 2], _inputs: &[Option<Info>]) -> Option<Arc<dyn Op>> {
        None
    }

    /// Whether all the node does is to keep the largest of every two by two pixels of a plane, without those of an odd
    /// last row or column.
    fn is_pool_by_two(&self, _inputs: &[Option<Info>]) -> bool {
        false
    }

    /// This node with such a pool after everything else it does; `None` if it cannot.
    fn with_pool_by_two(&self, _inputs: &[Option<Info>]) -> Option<Arc<dyn Op>> {
        None
    }

    /// This node as a product with constant weights and its fused tail, rows of at least one element along two dimensions.
    fn as_dense(&self, _inputs: &[Option<Info>]) -> Option<(Product, Epilogue)> {
        None
    }

    /// Whether all the node does is a softmax along the rows of a matrix.
    fn is_softmax_of_rows(&self, _inputs: &[Option<Info>]) -> bool {
        false
    }

    /// This node with a product over the pixels of another value, the new last input, where its residual was;
    /// `None` if it cannot add one to its sums.
    fn with_beside(&self, _product: &PixelProduct, _inputs: &[Option<Info>]) -> Option<Arc<dyn Op>> {
        None
    }
}

/// Reads a node: finds its operator and its attributes.
///
/// # Errors
/// An operator that is not in [`OPS`] or not in this operator set, an attribute that is not honoured.
pub fn load(operator: &str, attributes: &AttributeReader) -> Result<Arc<dyn Op>, Reason> {
    let found = OPS.iter().find(|o| o.name == operator).ok_or("operator not supported")?;
    if !found.opsets.contains(&attributes.opset) {
        let (first, last) = (found.opsets.start(), found.opsets.end());
        return Err(Reason(format!(
            "supported in operator sets {first} to {last}, not {}",
            attributes.opset
        )));
    }
    let op = (found.load)(attributes)?;
    attributes.finish()?;
    Ok(op)
}

/// Every kernel of every operator and fusion, and those that convert layouts; some appear more than once.
pub fn kernels() -> impl Iterator<Item = &'static Kernel> {
    let of_fusions = FUSIONS.iter().flat_map(|f| f.kernels);
    OPS.iter().flat_map(|o| o.kernels).chain(of_fusions).chain(LAYOUT_KERNELS).copied()
}

/// The input at a position, which the operator cannot do without.
pub fn required<T>(inputs: &[Option<T>], position: usize) -> Result<&T, Reason> {
    inputs
        .get(position)
        .and_then(Option::as_ref)
        .ok_or_else(|| Reason(format!("input {position} is missing")))
}

/// The input at a position that may be left out.
pub fn optional<T>(inputs: &[Option<T>], position: usize) -> Option<&T> {
    inputs.get(position).and_then(Option::as_ref)
}

/// An axis counted from the front; negative ones count from the back (ONNX).
pub fn axis(axis: i64, rank: usize) -> Result<usize, Reason> {
    let signed_rank = i64::try_from(rank).map_err(|_| Reason::from("rank too large"))?;
    let counted = if axis < 0 { axis.checked_add(signed_rank).unwrap_or(-1) } else { axis };
    match usize::try_from(counted) {
        Ok(a) if a < rank => Ok(a),
        _ => Err(Reason(format!("axis {axis} is outside a tensor of rank {rank}"))),
    }
}

/// A list of integers given as an input, which must be known when the network is loaded.
pub fn known_ints(inputs: &[Option<Info>], position: usize, what: &str) -> Result<Option<Vec<i64>>, Reason> {
    let Some(info) = optional(inputs, position) else { return Ok(None) };
    match &info.value {
        Some(value) => Ok(Some(value.to_i64s()?)),
        None => Err(Reason(format!("{what} is computed by the network, which is not supported"))),
    }
}

/// Refuses anything but f32, the type that networks run in.
pub fn expect_f32(info: &Info) -> Result<(), Reason> {
    match info.dtype {
        DType::F32 => Ok(()),
        other => Err(Reason(format!("element type {other} is not supported here, only f32"))),
    }
}
