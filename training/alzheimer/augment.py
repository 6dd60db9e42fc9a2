"""Random changes a brain slice may undergo without changing its class.

119 people are few, and a network of this size learns their faces, so to speak, within an
epoch or two. Every change here takes away something that tells people apart.
"""

import math

import torch
from torch.nn import functional

ROTATION = math.radians(12)
ZOOM = 0.12
STRETCH = 0.05
SHEAR = 0.06
SHIFT = 0.06
WARP = 0.015
WARP_POINTS = 6
GAMMA = 0.35
GAIN = 0.2
NOISE = 0.05
CUTOUTS = 1
CUTOUT_SIDE = (0.1, 0.35)
MIXUP_SHARE = 0.3
MIXUP_ALPHA = 0.4


def _uniform(count, width):
    """`count` numbers between -width and width."""
    return (torch.rand(count) * 2 - 1) * width


def _matrices(count):
    """Random 2x3 affine maps from output to input coordinates, half of them mirrored."""
    angle, shear = _uniform(count, ROTATION), _uniform(count, SHEAR)
    zoom, stretch = torch.exp(_uniform(count, ZOOM)), torch.exp(_uniform(count, STRETCH))
    mirror = torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
    x_scale, y_scale = zoom * stretch * mirror, zoom / stretch
    top = torch.stack([angle.cos() * x_scale, (shear - angle.sin()) * y_scale, _uniform(count, SHIFT)], 1)
    bottom = torch.stack([angle.sin() * x_scale, angle.cos() * y_scale, _uniform(count, SHIFT)], 1)
    return torch.stack([top, bottom], 1)


def _warp(count, height, width):
    """A smooth random displacement, from a coarse grid of random vectors."""
    coarse = torch.randn(count, 2, WARP_POINTS, WARP_POINTS) * WARP
    fine = functional.interpolate(coarse, (height, width), mode="bicubic", align_corners=True)
    return fine.permute(0, 2, 3, 1)


def move(images):
    """Mirrors, rotates, zooms, shears, shifts and bends each image its own way."""
    count, _, height, width = images.shape
    grid = functional.affine_grid(_matrices(count), list(images.shape), align_corners=False)
    grid = grid + _warp(count, height, width)
    return functional.grid_sample(images, grid, mode="bilinear", align_corners=False)


def recolour(images):
    """Changes gamma and gain, and adds noise inside the head only: outside it is always 0."""
    count = len(images)
    gamma = torch.exp(_uniform(count, GAMMA)).view(-1, 1, 1, 1)
    gain = (1 + _uniform(count, GAIN)).view(-1, 1, 1, 1)
    noise = torch.rand(count, 1, 1, 1) * NOISE * torch.randn_like(images)
    changed = images.clamp(min=1e-6) ** gamma * gain + noise
    return (changed * (images > 0)).clamp(0, 1)


def cut_out(images):
    """Blanks up to `CUTOUTS` random rectangles of each image."""
    count, _, height, width = images.shape
    y = torch.linspace(0, 1, height).view(1, 1, height, 1)
    x = torch.linspace(0, 1, width).view(1, 1, 1, width)
    low, high = CUTOUT_SIDE
    for _ in range(CUTOUTS):
        side = (low + torch.rand(2, count, 1, 1, 1) * (high - low)) / 2
        # Half of the rectangles are pushed out of the frame, so some images stay whole.
        centre = torch.rand(2, count, 1, 1, 1) + 2.0 * (torch.rand(count, 1, 1, 1) < 0.5)
        inside = ((y - centre[0]).abs() < side[0]) & ((x - centre[1]).abs() < side[1])
        images = images * ~inside
    return images


def mix(images, targets, partners):
    """Blends some images, and their targets, with those of their partners (row numbers)."""
    count = len(images)
    share = torch.distributions.Beta(MIXUP_ALPHA, MIXUP_ALPHA).sample((count,))
    share = torch.where(torch.rand(count) < MIXUP_SHARE, share, 1.0)
    wide, narrow = share.view(-1, 1, 1, 1), share.view(-1, 1)
    images = wide * images + (1 - wide) * images[partners]
    return images, narrow * targets + (1 - narrow) * targets[partners]


def augment(images, targets, partners):
    """All of the above, in the order a scanner, a patient and an artefact would cause them."""
    images = cut_out(recolour(move(images)))
    return mix(images, targets, partners)
