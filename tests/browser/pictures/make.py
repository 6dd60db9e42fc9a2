#!/usr/bin/env python3
"""Writes the test pictures in the kinds of JPEG that there are. Needs numpy and pillow."""

from pathlib import Path

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 53, 41


def picture(channels):
    """Smooth with a dark frame and a grain, so that no coefficient is idle."""
    y, x, c = np.mgrid[0:HEIGHT, 0:WIDTH, 0:channels].astype(float)
    wave = np.sin(x / 5 + c * 0.7) * np.cos(y / 4)
    values = (wave * 0.45 + 0.5) * 235 + (x * 37 + y * 91 + c * 13) % 20
    values[:4, :] = values[:, :5] = 0
    return np.rint(values).astype(np.uint8)


def main():
    folder = Path(__file__).parent
    grey, colour = Image.fromarray(picture(1)[:, :, 0]), Image.fromarray(picture(3))
    grey.save(folder / "grey.jpg", quality=85)
    grey.save(folder / "grey-progressive.jpg", quality=70, progressive=True)
    colour.save(folder / "colour-444.jpg", quality=90, subsampling=0, restart_marker_blocks=5)
    colour.save(folder / "colour-422.jpg", quality=80, subsampling=1, optimize=True)
    colour.save(folder / "colour-420.jpg", quality=90, subsampling=2, restart_marker_rows=1)
    colour.save(folder / "colour-420-progressive.jpg", quality=60, subsampling=2, progressive=True)
    turned = Image.Exif()
    turned[0x112] = 6
    colour.save(folder / "turned.jpg", quality=75, exif=turned)
    colour.convert("CMYK").save(folder / "cmyk.jpg", quality=50)


if __name__ == "__main__":
    main()
