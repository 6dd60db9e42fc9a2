//! What the graph's passes make of several nodes, and the small networks on which it is held against the twins of the
//! nodes that it replaces. No ONNX operator is behind it, so no network can ask for it by name.

use std::sync::Arc;

use super::case::values;
use super::kernel::Kernel;
use crate::graph::attributes::{Attribute, Attributes};
use crate::graph::network::{Dim, Network, NodeDef, ValueDef};
use crate::tensor::{DType, Tensor};

/// Several nodes that become one.
pub struct Fusion {
    pub name: &'static str,
    /// The kernels that compute it, the default first.
    pub kernels: &'static [&'static Kernel],
    /// Networks all of whose nodes become one.
    pub cases: fn() -> Vec<FusedCase>,
}

/// A network of several nodes with the tensors to run it on; the last node's value is the output.
#[derive(Debug, Clone)]
pub struct FusedCase {
    pub network: Network,
    pub inputs: Vec<Tensor>,
}

impl FusedCase {
    pub fn new(name: impl Into<String>) -> Self {
        let network = Network {
            name: name.into(),
            opset: 17,
            nodes: Vec::new(),
            constants: Default::default(),
            inputs: Vec::new(),
            outputs: Vec::new(),
        };
        FusedCase { network, inputs: Vec::new() }
    }

    /// A run-time input with seeded values.
    pub fn given(mut self, name: &str, shape: &[usize]) -> Self {
        let dims = Some(shape.iter().map(|&d| Dim::Fixed(d)).collect());
        self.network.inputs.push(ValueDef { name: name.into(), dtype: DType::F32, dims });
        self.inputs.push(values(shape, self.inputs.len() as u64));
        self
    }

    /// A node named like its value.
    pub fn node(mut self, operator: &str, inputs: &[&str], output: &str) -> Self {
        self.network.nodes.push(NodeDef {
            name: output.into(),
            operator: operator.into(),
            inputs: inputs.iter().map(|name| name.to_string()).collect(),
            outputs: vec![output.into()],
            attributes: Attributes::new(),
        });
        self.network.outputs = vec![ValueDef { name: output.into(), dtype: DType::F32, dims: None }];
        self
    }

    /// A list attribute of the last node.
    pub fn ints(mut self, name: &str, list: &[i64]) -> Self {
        if let Some(node) = self.network.nodes.last_mut() {
            node.attributes.insert(name.into(), Attribute::Ints(list.to_vec()));
        }
        self
    }

    /// An enlargement of planes `[N, C, H, W]` by nearest neighbours, `times` along y and x.
    pub fn enlarge(mut self, input: &str, output: &str, times: [u8; 2]) -> Self {
        let name = format!("{output}.scales");
        let scales = [1.0, 1.0, f32::from(times[0]), f32::from(times[1])];
        if let Ok(tensor) = Tensor::from_f32([4], scales.to_vec()) {
            self.network.constants.insert(name.clone(), Arc::new(tensor));
        }
        self.node("Resize", &[input, "", &name], output)
            .text("coordinate_transformation_mode", "asymmetric")
            .text("nearest_mode", "floor")
    }

    /// An integer attribute of the last node.
    pub fn int(mut self, name: &str, value: i64) -> Self {
        if let Some(node) = self.network.nodes.last_mut() {
            node.attributes.insert(name.into(), Attribute::Int(value));
        }
        self
    }

    /// A number as an attribute of the last node.
    pub fn float(mut self, name: &str, value: f32) -> Self {
        if let Some(node) = self.network.nodes.last_mut() {
            node.attributes.insert(name.into(), Attribute::Float(value));
        }
        self
    }

    /// A text attribute of the last node.
    fn text(mut self, name: &str, value: &str) -> Self {
        if let Some(node) = self.network.nodes.last_mut() {
            node.attributes.insert(name.into(), Attribute::Text(value.into()));
        }
        self
    }

    /// A convolution without bias; its weights are so small that its results are of the size of its inputs. Its padding
    /// is stated, since rten wants it to be.
    pub fn conv(self, input: &str, output: &str, weights: &[usize]) -> Self {
        let name = format!("{output}.w");
        let scale = 1.0 / (weights[1..].iter().product::<usize>() as f32).sqrt();
        let padding = vec![0; (weights.len() - 2) * 2];
        self.node("Conv", &[input, &name], output)
            .ints("pads", &padding)
            .constant(&name, weights, |v| v * scale)
    }

    /// The same transposed, with weights `[in, out / group, ..]`.
    pub fn conv_transpose(self, input: &str, output: &str, weights: &[usize]) -> Self {
        let name = format!("{output}.w");
        let scale = 1.0 / (weights[0] as f32).sqrt();
        self.node("ConvTranspose", &[input, &name], output).constant(&name, weights, |v| v * scale)
    }

    /// A dense layer without bias; its weights are so small that its results are of the size of its inputs.
    pub fn dense(self, input: &str, output: &str, weights: &[usize; 2]) -> Self {
        let name = format!("{output}.w");
        let scale = 2.0 / (weights[0] as f32).sqrt();
        self.node("Gemm", &[input, &name], output).constant(&name, weights, |v| v * scale)
    }

    /// A bias for the last node.
    pub fn bias(mut self, channels: usize) -> Self {
        let Some(node) = self.network.nodes.last_mut() else { return self };
        let name = format!("{}.b", node.name);
        node.inputs.push(name.clone());
        self.constant(&name, &[channels], |v| v * 0.5)
    }

    /// A batch normalisation.
    pub fn norm(self, input: &str, output: &str, channels: usize) -> Self {
        let [scale, shift, mean, variance] = ["s", "t", "m", "v"].map(|p| format!("{output}.{p}"));
        self.node("BatchNormalization", &[input, &scale, &shift, &mean, &variance], output)
            .constant(&scale, &[channels], |v| v + 0.5)
            .constant(&shift, &[channels], |v| v * 0.5)
            .constant(&mean, &[channels], |v| v * 0.25)
            .constant(&variance, &[channels], |v| v.abs() + 0.5)
    }

    fn constant(mut self, name: &str, shape: &[usize], map: impl Fn(f32) -> f32) -> Self {
        let seeded = values(shape, 100 + self.network.constants.len() as u64);
        let data: Vec<f32> =
            seeded.as_f32().map(|data| data.iter().map(|&v| map(v)).collect()).unwrap_or_default();
        let tensor = Tensor::from_f32(shape, data).unwrap_or(seeded);
        self.network.constants.insert(name.into(), Arc::new(tensor));
        self
    }
}
