"""The networks that are timed, each as an ONNX file of one fixed input shape, with its input.

Gyrus and all peers get the same file: the shipped weights with the open batch size filled in, because some
peers take nothing that is open. The larger inputs are the shipped networks too, as both are made of convolutions;
for three channels the classifier's first kernels are laid out three times, a third each.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx

from .machine import ROOT

ALZHEIMER = ROOT / "weights/alzheimer/model.onnx"
TUMOR = ROOT / "weights/tumor/model.onnx"
BATCH = 8


@dataclass(frozen=True)
class Network:
    name: str
    batch: int
    input_name: str
    output_names: list
    shape: tuple
    # Of model.onnx, and of everything that peers make of it.
    folder: Path
    # The same network with whatever batch size its author left, for what is compiled from it once.
    source: Path

    @property
    def model(self):
        return self.folder / "model.onnx"

    @property
    def sizes(self):
        return "x".join(map(str, self.shape))

    @property
    def raw_input(self):
        return self.folder / "input.f32"

    @property
    def npy_input(self):
        return self.folder / "input.npy"


def one_input(graph):
    """The value that is fed: older files list the constants as inputs too."""
    constants = {c.name for c in graph.initializer}
    fed = [v for v in graph.input if v.name not in constants]
    if len(fed) != 1:
        raise ValueError(f"{len(fed)} inputs, expected one")
    return fed[0]


def own_shape(model):
    """The shape of a file's input but the batch, as its author fixed it."""
    fed = one_input(onnx.load(model, load_external_data=False).graph)
    dims = [d.dim_value for d in fed.type.tensor_type.shape.dim]
    if min(dims[1:]) < 1:
        raise ValueError(f"{model}: more than the batch is open: {dims}")
    return tuple(dims[1:])


def fixed(model, shape):
    """The network at this input shape, all shapes of its values inferred anew."""
    graph = model.graph
    widen(graph, shape[1])
    for dim, size in zip(one_input(graph).type.tensor_type.shape.dim, shape):
        dim.dim_value = size
    del graph.value_info[:]
    for value in graph.output:
        value.type.tensor_type.ClearField("shape")
    return onnx.shape_inference.infer_shapes(model, strict_mode=True)


def widen(graph, channels):
    """Lays the kernels that read the input out for more channels, so that equal channels give the old answer."""
    fed = one_input(graph)
    old = fed.type.tensor_type.shape.dim[1].dim_value
    if channels == old:
        return
    readers = {n.input[1] for n in graph.node if n.op_type == "Conv" and n.input[0] == fed.name}
    for constant in graph.initializer:
        if constant.name in readers:
            kernels = onnx.numpy_helper.to_array(constant)
            wide = np.tile(kernels, (1, channels // old, 1, 1)) * np.float32(old / channels)
            constant.CopyFrom(onnx.numpy_helper.from_array(wide, constant.name))


def make(folder, name, source, shape):
    """Writes a network and its input, of the same numbers at every run."""
    folder.mkdir(parents=True)
    model = fixed(onnx.load(source), shape)
    onnx.save(model, folder / "model.onnx")
    array = np.random.default_rng(1).uniform(0, 1, shape).astype(np.float32)
    array.tofile(folder / "input.f32")
    np.save(folder / "input.npy", array)
    outputs = [value.name for value in model.graph.output]
    return Network(name, shape[0], one_input(model.graph).name, outputs, tuple(shape), folder, source)


def both_batches(folder, name, source):
    """A file's network at batch 1 and at BATCH."""
    shape = own_shape(source)
    return [make(folder / f"{name}-{batch}", name, source, (batch, *shape)) for batch in [1, BATCH]]


def larger(folder):
    """The same families at larger inputs, at batch 1."""
    families = {"classifier": (ALZHEIMER, [176, 512]), "unet": (TUMOR, [256, 512])}
    return [
        larger_one(folder, f"{family}-{size}", source, size)
        for family, (source, sizes) in families.items()
        for size in sizes
    ]


def larger_one(folder, name, source, size):
    made = make(folder / name, name, source, (1, 3, size, size))
    # With other kernels than the shipped file it is compiled anew, else not.
    same = own_shape(source)[0] == 3
    return made if same else replace(made, source=made.model)
