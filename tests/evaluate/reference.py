"""What scipy, scikit-learn and numpy make of random masks and probabilities: python reference.py FOLDER

Writes FOLDER/truth, FOLDER/results (masks by patient), FOLDER/answers.jsonl (as of `gyrus classify`), FOLDER/truth.csv,
and what is expected of them: FOLDER/masks.json for every spacing, FOLDER/answers.json.
"""

import json
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
from scipy import ndimage
from sklearn import metrics

FOLDER = Path(sys.argv[1])
RANDOM = np.random.default_rng(20260102)
# Along rows, along columns, from slice to slice; none is pixels.
SPACINGS = {"": None, "0.9,0.7,5": (0.9, 0.7, 5.0), "2.5,0.3,0.4": (2.5, 0.3, 0.4)}
LABELS = ["b", "a", "never", "c"]


def write_png(path, mask, white):
    """An 8-bit grey PNG."""
    rows = b"".join(b"\0" + row.tobytes() for row in mask.astype(np.uint8) * white)

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", mask.shape[1], mask.shape[0], 8, 0, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts))


def blobs(shape, smooth, part):
    """Smooth noise, of which this part is set."""
    noise = ndimage.gaussian_filter(RANDOM.standard_normal(shape), smooth)
    return noise > np.quantile(noise, 1 - part)


def stacks():
    """Truth and result by patient."""
    for number in range(10):
        shape = tuple(RANDOM.integers([2, 12, 10], [13, 40, 50]))
        truth = blobs(shape, (0.7, 2, 2), RANDOM.uniform(0.01, 0.3))
        truth[RANDOM.random(shape[0]) < 0.3] = False
        result = np.roll(truth, RANDOM.integers(-3, 4, 2), (1, 2)) ^ blobs(shape, 0.8, 0.02)
        yield f"random{number}", truth, result
    box = np.zeros((4, 9, 8), bool)
    box[1:3, 2:6, 3:7] = True
    speck = np.zeros_like(box)
    speck[3, 8, 7] = True
    none = np.zeros_like(box)
    yield "same", box, box
    yield "nothing", none, none
    yield "truth_empty", none, box
    yield "result_empty", box, none
    yield "apart", box, speck
    yield "full", np.ones_like(box), np.ones_like(box)
    yield "speckled", RANDOM.random((5, 20, 21)) < 0.1, RANDOM.random((5, 20, 21)) < 0.1
    yield "one_slice", blobs((1, 30, 40), (0, 2, 2), 0.2), blobs((1, 30, 40), (0, 2, 2), 0.2)
    yield "one_column", RANDOM.random((6, 12, 1)) < 0.5, RANDOM.random((6, 12, 1)) < 0.5


def surface(mask):
    """The mask less its erosion; a single slice is eroded as a plane."""
    if len(mask) == 1:
        return surface_of(mask[0])[None]
    return surface_of(mask)


def surface_of(mask):
    cross = ndimage.generate_binary_structure(mask.ndim, 1)
    return mask & ~ndimage.binary_erosion(mask, cross, border_value=0)


def hausdorff_95(truth, result, sampling):
    if not truth.any() or not result.any():
        return None
    ends = surface(truth), surface(result)
    directed = [
        np.percentile(ndimage.distance_transform_edt(~to, sampling=sampling)[at], 95)
        for at, to in (ends, ends[::-1])
    ]
    return float(max(directed))


def score(truth, result, spacing):
    x, y, z = spacing or (1.0, 1.0, 1.0)
    voxel = x * y * z / 1000 if spacing else 1.0
    both, either = (truth & result).sum(), (truth | result).sum()
    everything = np.ones((3, 3, 3))
    lesions, count = ndimage.label(truth, everything)
    marks, mark_count = ndimage.label(result, everything)
    found = len(np.unique(lesions[result & truth]))
    empty = ~truth.any(axis=(1, 2))
    wrong = result[empty]
    return {
        "slices": len(truth),
        "missing_slices": 0,
        "dice": 2 * both / (truth.sum() + result.sum()) if either else 1.0,
        "iou": both / either if either else 1.0,
        "hausdorff_95": hausdorff_95(truth, result, (z, y, x)),
        "truth_volume": truth.sum() * voxel,
        "result_volume": result.sum() * voxel,
        "volume_difference": (int(result.sum()) - int(truth.sum())) * voxel,
        "lesions": count,
        "lesions_found": found,
        "lesions_missed": count - found,
        "false_positive_components": mark_count - len(np.unique(marks[result & truth])),
        "empty_slices": empty.sum(),
        "empty_slices_marked": wrong.any(axis=(1, 2)).sum(),
        "empty_slice_false_positive_pixels": wrong.sum(),
        "empty_slice_false_positive_fraction": wrong.mean() if empty.any() else None,
    }


def interval(values, statistic):
    picks = RANDOM.integers(len(values), size=(4000, len(values)))
    return np.percentile(statistic(np.asarray(values)[picks], axis=1), [2.5, 97.5]).tolist()


def centre(values):
    values = [v for v in values if v is not None]
    return {
        "patients": len(values),
        "mean": {"value": np.mean(values), "interval_95": interval(values, np.mean)},
        "median": {"value": np.median(values), "interval_95": interval(values, np.median)},
    }


def sizes(masks, spacing):
    voxel = np.prod(spacing) / 1000 if spacing else 1.0
    edges = [0, 0.1, 1, 10, np.inf] if spacing else [1, 10, 100, 1000, np.inf]
    volumes, found = [], []
    for truth, result in masks:
        labels, count = ndimage.label(truth, np.ones((3, 3, 3)))
        for number in range(1, count + 1):
            volumes.append((labels == number).sum() * voxel)
            found.append(result[labels == number].any())
    volumes, found = np.array(volumes), np.array(found)
    for low, high in zip(edges, edges[1:]):
        inside = (volumes >= low) & (volumes < high)
        yield {"lesions": inside.sum(), "found": found[inside].sum()}


def masks():
    all_stacks = list(stacks())
    for name, truth, result in all_stacks:
        for i, (of_truth, of_result) in enumerate(zip(truth, result)):
            # Out of order by name, in order by number.
            write_png(FOLDER / f"truth/{name}/s{i + 1}_mask.png", of_truth, 1 if name == "random3" else 255)
            write_png(FOLDER / f"results/{name}/s{i + 1}_mask.png", of_result, 255)
    expected = {}
    for argument, spacing in SPACINGS.items():
        scores = {name: score(truth, result, spacing) for name, truth, result in all_stacks}
        of = lambda figure: centre([s[figure] for s in scores.values()])
        total = lambda figure: sum(s[figure] for s in scores.values())
        summary = {figure: of(figure) for figure in ("dice", "iou", "hausdorff_95")}
        for figure in ("lesions", "lesions_found", "false_positive_components", "empty_slices"):
            summary[figure] = total(figure)
        summary["worst_patient"] = {"dice": min(s["dice"] for s in scores.values())}
        pairs = [(truth, result) for _, truth, result in all_stacks]
        summary["sensitivity_by_lesion_size"] = list(sizes(pairs, spacing))
        pixels = sum((~t.any(axis=(1, 2))).sum() * t[0].size for t, _ in pairs)
        wrong = total("empty_slice_false_positive_pixels")
        summary["empty_slice_false_positive_fraction"] = wrong / pixels
        expected[argument] = {"patients": scores, "summary": summary}
    return expected


def calibration_error(confidence, right, bins=15):
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs(confidence[place == i].mean() - right[place == i].mean()) * (place == i).sum() for i in set(place)]
    return sum(gaps) / len(place)


def level(truth, p, predicted):
    """`predicted` is -1 without a prediction."""
    known = predicted >= 0
    area = lambda i: metrics.roc_auc_score(truth[known] == i, p[known, i])
    present = [i for i in range(len(LABELS)) if (truth == i).any()]
    matrix = metrics.confusion_matrix(truth[known], predicted[known], labels=range(len(LABELS)))
    areas = {LABELS[i]: area(i) for i in present}
    confidence = p[known].max(axis=1)
    recalls = [(predicted[truth == i] == i).mean() for i in present]
    precision = metrics.precision_score(
        truth[known], predicted[known], labels=range(len(LABELS)), average=None, zero_division=np.nan
    )
    classes = [
        {"class": name, "cases": (truth == i).sum(), "auc": None if name not in areas else {"value": areas[name]},
         "precision": None if np.isnan(precision[i]) else {"value": precision[i]}}
        for i, name in enumerate(LABELS)
    ]
    return {
        "cases": len(truth),
        "without_prediction": (~known).sum(),
        "confusion_matrix": matrix.tolist(),
        "accuracy": {"value": (truth == predicted).mean()},
        "balanced_accuracy": {"value": np.mean(recalls)},
        "macro_auc": {"value": np.mean(list(areas.values()))},
        "calibration_error": {"value": calibration_error(confidence, predicted[known] == truth[known])},
        "classes": classes,
    }


def answers():
    persons = 30
    person = RANDOM.integers(persons, size=400)
    class_of = RANDOM.choice([0, 1, 3], size=persons)
    truth = class_of[person]
    logits = RANDOM.standard_normal((400, len(LABELS))) + 1.3 * np.eye(len(LABELS))[truth]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    # Rounded, so that there are ties.
    p = np.round(p, 2)
    predicted = p.argmax(axis=1)
    predicted[RANDOM.random(400) < 0.05] = -1
    with open(FOLDER / "answers.jsonl", "w") as lines, open(FOLDER / "truth.csv", "w") as table:
        print("subject,path,class", file=table)
        for i in range(400):
            probabilities = dict(zip(LABELS, p[i].tolist()))
            prediction = LABELS[predicted[i]] if predicted[i] >= 0 else None
            answer = {"file": f"/somewhere/scans/{person[i]}/{i}.png", "model": "m", "device": "cpu"}
            answer |= {"prediction": prediction, "probabilities": probabilities, "warnings": [], "milliseconds": 1}
            print(json.dumps(answer), file=lines)
            print(f"p{person[i]},scans/{person[i]}/{i}.png,{LABELS[truth[i]]}", file=table)
    order = list(dict.fromkeys(person.tolist()))
    of = lambda one: p[(person == one) & (predicted >= 0)].mean(axis=0)
    p_person = np.array([of(one) for one in order])
    by_person = level(class_of[order], p_person, p_person.argmax(axis=1))
    return {"labels": LABELS, "per_slice": level(truth, p, predicted), "per_person": by_person}


def plain(value):
    """numpy's numbers as Python's."""
    return value.item()


(FOLDER / "masks.json").write_text(json.dumps(masks(), default=plain))
(FOLDER / "answers.json").write_text(json.dumps(answers(), default=plain))
