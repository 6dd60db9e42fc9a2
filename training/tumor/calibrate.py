"""Chooses on the val patients what a card needs besides weights: the threshold, the smallest component, and the
gate against pictures that are no such scans. Nothing here looks at test."""

import argparse
import json
from pathlib import Path

import numpy as np

from training.common import infer, subspace
from training.common.gate import rounded, shares
from training.common.prepared import read_prepared
from training.tumor import data, scores

THRESHOLDS = np.round(np.arange(0.2, 0.81, 0.05), 2)
SMALLEST = (1, 10, 20, 40, 60, 100, 150)
# Settings within this of the best mean Dice are as good, for 13 patients tell no finer; of those the middle one
# is taken.
AS_GOOD = 0.01
FEATURE_AXES = 32
THUMBNAIL_AXES = 32
ASPECT_ROOM = 0.35
# A distance's limit lies this much above what all but this share of slices reach whose patients had no part in the fit: a
# patient of another scanner should still get a mask. Features tell pictures that are no scans by far.
HELD_OUT_SHARE = 0.001
FEATURE_ROOM = 1.35
THUMBNAIL_ROOM = 1.1
FOLDS = 8
FOLD_SEED = 0


def probabilities(model, images):
    """Probabilities [N, H, W] and deepest features [N, 256]."""
    p, features = infer.run(model, images, ["probability", "features"])
    return p[:, 0], features


def settings(p, masks, patient):
    """Mean and median Dice per patient for every threshold and smallest component."""
    table = []
    for threshold in THRESHOLDS:
        all_stacks = scores.stacks(p > threshold, masks, patient)
        for smallest in SMALLEST:
            dice = [scores.dice(scores.without_specks(s.found, smallest), s.truth) for s in all_stacks]
            table.append((float(threshold), smallest, float(np.mean(dice)), float(np.median(dice))))
    return table


def choose(table):
    """The middle of the settings that are as good as the best: the very best is partly luck."""
    best = max(mean for _, _, mean, _ in table)
    good = [(threshold, smallest) for threshold, smallest, mean, _ in table if mean >= best - AS_GOOD]
    middle = np.median([threshold for threshold, _ in good]), np.median([smallest for _, smallest in good])
    return min(good, key=lambda g: abs(g[0] - middle[0]) + abs(g[1] - middle[1]) / 200)


def plain_limits(rows):
    """Limits on proportions, with room around the training slices. Of colour and foreground there are none: sequences
    differ as colours do, and some slices of the set are bright throughout."""
    aspect = [row["width"] / row["height"] for row in rows]
    return {
        "min_aspect": rounded(min(aspect) - ASPECT_ROOM),
        "max_aspect": rounded(max(aspect) + ASPECT_ROOM),
    }


def flags(gate, rows, features, images):
    """criterion -> which inputs it turns away."""
    aspect = np.array([row["width"] / row["height"] for row in rows])
    return {
        "aspect": (aspect < gate["min_aspect"]) | (aspect > gate["max_aspect"]),
        "features": subspace.distance(gate["features"], features) > gate["features"]["limit"],
        "thumbnail": subspace.distance(gate["thumbnail"], subspace.thumbnails(images))
        > gate["thumbnail"]["limit"],
    }


def held_out_distances(points, axes, patient):
    """The distance of every slice from a cloud that was fitted without its patient."""
    names = np.random.default_rng(FOLD_SEED).permutation(np.unique(patient))
    fold_of = dict(zip(names, np.arange(len(names)) % FOLDS))
    fold = np.array([fold_of[name] for name in patient])
    distances = np.zeros(len(points))
    for number in np.unique(fold):
        out = fold == number
        distances[out] = subspace.distance(subspace.fit(points[~out], axes), points[out])
    return distances


def limited(points, axes, patient, room):
    """A distance, with a limit that takes into account how much patients differ from each other."""
    reached = np.quantile(held_out_distances(points, axes, patient), 1 - HELD_OUT_SHARE)
    return {"limit": rounded(reached * room), **subspace.fit(points, axes)}


def fit_gate(slices, model, rows, limit_rows):
    """The gate from train and val patients, and the share of both that it turns away."""
    both = np.concatenate([rows, limit_rows])
    images = np.asarray(slices.images[both])
    _, features = probabilities(model, images)
    fit, limit = np.arange(len(rows)), np.arange(len(rows), len(both))
    gate = plain_limits([slices.prepared[i] for i in rows])
    patient = slices.patient[both]
    gate["features"] = limited(features, FEATURE_AXES, patient, FEATURE_ROOM)
    gate["thumbnail"] = limited(subspace.thumbnails(images), THUMBNAIL_AXES, patient, THUMBNAIL_ROOM)
    flagged = flags(gate, [slices.prepared[i] for i in both], features, images)
    return gate, {"train": shares(flagged, fit), "val": shares(flagged, limit)}


def foreign_shares(gate, model, tensors):
    """What the gate turns away of pictures that are no such scans, by kind."""
    images, rows = read_prepared(tensors)
    images = np.asarray(images)
    _, features = probabilities(model, images)
    flagged = flags(gate, rows, features, images)
    kinds = np.array([Path(row["file"]).parent.name for row in rows])
    return {str(kind): shares(flagged, kinds == kind) for kind in np.unique(kinds)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="model.onnx")
    parser.add_argument("--tensors", required=True, help="the data set as `gyrus preprocess` wrote it")
    parser.add_argument("--data", default=data.DEFAULT_DATA)
    parser.add_argument("--foreign", help="the same for what foreign.py drew")
    parser.add_argument("--out", required=True, type=Path)
    options = parser.parse_args()

    slices = data.load(options.tensors, options.data)
    train, val = slices.rows_of("train"), slices.rows_of("val")
    p, _ = probabilities(options.model, np.asarray(slices.images[val]))
    table = settings(p, slices.masks[val], slices.patient[val])
    threshold, smallest = choose(table)
    gate, turned_away = fit_gate(slices, options.model, train, val)
    if options.foreign:
        turned_away |= foreign_shares(gate, options.model, options.foreign)
    found = {
        "threshold": threshold,
        "smallest_component": smallest,
        "val_settings": [dict(zip(("threshold", "smallest", "mean_dice", "median_dice"), row)) for row in table],
        "gate": gate,
        "turned_away": turned_away,
    }
    options.out.write_text(json.dumps(found))
    print(f"threshold {threshold}, smallest component {smallest}")
    for name, part in turned_away.items():
        print(f"{name:24}", part)


if __name__ == "__main__":
    main()
