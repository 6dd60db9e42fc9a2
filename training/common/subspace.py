"""Distance from a cloud of points: near its main axes by their spread, off them by one scale."""

import numpy as np

BLOCK = 16
DIGITS = 6


def thumbnails(images):
    """Block means of prepared images [N, C, H, W], channel by channel, row by row."""
    count, channels, height, width = images.shape
    rows, columns = height // BLOCK, width // BLOCK
    blocks = np.asarray(images).reshape(count, channels, rows, BLOCK, columns, BLOCK)
    return blocks.mean(axis=(3, 5)).reshape(count, channels * rows * columns)


def fit(points, axes):
    """Mean, axes divided by the spread along them, and the root mean square off the axes."""
    points = points.astype(np.float64)
    mean = points.mean(axis=0)
    centred = points - mean
    _, singular, directions = np.linalg.svd(centred, full_matrices=False)
    spread = singular[:axes] / np.sqrt(len(points) - 1)
    directions = directions[:axes]
    rest = centred - centred @ directions.T @ directions
    return {
        "residual_scale": _short(np.sqrt((rest**2).sum(axis=1).mean())),
        "mean": [_short(v) for v in mean],
        "basis": [[_short(v) for v in row] for row in directions / spread[:, None]],
    }


def distance(space, points):
    """Root mean square of the distances along each axis and off all of them."""
    basis = np.array(space["basis"])
    directions = basis / np.linalg.norm(basis, axis=1, keepdims=True)
    centred = points.astype(np.float64) - np.array(space["mean"])
    along = centred @ basis.T
    rest = centred - centred @ directions.T @ directions
    off = (rest**2).sum(axis=1) / space["residual_scale"] ** 2
    return np.sqrt(((along**2).sum(axis=1) + off) / (len(basis) + 1))


def _short(value):
    """The number as the card will hold it."""
    return float(f"{value:.{DIGITS}g}")
