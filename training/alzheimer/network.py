"""The classifier: its PyTorch form, its ONNX form, and the way between the two.

The ONNX graph is built node by node from the weights instead of being traced, so the file
holds exactly the operators named here, under names a reader can follow.
"""

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from training.alzheimer.task import HEIGHT, LABELS, WIDTH

FILTERS = (16, 32, 64, 128, 256)
HIDDEN = 128
DROPOUT = 0.2
BATCH_NORM_EPSILON = 1e-5
OPSET = 17


class Block(nn.Module):
    """conv-ReLU, conv-ReLU, batch norm, max pool, dropout."""

    def __init__(self, inputs, filters):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, filters, 3, padding=1)
        self.conv2 = nn.Conv2d(filters, filters, 3, padding=1)
        self.norm = nn.BatchNorm2d(filters, eps=BATCH_NORM_EPSILON)

    def forward(self, x):
        x = torch.relu(self.conv1(x))
        x = self.norm(torch.relu(self.conv2(x)))
        x = nn.functional.max_pool2d(x, 3, stride=2)
        return nn.functional.dropout(x, DROPOUT, self.training)


class Classifier(nn.Module):
    """Five blocks, global average pooling, two dense layers; returns logits and pooled features."""

    def __init__(self):
        super().__init__()
        inputs = (1,) + FILTERS[:-1]
        self.blocks = nn.ModuleList(Block(i, f) for i, f in zip(inputs, FILTERS))
        self.hidden = nn.Linear(FILTERS[-1], HIDDEN)
        self.output = nn.Linear(HIDDEN, len(LABELS))
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)
        # Small, so that the first steps start from even odds.
        nn.init.normal_(self.output.weight, std=0.01)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        features = x.mean(dim=(2, 3))
        hidden = torch.relu(self.hidden(features))
        hidden = nn.functional.dropout(hidden, DROPOUT, self.training)
        return self.output(hidden), features


def _block_nodes(name, value):
    """The ONNX nodes of one block; returns them and the name of the last value."""
    conv = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [1, 1]}
    steps = [
        ("Conv", "conv1", ["conv1.weight", "conv1.bias"], conv),
        ("Relu", "relu1", [], {}),
        ("Conv", "conv2", ["conv2.weight", "conv2.bias"], conv),
        ("Relu", "relu2", [], {}),
        (
            "BatchNormalization",
            "norm",
            ["norm.weight", "norm.bias", "norm.running_mean", "norm.running_var"],
            {"epsilon": BATCH_NORM_EPSILON},
        ),
        ("MaxPool", "pool", [], {"kernel_shape": [3, 3], "strides": [2, 2]}),
    ]
    nodes = []
    for operator, step, weights, attributes in steps:
        inputs = [value] + [f"{name}.{w}" for w in weights]
        value = f"{name}.{step}"
        nodes.append(helper.make_node(operator, inputs, [value], name=value, **attributes))
    return nodes, value


def _head_nodes(value):
    """Pooling and the dense layers."""
    gemm = {"transB": 1}
    return [
        helper.make_node("GlobalAveragePool", [value], ["pooled"], name="pooled"),
        helper.make_node("Flatten", ["pooled"], ["features"], name="features", axis=1),
        helper.make_node(
            "Gemm", ["features", "hidden.weight", "hidden.bias"], ["hidden"], name="hidden", **gemm
        ),
        helper.make_node("Relu", ["hidden"], ["hidden.relu"], name="hidden.relu"),
        helper.make_node(
            "Gemm", ["hidden.relu", "output.weight", "output.bias"], ["logits"], name="logits", **gemm
        ),
    ]


def to_onnx(state):
    """The inference graph of a state dict, as a checked ONNX model."""
    nodes, value = [], "image"
    for i in range(len(FILTERS)):
        block, value = _block_nodes(f"blocks.{i}", value)
        nodes += block
    nodes += _head_nodes(value)
    weights = [
        numpy_helper.from_array(np.ascontiguousarray(v.float().numpy()), k)
        for k, v in state.items()
        if not k.endswith("num_batches_tracked")
    ]
    f32 = TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "alzheimer",
        [helper.make_tensor_value_info("image", f32, ["N", 1, HEIGHT, WIDTH])],
        [
            helper.make_tensor_value_info("logits", f32, ["N", len(LABELS)]),
            helper.make_tensor_value_info("features", f32, ["N", FILTERS[-1]]),
        ],
        weights,
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="gyrus training"
    )
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    return model


def from_onnx(path):
    """The state dict held by an ONNX file that `to_onnx` wrote."""
    initializers = onnx.load(path).graph.initializer
    state = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in initializers}
    for i in range(len(FILTERS)):
        state[f"blocks.{i}.norm.num_batches_tracked"] = torch.tensor(0)
    return state


def load_weights(path):
    """A state dict from a committed ONNX file or from a file of the training script."""
    if str(path).endswith(".onnx"):
        return from_onnx(path)
    return torch.load(path, weights_only=True)
