"""Writes metrics.json: val always, test only when asked, and the cross-validation.

Every look at the test people is entered in `test_evaluations`, with its reason, and stays there.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from training.alzheimer import data
from training.alzheimer import infer
from training.alzheimer import scores
from training.alzheimer.task import LABELS, NON_DEMENTED
from training.common.card_file import sha256
from training.common.looks import record

NOTE = (
    "Every figure divides people, never one person's slices. ModerateDemented has a single person "
    "in this data, in train: no val or test person is Moderate, so class-averaged figures cover the "
    "three other classes and nothing here measures that class. auc_demented is any dementia against "
    "none. Per person means the mean probability over that person's slices. Intervals are 95 % "
    "bootstrap intervals over people. Before this recipe existed, a trial of a similar one was looked "
    "at on test once (per-person AUC 0.74); nothing here was chosen by that figure."
)


def split_report(slices, split, model, temperature):
    """Both levels on one split, by the exported model."""
    rows = np.flatnonzero(slices.split == split)
    logits, _ = infer.run(model, np.asarray(slices.images[rows]))
    return scores.report(logits, slices.label[rows], slices.person[rows], temperature)


def cross_validation(slices, folder, resolution, epochs):
    """Figures over the held-out people of all finished folds, and the fold-by-fold AUC."""
    files = sorted(folder.glob("fold*/held_out.npz"))
    parts = [np.load(file) for file in files]
    rows = np.concatenate([part["rows"] for part in parts])
    logits = np.concatenate([part["logits"] for part in parts])
    return {
        "folds": data.FOLDS,
        "folds_finished": len(files),
        "resolution": resolution,
        "epochs": epochs,
        "temperature": 1.0,
        "note": "all people but the single Moderate one, each held out in one fold, the test people "
        "too; last epoch, none picked; the settings come from two short trials on train and val people",
        "auc_demented_per_person_by_fold": [round(fold_auc(slices, part), 4) for part in parts],
        **scores.report(logits, slices.label[rows], slices.person[rows], 1.0),
    }


def fold_auc(slices, part):
    """Per-person AUC, demented against not, of one fold."""
    rows = part["rows"]
    p, label, _ = scores.per_person(
        scores.softmax(part["logits"]), slices.label[rows], slices.person[rows]
    )
    return scores.auc(1 - p[:, NON_DEMENTED], label != NON_DEMENTED)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, type=Path, help="model.onnx")
    parser.add_argument("--tensors", required=True)
    parser.add_argument("--data", default=data.DEFAULT_DATA)
    parser.add_argument("--gate", required=True, type=Path, help="what gate.py wrote")
    parser.add_argument("--test", metavar="PURPOSE", help="report on test too, for this reason")
    parser.add_argument("--folds", type=Path, help="folder of the cross-validation's runs")
    parser.add_argument("--folds-resolution", default="half")
    parser.add_argument("--folds-epochs", type=int)
    parser.add_argument("--out", required=True, type=Path, help="metrics.json, kept and extended")
    options = parser.parse_args()

    slices = data.load(options.tensors, options.data)
    found = json.loads(options.gate.read_text())
    earlier = json.loads(options.out.read_text()) if options.out.exists() else {}
    looks = earlier.get("test_evaluations", [])
    metrics = {
        "note": NOTE,
        "labels": LABELS,
        "model_sha256": sha256(options.model),
        "temperature": found["temperature"],
        "val": split_report(slices, "val", options.model, found["temperature"]),
    }
    if "test" in earlier and earlier["model_sha256"] == metrics["model_sha256"]:
        # The same weights give the same figures: no second look for their sake.
        metrics["test"] = earlier["test"]
    elif options.test:
        looks = looks + [record(options.test, options.model)]
        metrics["test"] = split_report(slices, "test", options.model, found["temperature"])
    if options.folds:
        looks = looks + [record("cross-validation: each test person held out in one fold")]
        metrics["cross_validation"] = cross_validation(
            slices, options.folds, options.folds_resolution, options.folds_epochs
        )
    metrics["gate_turned_away"] = found["turned_away"]
    metrics["test_evaluations"] = looks
    options.out.write_text(json.dumps(metrics, indent=1) + "\n")


if __name__ == "__main__":
    main()
