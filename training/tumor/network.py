"""The attention residual U-Net: its PyTorch form, and its ONNX form.

Residual blocks and 1x1 shortcuts as in He et al. 2016, the U as in Ronneberger et al. 2015, gates on the
skips as in Oktay et al. 2018.
"""

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

CHANNELS = 3
FILTERS = (16, 32, 64, 128, 256)
SIDE = 128
BATCH_NORM_EPSILON = 1e-5
OPSET = 17


class Block(nn.Module):
    """conv-norm-ReLU, conv-norm, plus the input by a normed 1x1 convolution; ReLU of the sum."""

    def __init__(self, inputs, filters):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, filters, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(filters, eps=BATCH_NORM_EPSILON)
        self.conv2 = nn.Conv2d(filters, filters, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(filters, eps=BATCH_NORM_EPSILON)
        self.shortcut = nn.Conv2d(inputs, filters, 1, bias=False)
        self.norm = nn.BatchNorm2d(filters, eps=BATCH_NORM_EPSILON)

    def forward(self, x):
        y = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(self.norm2(self.conv2(y)) + self.norm(self.shortcut(x)))


class Gate(nn.Module):
    """What of a skip is let through, pixel by pixel, judged by the skip and by what comes from below."""

    def __init__(self, filters):
        super().__init__()
        self.skip = nn.Conv2d(filters, filters // 2, 1)
        self.below = nn.Conv2d(filters, filters // 2, 1)
        self.mask = nn.Conv2d(filters // 2, 1, 1)

    def forward(self, skip, below):
        return skip * torch.sigmoid(self.mask(torch.relu(self.skip(skip) + self.below(below))))


class Rise(nn.Module):
    """One step up: twice the size, half the filters, joined with the gated skip."""

    def __init__(self, filters):
        super().__init__()
        self.up = nn.ConvTranspose2d(2 * filters, filters, 2, stride=2)
        self.gate = Gate(filters)
        self.block = Block(2 * filters, filters)

    def forward(self, below, skip):
        below = self.up(below)
        return self.block(torch.cat([self.gate(skip, below), below], dim=1))


class Network(nn.Module):
    """Returns logits [N, 1, H, W] and the mean features of the deepest level [N, 256]."""

    def __init__(self):
        super().__init__()
        inputs = (CHANNELS,) + FILTERS[:-1]
        self.down = nn.ModuleList(Block(i, f) for i, f in zip(inputs, FILTERS))
        self.rise = nn.ModuleList(Rise(f) for f in FILTERS[:-1])
        self.head = nn.Conv2d(FILTERS[0], 1, 1)
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
        # A pixel in a hundred is tumour: the first guess says so, and the first steps are not spent on it.
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.constant_(self.head.bias, -4.0)

    def forward(self, x):
        skips = []
        for block in self.down[:-1]:
            x = block(x)
            skips.append(x)
            x = nn.functional.max_pool2d(x, 2)
        x = self.down[-1](x)
        features = x.mean(dim=(2, 3))
        for rise, skip in reversed(list(zip(self.rise, skips))):
            x = rise(x, skip)
        return self.head(x), features


class _Graph:
    """ONNX nodes as they are added; every value is named after its node, every weight after its parameter."""

    def __init__(self):
        self.nodes = []

    def add(self, operator, name, inputs, weights=(), **attributes):
        """One node; returns the name of its value."""
        inputs = list(inputs) + list(weights)
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def conv(self, name, value, side, bias):
        weights = [f"{name}.weight"] + ([f"{name}.bias"] if bias else [])
        pad = side // 2
        return self.add(
            "Conv", name, [value], weights, kernel_shape=[side, side], pads=[pad] * 4, strides=[1, 1]
        )

    def norm(self, name, value):
        weights = [f"{name}.{w}" for w in ("weight", "bias", "running_mean", "running_var")]
        return self.add("BatchNormalization", name, [value], weights, epsilon=BATCH_NORM_EPSILON)

    def block(self, name, value):
        y = self.norm(f"{name}.norm1", self.conv(f"{name}.conv1", value, 3, bias=False))
        y = self.add("Relu", f"{name}.relu1", [y])
        y = self.norm(f"{name}.norm2", self.conv(f"{name}.conv2", y, 3, bias=False))
        x = self.norm(f"{name}.norm", self.conv(f"{name}.shortcut", value, 1, bias=False))
        return self.add("Relu", f"{name}.relu", [self.add("Add", f"{name}.sum", [y, x])])

    def gate(self, name, skip, below):
        both = [self.conv(f"{name}.skip", skip, 1, bias=True), self.conv(f"{name}.below", below, 1, bias=True)]
        seen = self.add("Relu", f"{name}.relu", [self.add("Add", f"{name}.sum", both)])
        mask = self.add("Sigmoid", f"{name}.sigmoid", [self.conv(f"{name}.mask", seen, 1, bias=True)])
        return self.add("Mul", f"{name}.gated", [skip, mask])

    def rise(self, name, value, skip):
        weights = [f"{name}.up.weight", f"{name}.up.bias"]
        below = self.add("ConvTranspose", f"{name}.up", [value], weights, kernel_shape=[2, 2], strides=[2, 2])
        joined = [self.gate(f"{name}.gate", skip, below), below]
        return self.block(f"{name}.block", self.add("Concat", f"{name}.joined", joined, axis=1))

    def network(self, image):
        value, skips = image, []
        for i in range(len(FILTERS)):
            value = self.block(f"down.{i}", value)
            if i + 1 < len(FILTERS):
                skips.append(value)
                value = self.add("MaxPool", f"down.{i}.pool", [value], kernel_shape=[2, 2], strides=[2, 2])
        pooled = self.add("GlobalAveragePool", "pooled", [value])
        self.add("Flatten", "features", [pooled], axis=1)
        for i in reversed(range(len(skips))):
            value = self.rise(f"rise.{i}", value, skips[i])
        self.add("Sigmoid", "probability", [self.conv("head", value, 1, bias=True)])


def to_onnx(state):
    """The inference graph of a state dict, as a checked ONNX model: probabilities and deepest features."""
    graph = _Graph()
    graph.network("image")
    weights = [
        numpy_helper.from_array(np.ascontiguousarray(v.float().numpy()), k)
        for k, v in state.items()
        if not k.endswith("num_batches_tracked")
    ]
    f32 = TensorProto.FLOAT
    inputs = [helper.make_tensor_value_info("image", f32, ["N", CHANNELS, SIDE, SIDE])]
    outputs = [
        helper.make_tensor_value_info("probability", f32, ["N", 1, SIDE, SIDE]),
        helper.make_tensor_value_info("features", f32, ["N", FILTERS[-1]]),
    ]
    model = helper.make_model(
        helper.make_graph(graph.nodes, "tumor", inputs, outputs, weights),
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="gyrus training",
    )
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    return model


def from_onnx(path):
    """The state dict held by an ONNX file that `to_onnx` wrote."""
    initializers = onnx.load(path).graph.initializer
    state = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in initializers}
    means = [name for name in state if name.endswith("running_mean")]
    return state | {name.replace("running_mean", "num_batches_tracked"): torch.tensor(0) for name in means}


def load_weights(path):
    """A state dict from a committed ONNX file or from a file of the training script."""
    if str(path).endswith(".onnx"):
        return from_onnx(path)
    return torch.load(path, weights_only=True)
