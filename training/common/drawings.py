"""Pictures of anything but a scan, drawn by code, for gates to turn away."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

WORDS = "Patient report total signal echo slice mean value table figure note page".split()


def text(generator, size):
    """A page of words."""
    page = Image.new("L", size, 255)
    pen = ImageDraw.Draw(page)
    for y in range(6, size[1] - 10, int(generator.integers(11, 20))):
        pen.text((6, y), " ".join(generator.choice(WORDS, size=8)), fill=int(generator.integers(0, 90)))
    return page


def shapes(generator, size):
    """Ellipses, boxes and lines on black."""
    page = Image.new("L", size, 0)
    pen = ImageDraw.Draw(page)
    for _ in range(int(generator.integers(2, 9))):
        x, y = np.sort(generator.integers(0, size[0], 2)), np.sort(generator.integers(0, size[1], 2))
        box = [int(x[0]), int(y[0]), int(x[1]), int(y[1])]
        draw = [pen.ellipse, pen.rectangle, pen.line][int(generator.integers(3))]
        draw(box, fill=int(generator.integers(60, 256)))
    return page


def disc(generator, size):
    """One smooth ellipse about as large as a brain: the shape without the anatomy."""
    page = Image.new("L", size, 0)
    half = np.array(size) * generator.uniform(0.3, 0.48, 2)
    low, high = np.array(size) / 2 - half, np.array(size) / 2 + half
    ImageDraw.Draw(page).ellipse([*low, *high], fill=int(generator.integers(100, 256)))
    return page.filter(ImageFilter.GaussianBlur(float(generator.uniform(0, 3))))


def noise(generator, size):
    """Independent grey values."""
    return Image.fromarray(generator.integers(0, 256, size[::-1], dtype=np.uint8))


def gradient(generator, size):
    """A ramp in a random direction."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    angle = generator.uniform(0, 2 * np.pi)
    return _stretched(np.cos(angle) * x + np.sin(angle) * y)


def scenery(generator, size):
    """Cloud-like texture with the spectrum of a photograph."""
    frequency = np.hypot(np.fft.fftfreq(size[1])[:, None], np.fft.fftfreq(size[0])[None])
    frequency[0, 0] = 1
    waves = np.fft.fft2(generator.normal(size=size[::-1])) / frequency ** generator.uniform(1, 2)
    waves[0, 0] = 0
    return _stretched(np.fft.ifft2(waves).real)


def blank(generator, size):
    """One grey value everywhere."""
    return Image.new("L", size, int(generator.integers(0, 256)))


def colour_scenery(generator, size):
    """Three unrelated channels."""
    return Image.merge("RGB", [scenery(generator, size) for _ in range(3)])


def _stretched(values):
    """An image of the values, from black to white."""
    low, high = values.min(), values.max()
    return Image.fromarray(((values - low) / (high - low) * 255).astype(np.uint8))


DRAWINGS = [text, shapes, disc, noise, gradient, scenery, blank, colour_scenery]
