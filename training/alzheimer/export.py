"""Writes trained weights as model.onnx, and checks the file against PyTorch."""

import numpy as np

from training.alzheimer.network import Classifier, load_weights, to_onnx
from training.alzheimer.task import HEIGHT, WIDTH
from training.common import export


def worst_difference(path, state):
    """How far the file's answers are from PyTorch's, relative to the largest value."""
    model = Classifier()
    model.load_state_dict(state)
    model.eval()

    def draw(generator):
        return generator.random((1, HEIGHT, WIDTH), dtype=np.float32)

    return export.worst_difference(path, ["logits", "features"], model, draw)


if __name__ == "__main__":
    export.main(__doc__, "weights/alzheimer", load_weights, to_onnx, worst_difference)
