"""Draws the pictures that the gate must turn away, and slices on their side for comparison.

They are written as files and prepared by `gyrus preprocess` like any other input, each by itself.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from training.common.drawings import DRAWINGS
from training.tumor import data
from training.tumor.network import SIDE

SEED = 12
DRAWN_EACH = 40


def tinted(image, generator):
    """A picture in colour: a grey one gets channels that differ, or it would be refused before the gate."""
    if image.mode == "RGB":
        return image
    gains = generator.uniform(0.5, 1, 3)
    return Image.merge("RGB", [image.point(lambda v, g=gain: int(v * g)) for gain in gains])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(data.DEFAULT_DATA))
    parser.add_argument("--out", required=True, type=Path)
    options = parser.parse_args()
    generator = np.random.default_rng(SEED)
    for draw in DRAWINGS:
        folder = options.out / f"drawn_{draw.__name__}"
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(DRAWN_EACH):
            tinted(draw(generator, (SIDE, SIDE)), generator).save(folder / f"{number:02}.png")
    folder = options.out / "turned"
    folder.mkdir(parents=True, exist_ok=True)
    for number, file in enumerate(data.files(options.data, ["val"])):
        with Image.open(file) as image:
            image.transpose(Image.Transpose.ROTATE_90).save(folder / f"{number:03}.png")


if __name__ == "__main__":
    main()
