"""Draws patients that are none: heads with a tumour, in the layout of the data set, to try the recipe on."""

import argparse
import csv
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from training.tumor.network import SIDE

SLICES = 8
SPLITS = ["train"] * 6 + ["val"] * 2 + ["test"] * 2
# Grey values of scalp, brain, ventricle and tumour on each sequence: pre-contrast, FLAIR, post-contrast.
SCALP, BRAIN, VENTRICLE, TUMOUR = (180, 150, 200), (90, 80, 95), (40, 20, 40), (70, 170, 110)


def ellipse(centre, radii):
    """Inside or not, for every pixel."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    return ((y - centre[0]) / radii[0]) ** 2 + ((x - centre[1]) / radii[1]) ** 2 <= 1


def slice_of(generator, centre, radius):
    """One slice [H, W, 3] and its mask; no tumour where the radius is 0."""
    image = np.zeros((SIDE, SIDE, 3))
    middle = np.array([SIDE / 2, SIDE / 2]) + generator.uniform(-2, 2, 2)
    image[ellipse(middle, (54, 44))] = SCALP
    image[ellipse(middle, (49, 39))] = BRAIN
    for side in (-8, 8):
        image[ellipse(middle + [0, side], (14, 4))] = VENTRICLE
    mask = ellipse(centre, (radius, radius * 0.8)) if radius > 0 else np.zeros((SIDE, SIDE), bool)
    image[mask] = TUMOUR
    image = ndimage.gaussian_filter(image, (0.8, 0.8, 0)) * generator.uniform(0.9, 1.1, 3)
    return np.clip(image + generator.normal(scale=4, size=image.shape), 0, 255).astype(np.uint8), mask


def patient(generator, folder):
    """A stack of slices with a round tumour in its middle; yields the index's fields of each."""
    folder.mkdir(parents=True, exist_ok=True)
    centre = np.array([SIDE / 2, SIDE / 2]) + generator.uniform(-20, 20, 2)
    radius = generator.uniform(8, 14)
    middle = generator.uniform(3, 5)
    for number in range(SLICES):
        here = np.sqrt(max(1 - ((number - middle) / 2.5) ** 2, 0)) * radius
        image, mask = slice_of(generator, centre, here)
        Image.fromarray(image).save(folder / f"{number + 1:02}.png")
        Image.fromarray(mask).save(folder / f"{number + 1:02}_mask.png")
        yield number + 1, int(mask.sum())


def draw(out, seed=5):
    """The whole set, with its index."""
    generator = np.random.default_rng(seed)
    out.mkdir(parents=True, exist_ok=True)
    with open(out / "index.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["patient", "slice", "image", "mask", "mask_pixels_256", "split"])
        for number, split in enumerate(SPLITS):
            name = f"PHANTOM_{number:02}"
            for position, pixels in patient(generator, out / name):
                image = f"{name}/{position:02}"
                writer.writerow([name, position, f"{image}.png", f"{image}_mask.png", 4 * pixels, split])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True, type=Path)
    draw(parser.parse_args().out)


if __name__ == "__main__":
    main()
