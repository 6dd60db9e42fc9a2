"""Fits what a card needs besides weights: the temperature, and the gate against foreign inputs.

The gate's shapes come from train people; limits and temperature from val people. How much it
turns away, of what it should and of what it should not, is measured and written with it.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from training.alzheimer import data
from training.alzheimer import infer
from training.alzheimer import scores
from training.common import subspace
from training.common.gate import limited, rounded, shares
from training.common.prepared import read_prepared

# Many axes tell a head on its side from one upright; few keep the card small.
FEATURE_AXES = 8
THUMBNAIL_AXES = 32
# Room around what training slices show, for the plain criteria.
COLOUR_ROOM = 0.02
FOREGROUND_ROOM = 0.1
ASPECT_ROOM = 0.05


def plain_limits(rows):
    """Limits on colour, foreground and proportions, with room around the training slices."""
    colour = [row["colour"] for row in rows]
    foreground = [row["foreground"] for row in rows]
    aspect = [row["width"] / row["height"] for row in rows]
    return {
        "max_colour": rounded(max(colour) + COLOUR_ROOM),
        "min_foreground": rounded(min(foreground) - FOREGROUND_ROOM),
        "max_foreground": rounded(max(foreground) + FOREGROUND_ROOM),
        "min_aspect": rounded(min(aspect) - ASPECT_ROOM),
        "max_aspect": rounded(max(aspect) + ASPECT_ROOM),
    }


def flags(gate, rows, features, images):
    """criterion -> which inputs it turns away."""
    colour = np.array([row["colour"] for row in rows])
    foreground = np.array([row["foreground"] for row in rows])
    aspect = np.array([row["width"] / row["height"] for row in rows])
    thumbnails = subspace.thumbnails(images)
    return {
        "colour": colour > gate["max_colour"],
        "foreground": (foreground < gate["min_foreground"]) | (foreground > gate["max_foreground"]),
        "aspect": (aspect < gate["min_aspect"]) | (aspect > gate["max_aspect"]),
        "features": subspace.distance(gate["features"], features) > gate["features"]["limit"],
        "thumbnail": subspace.distance(gate["thumbnail"], thumbnails) > gate["thumbnail"]["limit"],
    }


def group_of(file):
    """What a foreign picture is: its folder's name, for drawings its kind as well."""
    path = Path(file)
    if path.parent.name == "drawn":
        return f"drawn {path.stem.rsplit('_', 1)[0]}"
    return path.parent.name


def foreign_groups(rows, every):
    """group -> row numbers; a tensor file given as `every` is one group, less its masks."""
    keep = [i for i, row in enumerate(rows) if not row["file"].endswith("_mask.png")]
    if every:
        return {every: np.array(keep)}
    groups = {}
    for i in keep:
        groups.setdefault(group_of(rows[i]["file"]), []).append(i)
    drawn = [i for name, part in groups.items() if name.startswith("drawn ") for i in part]
    return {name: np.array(part) for name, part in {**groups, "drawn": drawn}.items()}


def measure_foreign(gate, model, tensors, every=None):
    """Shares turned away of each group in a tensor file."""
    images, rows = read_prepared(tensors)
    result = {}
    for name, part in foreign_groups(rows, every).items():
        chosen = np.asarray(images[part])
        _, features = infer.run(model, chosen)
        flagged = flags(gate, [rows[i] for i in part], features, chosen)
        result[name] = shares(flagged, slice(None))
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="model.onnx")
    parser.add_argument("--tensors", required=True, help="the data set as `gyrus preprocess` wrote it")
    parser.add_argument("--data", default=data.DEFAULT_DATA)
    parser.add_argument("--foreign", required=True, help="the same for what foreign.py drew")
    parser.add_argument("--tumours", required=True, help="the same for the tumour slices (lgg)")
    parser.add_argument("--out", required=True, type=Path)
    options = parser.parse_args()

    slices = data.load(options.tensors, options.data)
    train = np.flatnonzero(slices.split == "train")
    val = np.flatnonzero(slices.split == "val")
    both = np.concatenate([train, val])
    images = np.asarray(slices.images[both])
    logits, features = infer.run(options.model, images)
    fit_rows, limit_rows = np.arange(len(train)), np.arange(len(train), len(both))

    gate = plain_limits([slices.prepared[i] for i in train])
    gate["features"] = limited(features, FEATURE_AXES, fit_rows, limit_rows)
    thumbnails = subspace.thumbnails(images)
    gate["thumbnail"] = limited(thumbnails, THUMBNAIL_AXES, fit_rows, limit_rows)
    flagged = flags(gate, [slices.prepared[i] for i in both], features, images)
    turned_away = {
        "train": shares(flagged, fit_rows),
        "val": shares(flagged, limit_rows),
        "lgg": measure_foreign(gate, options.model, options.tumours, every="lgg")["lgg"],
        **measure_foreign(gate, options.model, options.foreign),
    }
    temperature = scores.fit_temperature(logits[limit_rows], slices.label[val])
    found = {"temperature": round(temperature, 4), "gate": gate, "turned_away": turned_away}
    options.out.write_text(json.dumps(found))
    for name, part in turned_away.items():
        print(f"{name:24}", part)


if __name__ == "__main__":
    main()
