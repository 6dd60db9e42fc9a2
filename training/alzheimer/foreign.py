"""Draws the pictures a gate must turn away: slices lying on their side, and no scans at all.

They are written as files and prepared by `gyrus preprocess` like any other input.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from training.alzheimer import data
from training.alzheimer.task import HEIGHT, WIDTH
from training.common.drawings import DRAWINGS

SEED = 11
DRAWN_EACH = 40


def turned(image, number):
    """On its left or right side, as a picture of 208 wide and 176 high."""
    return image.transpose(Image.Transpose.ROTATE_90 if number % 2 else Image.Transpose.ROTATE_270)


def squeezed(image, number):
    """On its side, but pressed into the upright frame, so that the frame gives nothing away."""
    return turned(image, number).resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)


def upside_down(image, _):
    return image.transpose(Image.Transpose.ROTATE_180)


def mirrored(image, _):
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


CHANGES = [turned, squeezed, upside_down, mirrored]


def changed_slices(source, files, out):
    """Every change of every file."""
    for change in CHANGES:
        folder = out / change.__name__
        folder.mkdir(parents=True, exist_ok=True)
        for number, file in enumerate(files):
            with Image.open(source / file) as image:
                change(image, number).save(folder / f"{Path(file).stem}.png")


def drawings(out):
    """All drawings have the slices' own size: no frame gives them away."""
    generator = np.random.default_rng(SEED)
    folder = out / "drawn"
    folder.mkdir(parents=True, exist_ok=True)
    for draw in DRAWINGS:
        for number in range(DRAWN_EACH):
            draw(generator, (WIDTH, HEIGHT)).save(folder / f"{draw.__name__}_{number:02}.png")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(data.DEFAULT_DATA))
    parser.add_argument("--out", required=True, type=Path)
    options = parser.parse_args()
    files = [entry["path"] for entry in data.read_index(options.data) if entry["split"] == "val"]
    changed_slices(options.data, files, options.out)
    drawings(options.out)


if __name__ == "__main__":
    main()
