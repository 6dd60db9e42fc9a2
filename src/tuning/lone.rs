//! One node by itself: a graph in which its kernels can be run, timed and held against the twin.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::graph::attributes::{Attribute, AttributeReader, Attributes};
use crate::graph::{Graph, Node, Value, ValueId};
use crate::ops::case::values;
use crate::ops::{OPS, load};
use crate::plan::lowering::Layout;
use crate::plan::{Precision, site};
use crate::tensor::{DType, Data, Shape, Tensor};

/// The operator set of the nodes that are put in front of one.
const OPSET: i64 = 17;
const POOL: &str = "MaxPool";

/// A node with the constants that it reads, and tensors in place of what is computed before it.
#[derive(Debug)]
pub struct Lone {
    pub graph: Graph,
    pub inputs: Vec<Tensor>,
    /// How textures store what is computed; inputs lose nothing by it.
    precision: Precision,
}

impl Lone {
    /// # Errors
    /// When an input is too large to be made.
    pub fn of(whole: &Graph, node: &Node, precision: Precision) -> Result<Lone> {
        Lone::with_inputs(alone(whole, node), precision)
    }

    fn with_inputs(graph: Graph, precision: Precision) -> Result<Lone> {
        let shapes = graph.inputs.iter().map(|&id| &graph.values[id]);
        let inputs = (0..).zip(shapes).map(|(seed, value)| seeded(&value.shape, value.dtype, seed));
        let inputs = inputs.map(|input| Ok(precision.stored(input?))).collect::<Result<_>>()?;
        Ok(Lone { graph, inputs, precision })
    }

    /// What the twin has to do, in multiply-adds and elements together.
    pub fn work(&self) -> u64 {
        work(&self.graph)
    }

    /// The same node on a smaller batch and fewer pixels, so that the twin has at most so much to do. `None` where
    /// that is not the same node any more.
    pub fn cut(&self, most: u64) -> Option<Lone> {
        let smaller = (0..8).find_map(|halvings| {
            let graph = shrunk(&self.graph, 1 << halvings)?;
            (work(&graph) <= most).then_some(graph)
        });
        Lone::with_inputs(smaller?, self.precision).ok()
    }

    /// The ONNX operators behind the node, as its own steps name them.
    pub fn operator(&self) -> &str {
        self.graph.nodes.first().map_or("", |node| &node.operator)
    }
}

fn work(graph: &Graph) -> u64 {
    let elements: usize = graph.values.iter().map(|value| value.shape.elements()).sum();
    graph.multiply_adds().saturating_add(elements as u64)
}

/// The graph of a node by itself.
pub fn alone(whole: &Graph, node: &Node) -> Graph {
    let readers = whole.reader_counts();
    let mut graph = Graph::default();
    let mut ids: BTreeMap<ValueId, ValueId> = BTreeMap::new();
    let mut of = |id: ValueId| {
        *ids.entry(id).or_insert_with(|| {
            graph.values.push(whole.values[id].clone());
            graph.values.len() - 1
        })
    };
    let inputs: Vec<Option<ValueId>> = node.inputs.iter().map(|id| id.map(&mut of)).collect();
    let outputs: Vec<ValueId> = node.outputs.iter().map(|&id| of(id)).collect();
    let read = node.outputs.iter().zip(&outputs).filter(|(id, _)| readers[**id] > 0);
    graph.outputs = read.map(|(_, &new)| new).collect();
    graph.output_names = graph.outputs.iter().map(|&id| graph.values[id].name.clone()).collect();
    for &id in inputs.iter().flatten() {
        if graph.values[id].constant.is_none() && !graph.inputs.contains(&id) {
            graph.inputs.push(id);
        }
    }
    graph.nodes.push(Node { inputs, outputs, ..node.clone() });
    graph
}

/// From where a node by itself has its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Row-major, as a network has them from its caller.
    Outside,
    /// From pools of one pixel, which change nothing, in this layout: as from within a network.
    Pools(Layout),
}

impl Source {
    pub const ALL: [Source; 3] =
        [Source::Outside, Source::Pools(Layout::Texels), Source::Pools(Layout::ChannelsLast)];

    /// The node of this graph with its inputs from there, and which kernels see to it, by site. None where no input is planes, which
    /// pools take.
    pub fn of(self, alone: &Graph) -> Option<(Graph, BTreeMap<String, String>)> {
        let Source::Pools(layout) = self else { return Some((alone.clone(), BTreeMap::new())) };
        let graph = behind_pools(alone)?;
        let pool = OPS.iter().find(|operator| operator.name == POOL)?;
        let kernel =
            pool.kernels.iter().find(|kernel| kernel.is_of_texels() == (layout == Layout::Texels))?;
        let pools = graph.nodes.iter().filter(|node| node.operator == POOL);
        let kernels = pools.map(|node| (site(&graph, node), kernel.name.to_string())).collect();
        Some((graph, kernels))
    }
}

/// The node with a pool before each of its inputs. Parts to be joined are joined before, so that they do not lie in place.
fn behind_pools(alone: &Graph) -> Option<Graph> {
    let mut graph = alone.clone();
    let node = graph.nodes.pop()?;
    let joins = node.op.concat_axis(&alone.infos(&node)).is_some();
    for place in 0..graph.inputs.len() {
        let id = *graph.inputs.get(place)?;
        let value = graph.values.get(id)?;
        if value.dtype == DType::F32 && (3..=5).contains(&value.shape.rank()) {
            graph.inputs[place] = given_by_pool(&mut graph, id, joins)?;
        }
    }
    let any = !graph.nodes.is_empty();
    graph.nodes.push(node);
    any.then_some(graph)
}

/// The value of which a pool makes this one, and of that, where it joins, a concatenation without another part.
fn given_by_pool(graph: &mut Graph, id: ValueId, joins: bool) -> Option<ValueId> {
    let value = graph.values.get(id)?.clone();
    let ones = Attribute::Ints(vec![1; value.shape.rank() - 2]);
    let mut before = |operator: &str, name: &str, attribute: Attribute, to: ValueId| {
        let attributes = Attributes::from([(name.to_string(), attribute)]);
        let op = load(operator, &AttributeReader::new(&attributes, OPSET)).ok()?;
        let from = graph.values.len();
        let name = format!("{}, before {operator}", value.name);
        graph.values.push(Value { name: name.clone(), ..value.clone() });
        let (inputs, outputs) = (vec![Some(from)], vec![to]);
        graph.nodes.push(Node { name, operator: operator.into(), op, inputs, outputs });
        Some(from)
    };
    let pooled = if joins { before("Concat", "axis", Attribute::Int(1), id)? } else { id };
    let given = before(POOL, "kernel_shape", ones, pooled)?;
    if joins {
        // It was begun at the end.
        let last = graph.nodes.len() - 1;
        graph.nodes.swap(last - 1, last);
    }
    Some(given)
}

/// The graph of one node on one sample, every side of its inputs divided by `factor`; `None` where these do not go
/// together, or where another input no longer fits the output as it did.
fn shrunk(graph: &Graph, factor: usize) -> Option<Graph> {
    let node = graph.nodes.first()?;
    let mut small = graph.clone();
    for &id in &graph.inputs {
        small.values[id].shape = divided(&graph.values[id].shape, factor)?;
    }
    let output = *node.outputs.first()?;
    infer(&mut small)?;
    // What lies beside the output, such as a residual, goes on lying beside it where sides were rounded.
    let (whole, cut) = (graph.values[output].shape.clone(), small.values[output].shape.clone());
    for &id in &graph.inputs {
        let shape = &graph.values[id].shape;
        if shape.rank() >= 3 && whole.rank() == shape.rank() && shape[2..] == whole[2..] {
            let sides = small.values[id].shape[..2].iter().chain(&cut[2..]).copied();
            small.values[id].shape = Shape::new(sides.collect::<Vec<_>>()).ok()?;
        }
    }
    infer(&mut small)?;
    (small.values[output].shape == cut).then_some(small)
}

fn infer(graph: &mut Graph) -> Option<()> {
    let node = graph.nodes.first()?.clone();
    let inferred = node.op.infer(&graph.infos(&node)).ok()?;
    for (&id, found) in node.outputs.iter().zip(inferred) {
        graph.values[id].shape = found.shape;
    }
    Some(())
}

fn divided(shape: &Shape, factor: usize) -> Option<Shape> {
    let mut sizes = shape.to_vec();
    if sizes.len() >= 3 {
        sizes[0] = 1;
        sizes[2..].iter_mut().for_each(|side| *side = side.div_ceil(factor));
    } else if let Some(rows) = sizes.first_mut() {
        *rows = rows.div_ceil(factor);
    }
    Shape::new(sizes).ok()
}

/// Values that are the same at every run; integers and booleans are 0 and 1, which are in range as indices too.
pub fn seeded(shape: &Shape, dtype: DType, seed: u64) -> Result<Tensor> {
    let floats = values(shape, seed);
    let is_set = floats.as_f32()?.iter().map(|v| *v > 0.0);
    match dtype {
        DType::F32 => Ok(floats),
        DType::Bool => Tensor::new(shape.to_vec(), Data::Bool(is_set.collect())),
        DType::I32 => Tensor::new(shape.to_vec(), Data::I32(is_set.map(i32::from).collect())),
        DType::I64 => Tensor::new(shape.to_vec(), Data::I64(is_set.map(i64::from).collect())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::interpret::interpret;
    use crate::graph::{self, network::Network};
    use crate::ops::case::Case;
    use crate::plan::lowering::Choice;
    use crate::plan::{DeviceClass, Target, plan};

    fn lone(case: &Case) -> Lone {
        let (network, inputs): (Network, Vec<Tensor>) = case.network().unwrap();
        let shapes: Vec<Shape> = inputs.iter().map(|t| t.shape().clone()).collect();
        let graph = graph::build(&network, &shapes).unwrap();
        Lone::of(&graph, &graph.nodes[0], Precision::F32).unwrap()
    }

    fn sizes(lone: &Lone) -> Vec<String> {
        lone.graph.values.iter().map(|value| value.shape.to_string()).collect()
    }

    #[test]
    fn a_node_is_cut_in_batch_and_pixels() {
        let whole = lone(&Case::new("Conv", "c").given(&[8, 16, 64, 50]).constant(&[16, 16, 3, 3]));
        let cut = whole.cut(1_000_000).expect("a smaller one");
        assert_eq!(sizes(&cut), ["1x16x16x13", "16x16x3x3", "1x16x14x11"]);
        assert!(cut.work() <= 1_000_000 && whole.work() > 1_000_000);
        assert_eq!(cut.inputs[0].shape(), &cut.graph.values[0].shape);
        // Its own window is the least that it works on.
        assert!(whole.cut(1000).is_none());
    }

    #[test]
    fn behind_pools_parts_are_copied_from_texture_to_texture() {
        let concat =
            lone(&Case::new("Concat", "c").given(&[2, 12, 6, 5]).given(&[2, 8, 6, 5]).int("axis", 1));
        let target = Target { class: DeviceClass::Software, ..Target::portable() };
        let copied = |source: Source| {
            let (graph, winners) = source.of(&concat.graph).expect("planes");
            let plan = plan(&graph, &target, &Choice { winners, ..Choice::default() }).unwrap();
            plan.steps.iter().filter(|step| step.kernel == "layout_texels_to_texels_f32").count()
        };
        assert_eq!(Source::ALL.map(copied), [0, 2, 0]);
        let graph = behind_pools(&concat.graph).expect("planes");
        let outputs = interpret(&graph, &concat.inputs).unwrap();
        assert_eq!(outputs, interpret(&concat.graph, &concat.inputs).unwrap());
    }

    #[test]
    fn what_lies_beside_the_output_stays_there() {
        let add = lone(&Case::new("Add", "a").given(&[2, 3, 15, 15]).given(&[2, 3, 15, 15]));
        assert_eq!(sizes(&add.cut(500).expect("a smaller one")), ["1x3x4x4", "1x3x4x4", "1x3x4x4"]);
        // A constant as large as the output fits no smaller one.
        let constant = lone(&Case::new("Add", "a").given(&[2, 3, 15, 15]).constant(&[2, 3, 15, 15]));
        assert!(constant.cut(500).is_none());
    }
}
