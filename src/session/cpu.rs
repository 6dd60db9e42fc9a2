//! A network made ready on the CPU engine: what is known of it by input shape.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::batch::Part;
use super::{MAX_BATCH, MAX_READY, batch};
use crate::cpu::{Cpu, cores};
use crate::error::Result;
use crate::graph::network::Network;
use crate::graph::{self, Graph};
use crate::memory;
use crate::onnx::OnnxFile;
use crate::tensor::{Shape, Tensor};

/// Where a sample uses each weight this often, reading them anew for every sample costs nothing.
const USES: u64 = 64;

pub(super) struct CpuEngine {
    cpu: Cpu,
    ready: BTreeMap<Vec<Shape>, Ready>,
}

#[derive(Clone)]
struct Ready {
    graph: Arc<Graph>,
    /// Samples of this shape that are computed at a time, a core each; 1 where all cores share one.
    beside: usize,
}

impl CpuEngine {
    pub fn new() -> CpuEngine {
        CpuEngine { cpu: Cpu::new(), ready: BTreeMap::new() }
    }

    /// What the user must know of how the network runs.
    pub fn notice(&self) -> Option<&str> {
        self.cpu.notice()
    }

    /// How a batch of so many samples is run, each of these shapes.
    ///
    /// # Errors
    /// As [`crate::Session::run`].
    pub fn parts(&mut self, network: &Network, sample: &[Shape], samples: usize) -> Result<Vec<Part>> {
        let beside = if samples < cores() { 1 } else { self.beside(network, sample)? };
        Ok(batch::parts_beside(samples, beside))
    }

    /// How many samples of these shapes are computed at a time, a core each; 1 where all cores share one.
    ///
    /// # Errors
    /// As [`crate::Session::run`].
    pub fn beside(&mut self, network: &Network, sample: &[Shape]) -> Result<usize> {
        Ok(self.ready(network, sample)?.beside)
    }

    /// Runs the network on the inputs that `part` makes for each of `starts`, all of these shapes.
    ///
    /// # Errors
    /// As [`crate::Session::run`].
    pub fn run_parts<'a>(
        &mut self,
        file: &OnnxFile,
        shapes: &[Shape],
        starts: &[usize],
        part: impl Fn(usize) -> Result<Cow<'a, [Tensor]>> + Sync,
        mut taken: impl FnMut(Vec<Tensor>) -> Result<()>,
    ) -> Result<()> {
        let Ready { graph, beside } = self.ready(&file.network, shapes)?;
        // Fewer than there are cores would leave some of them idle.
        if beside == 1 || starts.len() < beside {
            return starts.iter().try_for_each(|&start| taken(self.cpu.run(file, &graph, &part(start)?)?));
        }
        // Not all at once: of so many the outputs are held until they are taken.
        for starts in starts.chunks(MAX_BATCH.max(beside)) {
            self.cpu.run_beside(file, &graph, starts, &part)?.into_iter().try_for_each(&mut taken)?;
        }
        Ok(())
    }

    fn ready(&mut self, network: &Network, shapes: &[Shape]) -> Result<Ready> {
        if let Some(ready) = self.ready.get(shapes) {
            return Ok(ready.clone());
        }
        let graph = graph::build(network, shapes)?;
        memory::check("the network at this input size", graph.peak_bytes())?;
        if self.ready.len() == MAX_READY {
            self.ready.clear();
        }
        let ready = Ready { beside: beside(&graph), graph: Arc::new(graph) };
        self.ready.insert(shapes.to_vec(), ready.clone());
        Ok(ready)
    }
}

/// How many samples of this graph are best computed at a time.
fn beside(graph: &Graph) -> usize {
    let constants = graph.values.iter().filter_map(|value| value.constant.as_deref());
    let weights: u64 = constants.map(|tensor| tensor.shape().elements() as u64).sum();
    let (cores, what) = (cores(), "a sample on each core");
    let has_room = || memory::check(what, graph.peak_bytes().saturating_mul(cores as u64)).is_ok();
    if graph.multiply_adds() / USES >= weights && has_room() { cores } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::attributes::Attributes;
    use crate::graph::network::{Dim, NodeDef, ValueDef};
    use crate::tensor::DType;

    /// `y = x w` for so many rows a sample.
    fn product(rows: usize) -> Graph {
        let dims = |last: usize| Some(vec![Dim::Named("N".into()), Dim::Fixed(rows), Dim::Fixed(last)]);
        let value = |name: &str, last| ValueDef { name: name.into(), dtype: DType::F32, dims: dims(last) };
        let node = NodeDef {
            name: "product".into(),
            operator: "MatMul".into(),
            inputs: vec!["x".into(), "w".into()],
            outputs: vec!["y".into()],
            attributes: Attributes::default(),
        };
        let weights = Tensor::from_f32([4, 8], vec![1.0; 32]).expect("a tensor");
        let network = Network {
            name: "n".into(),
            opset: 17,
            nodes: vec![node],
            constants: BTreeMap::from([("w".into(), Arc::new(weights))]),
            inputs: vec![value("x", 4)],
            outputs: vec![value("y", 8)],
        };
        graph::build(&network, &[Shape::new([1, rows, 4]).expect("a shape")]).expect("a graph")
    }

    #[test]
    fn samples_share_the_reading_of_weights_that_each_uses_seldom() {
        assert_eq!([1, 63, 64].map(|rows| beside(&product(rows))), [1, 1, cores()]);
    }
}
