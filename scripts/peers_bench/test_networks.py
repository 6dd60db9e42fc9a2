"""The networks at other sizes than the shipped ones, judged by ONNX's reference evaluator."""

import tempfile
import unittest
from pathlib import Path

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

from peers_bench import networks


def small_network(path):
    """Two channels from one, pooled."""
    kernels = onnx.numpy_helper.from_array(np.float32([[[[1]]], [[[2]]]]), "w")
    node = onnx.helper.make_node
    nodes = [node("Conv", ["x", "w"], ["y"]), node("GlobalAveragePool", ["y"], ["z"])]
    value = onnx.helper.make_tensor_value_info
    ports = [[value(name, 1, shape)] for name, shape in [("x", ["N", 1, 4, 6]), ("z", ["N", 2, 1, 1])]]
    graph = onnx.helper.make_graph(nodes, "small", *ports, [kernels])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)


class Networks(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.source = self.folder / "small.onnx"
        small_network(self.source)

    def test_the_batch_is_filled_in(self):
        one, many = networks.both_batches(self.folder, "small", self.source)
        self.assertEqual((one.shape, many.shape), ((1, 1, 4, 6), (8, 1, 4, 6)))
        self.assertEqual((many.input_name, many.output_names), ("x", ["z"]))
        self.assertEqual(np.fromfile(many.raw_input, np.float32).size, 8 * 24)
        output = onnx.load(many.model).graph.output[0].type.tensor_type.shape
        self.assertEqual([d.dim_value for d in output.dim], [8, 2, 1, 1])

    def test_equal_channels_give_the_old_answer(self):
        grey = np.random.default_rng(0).random((1, 1, 8, 8)).astype(np.float32)
        wide = networks.make(self.folder / "wide", "wide", self.source, (1, 3, 8, 8))
        (found,) = ReferenceEvaluator(str(wide.model)).run(None, {"x": np.repeat(grey, 3, axis=1)})
        (wanted,) = ReferenceEvaluator(str(self.source)).run(None, {"x": grey})
        np.testing.assert_allclose(found, wanted, rtol=1e-5)

    def test_shipped_networks_have_one_input_of_a_fixed_size(self):
        self.assertEqual(len(networks.own_shape(networks.ALZHEIMER)), 3)
        self.assertEqual(len(networks.own_shape(networks.TUMOR)), 3)


if __name__ == "__main__":
    unittest.main()
