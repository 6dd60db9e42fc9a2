"""Writes trained weights as model.onnx, and checks the file against PyTorch."""

import argparse
from pathlib import Path

import numpy as np
import onnx
import torch

from training.common import infer
from training.tumor import phantom
from training.tumor.network import Network, load_weights, to_onnx

BATCHES = (1, 3, 8)
TOLERANCE = 1e-4


def worst_difference(path, state):
    """The largest difference from PyTorch over some batches, relative to the largest value."""
    model = Network()
    model.load_state_dict(state)
    model.eval()
    generator = np.random.default_rng(0)
    worst = 0.0
    for batch in BATCHES:
        images = np.stack([drawn_head(generator) for _ in range(batch)])
        with torch.inference_mode():
            logits, features = model(torch.from_numpy(images))
        expected = [torch.sigmoid(logits), features]
        for got, want in zip(infer.run(path, images, ["probability", "features"]), expected):
            error = np.abs(got - want.numpy()).max() / want.abs().max().item()
            worst = max(worst, float(error))
    return worst


def drawn_head(generator):
    """A prepared slice [C, H, W] of a patient that is none: noise would drive the network where no slice does."""
    image, _ = phantom.slice_of(generator, generator.uniform(40, 80, 2), generator.uniform(0, 14))
    image = image.astype(np.float32).transpose(2, 0, 1)
    head = image[:, image.mean(axis=0) > 30]
    return (image - head.mean(axis=1)[:, None, None]) / head.std(axis=1)[:, None, None]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", required=True, help="a .pt file of the training script")
    parser.add_argument("--out", type=Path, default=Path("weights/tumor"), help="the model's folder")
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
