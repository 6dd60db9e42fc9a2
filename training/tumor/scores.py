"""How well masks match the truth: per patient over the whole stack, with intervals over patients."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from training.common.bootstrap import intervals

# Truth of a patient in pixels of all slices at 128x128: small, middle, large.
SIZE_EDGES = (2000, 6000)
SIZE_NAMES = ("small", "middle", "large")
NEIGHBOURS = np.ones((3, 3, 3), bool)


@dataclass
class Stack:
    """One patient's masks, bool [slices, H, W]."""

    patient: str
    found: np.ndarray
    truth: np.ndarray


def stacks(found, truth, patient):
    """The stacks of some slices; a patient's slices are in anatomical order."""
    return [Stack(str(name), found[patient == name], truth[patient == name]) for name in np.unique(patient)]


def without_specks(mask, smallest):
    """A stack without its connected parts (26 neighbours) of fewer than `smallest` pixels."""
    labels, _ = ndimage.label(mask, NEIGHBOURS)
    sizes = np.bincount(labels.ravel())
    kept = sizes >= smallest
    kept[0] = False
    return kept[labels]


def dice(found, truth):
    """2 |A and B| / (|A| + |B|); 1 where both are empty."""
    total = found.sum() + truth.sum()
    return 1.0 if total == 0 else float(2 * (found & truth).sum() / total)


def iou(found, truth):
    """|A and B| / |A or B|; 1 where both are empty."""
    union = (found | truth).sum()
    return 1.0 if union == 0 else float((found & truth).sum() / union)


def surface(mask):
    """The voxels of a stack that touch the outside by a face."""
    return mask & ~ndimage.binary_erosion(mask)


def hausdorff95(found, truth):
    """The larger of the two 95th percentiles of distances from one surface to the other, in voxels.

    None where either is empty. A step between slices counts as one voxel: the set does not say their distance.
    """
    if not found.any() or not truth.any():
        return None
    a, b = surface(found), surface(truth)
    to_b = ndimage.distance_transform_edt(~b)[a]
    to_a = ndimage.distance_transform_edt(~a)[b]
    return float(max(np.percentile(to_b, 95), np.percentile(to_a, 95)))


def figures(stack):
    """All figures of one patient."""
    empty = ~stack.truth.any(axis=(1, 2))
    return {
        "patient": stack.patient,
        "dice": dice(stack.found, stack.truth),
        "iou": iou(stack.found, stack.truth),
        "hausdorff95_voxels": hausdorff95(stack.found, stack.truth),
        "truth_pixels": int(stack.truth.sum()),
        "found_pixels": int(stack.found.sum()),
        "sensitivity": float((stack.found & stack.truth).sum() / max(stack.truth.sum(), 1)),
        "empty_slices": int(empty.sum()),
        "false_pixels_on_empty_slices": int(stack.found[empty].sum()),
        "empty_slices_with_false_pixels": int(stack.found[empty].any(axis=(1, 2)).sum()),
    }


def _value_and_interval(values, statistic):
    """A statistic over patients with its 95 % interval; patients without the figure are left out."""
    known = np.array([v for v in values if v is not None], np.float64)
    if not len(known):
        return None
    drawn = intervals(len(known), lambda picks: {"x": statistic(known[picks])})
    return {"value": round(float(statistic(known)), 4), "interval_95": drawn["x"]}


def by_size(patients):
    """Sensitivity and Dice of patients with small, middle and large tumours."""
    result = {}
    size = np.digitize([p["truth_pixels"] for p in patients], SIZE_EDGES)
    for number, name in enumerate(SIZE_NAMES):
        part = [p for p, s in zip(patients, size) if s == number]
        result[name] = {"patients": len(part)}
        if part:
            for figure in ("sensitivity", "dice"):
                result[name][figure] = round(float(np.mean([p[figure] for p in part])), 4)
    return {"edges_in_pixels_at_128": list(SIZE_EDGES), **result}


def report(all_stacks):
    """Means, medians, intervals, the worst patient, and every patient."""
    patients = [figures(stack) for stack in all_stacks]
    worst = min(patients, key=lambda p: p["dice"])
    empty = sum(p["empty_slices"] for p in patients)
    result = {"patients": len(patients), "slices": sum(len(s.truth) for s in all_stacks)}
    for figure in ("dice", "iou", "hausdorff95_voxels"):
        values = [p[figure] for p in patients]
        result[f"mean_{figure}"] = _value_and_interval(values, np.mean)
        result[f"median_{figure}"] = _value_and_interval(values, np.median)
    result["worst"] = {"patient": worst["patient"], "dice": round(worst["dice"], 4)}
    result["by_size"] = by_size(patients)
    result["empty_slices"] = {
        "slices": empty,
        "with_false_pixels": sum(p["empty_slices_with_false_pixels"] for p in patients),
        "mean_false_pixels": round(sum(p["false_pixels_on_empty_slices"] for p in patients) / max(empty, 1), 2),
    }
    result["each"] = [{k: round(v, 4) if isinstance(v, float) else v for k, v in p.items()} for p in patients]
    return result
