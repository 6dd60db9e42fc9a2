"""Writes card.toml from the exported model, the fitted gate and metrics.json; no number by hand."""

import argparse
import json
from pathlib import Path

from training.alzheimer.task import HEIGHT, LABELS, WIDTH
from training.common.card_file import sha256, toml_table

VERSION = 1
# How far f16 storage may move a probability. On the 768 slices of val it moved none by more than 0.0013.
F16_TOLERANCE = 0.005
LIMITS = [
    "Not a medical device and not for diagnosis: for research use only.",
    "Made for axial T1 slices that are skull-stripped, aligned to an atlas and 176 x 208 pixels at "
    "about 1 mm, like those it was trained on; a raw scanner volume is not.",
    "On people it has not seen it tells dementia from none moderately well and the degrees of dementia "
    "hardly; see metrics.",
    "A slice is weak evidence. Figures per person average 32 slices, which a single file is not.",
    "ModerateDemented was learnt from one person and could not be measured at all.",
    "171 people, in all likelihood of one study on one scanner; other scanners, ages and "
    "populations are untested.",
    "The classes are clinical dementia ratings, a person's state judged at an interview, not what "
    "is visible in a slice.",
]
USE = {
    "intended": "Study of image classification on brain MRI, and of running it on any GPU.",
    "limits": LIMITS,
    "data": "Kaggle set 'Alzheimer's Dataset (4 class of images)', 5,472 axial slices of 171 people. "
    "Its origin is inferred, not documented: OASIS-1, whose counts per clinical dementia rating match. "
    "Trained on 119 people, chosen and calibrated on 24, reported on 28; no person is on two sides.",
    "licence": "Weights for research use only, following the OASIS terms of use.",
    "citation": "Marcus DS, Wang TH, Parker J, Csernansky JG, Morris JC, Buckner RL. Open Access Series of "
    "Imaging Studies (OASIS): cross-sectional MRI data in young, middle aged, nondemented, and demented "
    "older adults. Journal of Cognitive Neuroscience 19, 1498-1507, 2007.",
}


def in_words(report, level, figure):
    """A figure with its interval."""
    entry = report[level][figure]
    low, high = entry["interval_95"]
    return f"{entry['value']:.2f} (95 % {low:.2f} to {high:.2f})"


def summary(metrics):
    """The few figures a card shows, with a pointer to the rest."""
    result = {"details": "metrics.json"}
    names = {"cross_validation": "5 folds by person", "val": "24 people", "test": "28 people"}
    for part in (p for p in names if p in metrics):
        report = metrics[part]
        how = names[part]
        if part == "cross_validation":
            how += f", {report['folds_finished']} finished, {report['people']} people, {report['resolution']} resolution"
        result[part] = (
            f"{how}: per person AUC demented or not {in_words(report, 'per_person', 'auc_demented')}, "
            f"balanced accuracy of 3 classes {in_words(report, 'per_person', 'balanced_accuracy')}; "
            f"per slice AUC {in_words(report, 'per_slice', 'auc_demented')}, "
            f"accuracy {in_words(report, 'per_slice', 'accuracy')}"
        )
    return result


# The training slices are of 1 mm, nose down, of heads aligned to an atlas that is 0.95 of ICBM's (scripts/make-samples finds
# both): volumes are taken to be aligned to ICBM's, as most are. All lie within one brain mask, whose largest section is
# 189 cm2; the average brain of ICBM has 205, heads with their skulls that were tried have from 240. Of that average 50
# slices pass the gate.
VOLUME = {
    "plane": "axial",
    "pixel_mm": 1.0526,
    "upside_down": True,
    "rule": "mean",
    "least_slices": 16,
    "max_section_cm2": 220.0,
    "max_tilt_degrees": 5.0,
}


def card(model, found, metrics):
    """The whole card, in the order a reader wants it."""
    return {
        "name": "alzheimer",
        "version": VERSION,
        "title": "Dementia rating from an axial T1 brain slice, four classes",
        "task": "classification",
        "model": {
            "file": model.name,
            "sha256": sha256(model),
            "input": "image",
            "output": "logits",
            "features": "features",
        },
        "input": {
            "channels": "grey",
            "height": HEIGHT,
            "width": WIDTH,
            "fit": "pad",
            "intensity": "percentile",
            "percentile": 99.5,
        },
        "output": {
            "activation": "softmax",
            "labels": LABELS,
            "temperature": found["temperature"],
            "f16_tolerance": F16_TOLERANCE,
        },
        "volume": VOLUME,
        "use": USE,
        "metrics": summary(metrics),
        "gate": found["gate"],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, type=Path, help="model.onnx; the card goes beside it")
    parser.add_argument("--gate", required=True, type=Path, help="what gate.py wrote")
    parser.add_argument("--metrics", required=True, type=Path)
    options = parser.parse_args()
    found = json.loads(options.gate.read_text())
    metrics = json.loads(options.metrics.read_text())
    text = toml_table("", card(options.model, found, metrics)).lstrip()
    options.model.with_name("card.toml").write_text(text)


if __name__ == "__main__":
    main()
