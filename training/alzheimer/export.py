"""Writes trained weights as model.onnx, and checks the file against PyTorch."""

import argparse
from pathlib import Path

import numpy as np
import onnx
import torch

from training.alzheimer import infer
from training.alzheimer.network import Classifier, load_weights, to_onnx
from training.alzheimer.task import HEIGHT, WIDTH

BATCHES = (1, 3, 8)
TOLERANCE = 1e-4


def worst_difference(path, state):
    """The largest difference from PyTorch over some batches, relative to the largest value."""
    model = Classifier()
    model.load_state_dict(state)
    model.eval()
    generator = np.random.default_rng(0)
    worst = 0.0
    for batch in BATCHES:
        images = generator.random((batch, 1, HEIGHT, WIDTH), dtype=np.float32)
        with torch.inference_mode():
            expected = model(torch.from_numpy(images))
        for got, want in zip(infer.run(path, images), expected):
            error = np.abs(got - want.numpy()).max() / want.abs().max().item()
            worst = max(worst, float(error))
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", required=True, help="a .pt file of the training script")
    parser.add_argument("--out", type=Path, default=Path("weights/alzheimer"), help="the model's folder")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "model.onnx"
    state = load_weights(options.weights)
    onnx.save(to_onnx(state), path)
    difference = worst_difference(path, state)
    if difference > TOLERANCE:
        raise SystemExit(f"{path}: ONNX Runtime and PyTorch differ by {difference:.2e}")
    print(f"{path}: within {difference:.1e} of PyTorch")


if __name__ == "__main__":
    main()
