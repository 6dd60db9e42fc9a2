"""Writes trained weights as model.onnx, and checks the file against PyTorch."""

import argparse
from pathlib import Path

import numpy as np
import onnx
import torch

from training.common import infer

BATCHES = (1, 3, 8)
TOLERANCE = 1e-4


def worst_difference(path, outputs, expected_of, draw):
    """The largest difference from PyTorch over some batches, relative to the largest value.

    `expected_of` maps a tensor of images to the named outputs; `draw(generator)` makes one image [C, H, W].
    """
    generator = np.random.default_rng(0)
    worst = 0.0
    for batch in BATCHES:
        images = np.stack([draw(generator) for _ in range(batch)])
        with torch.inference_mode():
            expected = expected_of(torch.from_numpy(images))
        for got, want in zip(infer.run(path, images, outputs), expected):
            error = np.abs(got - want.numpy()).max() / want.abs().max().item()
            worst = max(worst, float(error))
    return worst


def main(description, folder, load_weights, to_onnx, difference):
    """The command: `difference(path, state)` says how far the written file is from its weights."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--weights", required=True, help="a .pt file of the training script")
    parser.add_argument("--out", type=Path, default=Path(folder), help="the model's folder")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "model.onnx"
    state = load_weights(options.weights)
    onnx.save(to_onnx(state), path)
    found = difference(path, state)
    if found > TOLERANCE:
        raise SystemExit(f"{path}: ONNX Runtime and PyTorch differ by {found:.2e}")
    print(f"{path}: within {found:.1e} of PyTorch")
