"""Segments the test patients with the program, as a user would, and holds the result to metrics.json.

What the recipe measured by ONNX Runtime and SciPy must come out of `gyrus segment` and `gyrus evaluate` too; and the
shaders and the CPU engine must agree with each other.
"""

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from training.tumor import data

DICE_TOLERANCE = 0.002
PROBABILITY_TOLERANCE = 1e-3
# Probabilities are written in steps of this.
STEP = 1 / 65535
DEVICES = ("software", "cpu")


def run(*command):
    """A command's output; its errors are shown."""
    return subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True).stdout


def linked(folder, source, patients):
    """A folder with links to some patients of the set."""
    folder.mkdir()
    for patient in patients:
        os.symlink((source / patient).resolve(), folder / patient)
    return folder


def segment(gyrus, model, device, scans, out):
    """Masks and probabilities of all slices."""
    run(
        gyrus, "segment", "--model", model, "--device", device, "--format", "json", "--probabilities",
        "--exclude", "*_mask.png", "--out", out, scans,
    )


def check_dice(gyrus, truth, out, expected):
    """The mean Dice by `gyrus evaluate` against the recipe's."""
    report = json.loads(run(gyrus, "evaluate", "--truth", truth, "--format", "json", out))
    found = report["summary"]["dice"]["mean"]["value"]
    if abs(found - expected) > DICE_TOLERANCE:
        raise SystemExit(f"mean Dice {found:.4f} where the recipe measured {expected:.4f}")
    return found


def probabilities(path):
    """A probability picture as numbers from 0 to 1."""
    with Image.open(path) as image:
        return np.asarray(image, np.float64) * STEP


def check_devices(outs, threshold):
    """Probabilities within tolerance; masks differ only where the probability is at the threshold."""
    worst, differing = 0.0, 0
    for path in sorted(outs[0].rglob("*_probabilities.png")):
        name = path.relative_to(outs[0])
        first, second = probabilities(path), probabilities(outs[1] / name)
        worst = max(worst, float(np.abs(first - second).max()))
        masks = [data.read_mask(out / str(name).replace("_probabilities", "_mask")) for out in outs]
        differ = masks[0] != masks[1]
        differing += int(differ.sum())
        if differ.any() and np.abs(first[differ] - threshold).max() > PROBABILITY_TOLERANCE:
            raise SystemExit(f"{name}: masks differ away from the threshold")
    if worst > PROBABILITY_TOLERANCE + STEP:
        raise SystemExit(f"probabilities differ by {worst:.2e}")
    return worst, differing


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gyrus", required=True, type=Path, help="the program")
    parser.add_argument("--model", type=Path, default=Path("weights/tumor"))
    parser.add_argument("--data", type=Path, default=Path(data.DEFAULT_DATA))
    options = parser.parse_args()
    metrics = json.loads((options.model / "metrics.json").read_text())
    patients = sorted({file.parent.name for file in data.files(options.data, ["test"])})
    with tempfile.TemporaryDirectory() as folder:
        scans = linked(Path(folder) / "scans", options.data, patients)
        outs = [Path(folder) / device for device in DEVICES]
        for device, out in zip(DEVICES, outs):
            segment(options.gyrus, options.model, device, scans, out)
            dice = check_dice(options.gyrus, options.data, out, metrics["test"]["mean_dice"]["value"])
            print(f"{device}: mean Dice {dice:.4f} over {len(patients)} test patients, as the recipe measured")
        worst, differing = check_devices(outs, metrics["threshold"])
        print(f"{' and '.join(DEVICES)}: probabilities within {worst:.1e}, {differing} pixels of all masks differ")


if __name__ == "__main__":
    main()
