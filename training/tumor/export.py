"""Writes trained weights as model.onnx, and checks the file against PyTorch."""

import numpy as np
import torch

from training.common import export
from training.tumor import phantom
from training.tumor.network import Network, load_weights, to_onnx


def drawn_head(generator):
    """A prepared slice [C, H, W] of a patient that is none: noise would drive the network where no slice does."""
    image, _ = phantom.slice_of(generator, generator.uniform(40, 80, 2), generator.uniform(0, 14))
    image = image.astype(np.float32).transpose(2, 0, 1)
    head = image[:, image.mean(axis=0) > 30]
    return (image - head.mean(axis=1)[:, None, None]) / head.std(axis=1)[:, None, None]


def worst_difference(path, state):
    """How far the file's answers are from PyTorch's, relative to the largest value."""
    model = Network()
    model.load_state_dict(state)
    model.eval()

    def expected(images):
        logits, features = model(images)
        return torch.sigmoid(logits), features

    return export.worst_difference(path, ["probability", "features"], expected, drawn_head)


if __name__ == "__main__":
    export.main(__doc__, "weights/tumor", load_weights, to_onnx, worst_difference)
