//! A network made ready on the CPU engine: what is known of it by input shape.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::batch::Runs;
use super::{MAX_BATCH, MAX_READY};
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
    /// Where it is of one sample: how many of them are best computed at a time, a core each.
    at_a_time: usize,
}

impl CpuEngine {
    pub fn new() -> CpuEngine {
        CpuEngine { cpu: Cpu::new(), ready: BTreeMap::new() }
    }

    /// What the user must know of how the network runs.
    pub fn notice(&self) -> Option<&str> {
        self.cpu.notice()
    }

    /// How many samples of these shapes are best computed at a time, a core each; 1 where all cores share one.
    pub fn at_a_time(&mut self, network: &Network, sample: &[Shape]) -> usize {
        // The twins compute one after the other. A graph that cannot be had for one sample may be had for more.
        if self.cpu.is_on_twins() {
            1
        } else {
            self.ready(network, sample).map_or(1, |ready| ready.at_a_time)
        }
    }

    /// Runs the network on the inputs that `part` makes for each start, all of these shapes.
    ///
    /// # Errors
    /// As [`crate::Session::run`].
    pub fn run_parts<'a>(
        &mut self,
        file: &OnnxFile,
        shapes: &[Shape],
        runs: &Runs,
        part: impl Fn(usize) -> Result<Cow<'a, [Tensor]>> + Sync,
        mut taken: impl FnMut(Vec<Tensor>) -> Result<()>,
    ) -> Result<()> {
        let Runs { starts, at_a_time, .. } = runs;
        let graph = self.ready(&file.network, shapes)?.graph;
        if *at_a_time == 1 {
            return starts.iter().try_for_each(|&start| taken(self.cpu.run(file, &graph, &part(start)?)?));
        }
        // Not all at once: of so many the outputs are held until they are taken. No core idles but at the end.
        for starts in starts.chunks((MAX_BATCH / at_a_time).max(1) * at_a_time) {
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
        let ready = Ready { at_a_time: at_a_time(&graph), graph: Arc::new(graph) };
        self.ready.insert(shapes.to_vec(), ready.clone());
        Ok(ready)
    }
}

/// How many samples are best computed at a time, where this is the graph of one.
fn at_a_time(graph: &Graph) -> usize {
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
        assert_eq!([1, 63, 64].map(|rows| at_a_time(&product(rows))), [1, 1, cores()]);
    }
}
