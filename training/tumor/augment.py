"""Random changes that a stack of MRI slices may undergo without moving its tumour.

Values are standard deviations from the mean over the head; what is beyond the picture's edge is as
dark as the corner of the picture.
"""

import math

import torch
from torch.nn import functional

ROTATION = math.radians(20)
ZOOM = 0.2
STRETCH = 0.1
SHEAR = 0.1
SHIFT = 0.08
WARP = 0.02
WARP_POINTS = 5
CONTRAST = 0.4
BRIGHTNESS = 0.3
GAMMA = 0.3
NOISE = 0.15
BLUR_SHARE = 0.15
DROP_SHARE = 0.1
DROP_BOTH_SHARE = 0.2
LONE_SHARE = 0.25
# What is above this on average is head: a value between those of air and of brain.
HEAD_FLOOR = -1.2
LIMIT = 5.0


def _uniform(count, width):
    """`count` numbers between -width and width."""
    return (torch.rand(count) * 2 - 1) * width


def _matrices(count, scale):
    """Random 2x3 affine maps from output to input coordinates, half of them mirrored.

    `scale` is the output's side over the input's, so that a crop is not zoomed.
    """
    angle, shear = _uniform(count, ROTATION), _uniform(count, SHEAR)
    zoom, stretch = torch.exp(_uniform(count, ZOOM)), torch.exp(_uniform(count, STRETCH))
    mirror = torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
    x_scale, y_scale = scale * zoom * stretch * mirror, scale * zoom / stretch
    top = torch.stack([angle.cos() * x_scale, (shear - angle.sin()) * y_scale], 1)
    bottom = torch.stack([angle.sin() * x_scale, angle.cos() * y_scale], 1)
    return torch.stack([top, bottom], 1)


def _warp(count, side):
    """A smooth random displacement, from a coarse grid of random vectors."""
    coarse = torch.randn(count, 2, WARP_POINTS, WARP_POINTS) * WARP
    fine = functional.interpolate(coarse, (side, side), mode="bicubic", align_corners=True)
    return fine.permute(0, 2, 3, 1)


def move(images, masks, centres, side):
    """Mirrors, rotates, zooms, shears, shifts and bends; crops to `side` around `centres` (x, y in [-1, 1])."""
    count, _, height, _ = images.shape
    shift = torch.stack([_uniform(count, SHIFT), _uniform(count, SHIFT)], 1)
    matrices = torch.cat([_matrices(count, side / height), (centres + shift)[:, :, None]], 2)
    grid = functional.affine_grid(matrices, [count, 1, side, side], align_corners=False)
    grid = grid + _warp(count, side)
    # Relative to the corner's value, so that the zeros beyond the edge are as dark as the corner.
    corner = images[:, :, :1, :1]
    moved = functional.grid_sample(images - corner, grid, mode="bilinear", align_corners=False) + corner
    return moved, (functional.grid_sample(masks, grid, mode="bilinear", align_corners=False) > 0.5).float()


def as_lone(images):
    """Some slices measured by themselves, as a slice without its stack would be."""
    head = (images.mean(1, keepdim=True) > HEAD_FLOOR).float()
    pixels = head.sum((2, 3), keepdim=True).clamp(min=1)
    mean = (images * head).sum((2, 3), keepdim=True) / pixels
    deviation = (((images - mean) ** 2 * head).sum((2, 3), keepdim=True) / pixels).sqrt().clamp(min=0.3)
    chosen = (torch.rand(len(images)) < LONE_SHARE).view(-1, 1, 1, 1)
    return torch.where(chosen, (images - mean) / deviation, images)


def recolour(images):
    """Changes contrast, brightness and gamma of each channel its own way; blurs some; adds noise."""
    count, channels, _, _ = images.shape

    def per_channel(width):
        return _uniform(count * channels, width).view(count, channels, 1, 1)

    gamma = torch.exp(per_channel(GAMMA))
    bent = (images + LIMIT).clamp(min=1e-3) / LIMIT
    images = (bent**gamma - 1) * LIMIT / gamma
    images = images * torch.exp(per_channel(CONTRAST)) + per_channel(BRIGHTNESS)
    blurred = functional.avg_pool2d(images, 3, stride=1, padding=1, count_include_pad=False)
    images = torch.where((torch.rand(count) < BLUR_SHARE).view(-1, 1, 1, 1), blurred, images)
    return images + torch.rand(count, 1, 1, 1) * NOISE * torch.randn_like(images)


def drop_sequences(images):
    """Replaces the first, the last or both sequences by FLAIR in some, as the data set does where they are missing."""
    flair = images[:, 1]
    both = torch.rand(len(images)) < DROP_BOTH_SHARE

    def dropped():
        return ((torch.rand(len(images)) < DROP_SHARE) | both).view(-1, 1, 1)

    first = torch.where(dropped(), flair, images[:, 0])
    last = torch.where(dropped(), flair, images[:, 2])
    return torch.stack([first, flair, last], 1)


def augment(images, masks, centres, side):
    """All of the above, on images [N, 3, H, W] and masks [N, 1, H, W]."""
    images, masks = move(as_lone(images), masks, centres, side)
    return recolour(drop_sequences(images)).clamp(-LIMIT, LIMIT), masks
