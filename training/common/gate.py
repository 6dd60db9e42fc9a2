"""What the gates of both models share: limits with room, and the share of inputs that each turns away."""

import numpy as np

from training.common import subspace

# A distance's limit lies this much above what all but this share of val slices reach: val has few people,
# and others differ from them.
VAL_SHARE = 0.005
LIMIT_ROOM = 1.1


def rounded(value):
    """As the card holds it."""
    return round(float(value), 3)


def limited(points, axes, fit_rows, limit_rows):
    """A distance fitted on some rows, its limit somewhat above the high quantile over others."""
    space = subspace.fit(points[fit_rows], axes)
    reached = np.quantile(subspace.distance(space, points[limit_rows]), 1 - VAL_SHARE)
    return {"limit": rounded(reached * LIMIT_ROOM), **space}


def shares(flagged, chosen):
    """The share each criterion turns away of the chosen inputs, and all of them together."""
    parts = {name: flag[chosen] for name, flag in flagged.items()}
    distances = parts["features"] | parts["thumbnail"]
    everything = np.any(list(parts.values()), axis=0)
    result = {name: round(float(flag.mean()), 4) for name, flag in parts.items()}
    result["distances_alone"] = round(float(distances.mean()), 4)
    return {**result, "any": round(float(everything.mean()), 4), "count": len(everything)}
