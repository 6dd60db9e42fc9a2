"""Whether a peer computes the network: its outputs against a reference's."""

import numpy as np

# Of the largest value of an output.
LIMIT = 1e-3


def error(reference, answers):
    """The largest difference of any output, as a part of that output's largest value.

    Peers name outputs as they like, so they are matched by size, in order.
    """
    left = list(answers)
    worst = 0.0
    for wanted in reference:
        at = next((i for i, found in enumerate(left) if found.size == wanted.size), None)
        if at is None:
            raise ValueError(f"none of its outputs has {wanted.size} values")
        worst = np.maximum(worst, difference(wanted.ravel(), left.pop(at).ravel()))
    return float(worst)


def difference(wanted, found):
    """NaN where either holds one, so that it passes no limit."""
    return np.abs(wanted - found).max() / max(np.abs(wanted).max(), np.finfo(np.float32).tiny)


def is_right(worst):
    return bool(worst <= LIMIT)
