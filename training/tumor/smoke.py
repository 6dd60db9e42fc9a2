"""Runs the whole recipe on drawn patients with a few steps of training, and checks what comes out.

It shows that the recipe runs from tensors to card, that the loss falls, and that the program takes the result; how
good a network becomes it cannot show.
"""

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path

import torch

from training.tumor import phantom

ROOT = Path(__file__).resolve().parents[2]


def run(command, **environment):
    """Runs a command in the project's folder; its output is shown only when it fails."""
    finished = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True
    )
    if finished.returncode:
        raise SystemExit(f"{command}: exit code {finished.returncode}\n{finished.stdout}\n{finished.stderr}")
    return finished.stdout


def losses(folder):
    """The mean loss of every epoch of a run."""
    return [epoch["loss"] for epoch in torch.load(folder / "checkpoint.pt", weights_only=True)["history"]]


def check(gyrus, work, model, scans):
    """The loss fell, and the program segments with the new weights."""
    found = losses(work / "crop")
    if not found[-1] < 0.8 * found[0]:
        raise SystemExit(f"the loss did not fall: {found}")
    out = work / "masks"
    lines = run(
        [gyrus, "segment", "--model", model, "--device", "software", "--format", "json", "--out", out, scans]
    ).splitlines()
    reports = [json.loads(line) for line in lines]
    if len(reports) != phantom.SLICES or not all(Path(r["mask"]).is_file() for r in reports):
        raise SystemExit(f"masks are missing: {reports}")
    print(f"loss {found[0]:.3f} -> {found[-1]:.3f}; {len(reports)} masks by the exported network")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gyrus", required=True, type=Path, help="the program")
    parser.add_argument("--venv", required=True, type=Path, help="the environment, made where it is missing")
    options = parser.parse_args()
    gyrus = options.gyrus.resolve()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        phantom.draw(work / "data")
        (work / "venv").symlink_to(options.venv.resolve())
        run(
            ["training/tumor/retrain", str(work / "data")],
            WORK=str(work), MODEL=str(work / "model"), GYRUS=str(gyrus),
            CROP_EPOCHS="8", FULL_EPOCHS="2", DRAWS="72",
        )
        check(gyrus, work, work / "model", work / "data" / "PHANTOM_08")


if __name__ == "__main__":
    main()
