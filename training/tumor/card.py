"""Writes card.toml from the exported model, what calibrate.py found and metrics.json; no number by hand."""

import argparse
import json
from pathlib import Path

from training.common.card_file import sha256, toml_table
from training.tumor.network import SIDE

VERSION = 1
# How far f16 storage may move a probability. On 390 slices of val it moved none by more than 0.0152.
F16_TOLERANCE = 0.03
# For `gyrus preprocess`, before there is a model.
INPUT = {
    "channels": "rgb",
    "height": SIDE,
    "width": SIDE,
    "fit": "pad",
    "intensity": "z-score",
    "sequences": ["pre-contrast", "FLAIR", "post-contrast"],
    "shown": 1,
}
LIMITS = [
    "Not a medical device and not for diagnosis: for research use only.",
    "Made for lower-grade glioma before treatment; other tumours, metastases, bleeding, stroke or white matter "
    "lesions are untested, and what is bright on FLAIR may be marked whatever it is.",
    "Takes axial slices of three aligned sequences as the channels of one picture, in this order: pre-contrast, FLAIR, "
    "post-contrast. Where the first or the last is missing, FLAIR stands for it, as in the training data.",
    "Works at 128 x 128 pixels over the whole head: edges finer than about 2 mm are not resolved.",
    "A slice by itself is judged by its own intensities and is less certain than a stack; see metrics.",
    "Most patients are marked well, a few badly; see the worst patient and the intervals in metrics.",
    "96 patients of five institutions, whose outlines were drawn on FLAIR by one group; other scanners and "
    "populations are untested.",
]
USE = {
    "intended": "Study of tumour segmentation on brain MRI, and of running it on any GPU.",
    "limits": LIMITS,
    "data": "TCGA-LGG slices with FLAIR outlines (the set behind Kaggle 'LGG MRI Segmentation'), 3,435 slices of 96 "
    "patients at 128 x 128. Trained on 69 patients, settings chosen on 13, reported on 14; no patient is on two sides.",
    "licence": "Weights for research use only, under CC BY-NC-SA 4.0 like the data.",
    "citation": "Buda M, Saha A, Mazurowski MA. Association of genomic subtypes of lower-grade gliomas with shape features "
    "automatically extracted by a deep learning algorithm. Computers in Biology and Medicine 109, 218-225, 2019.",
}


def in_words(entry):
    """A figure with its interval."""
    low, high = entry["interval_95"]
    return f"{entry['value']:.2f} (95 % {low:.2f} to {high:.2f})"


def summary(metrics):
    """The few figures a card shows, with a pointer to the rest."""
    result = {"details": "metrics.json"}
    for part in ("val", "test"):
        if part in metrics:
            report = metrics[part]
            result[part] = (
                f"{report['patients']} patients, over each patient's stack: mean Dice {in_words(report['mean_dice'])}, "
                f"median {in_words(report['median_dice'])}, worst {report['worst']['dice']:.2f}; "
                f"mean IoU {in_words(report['mean_iou'])}; "
                f"{report['empty_slices']['with_false_pixels']} of {report['empty_slices']['slices']} "
                "slices without tumour falsely marked"
            )
    flips = metrics["val_with_flips"]["mean_dice"]["value"] - metrics["val"]["mean_dice"]["value"]
    result["flips"] = f"--flips changes the mean Dice on val by {flips:+.3f}"
    if "val_slices_alone" in metrics:
        alone = metrics["val_slices_alone"]["mean_dice"]
        result["slices_alone"] = f"val, each slice by itself: mean Dice {in_words(alone)}"
    return result


def head():
    """What every card of this model begins with."""
    return {
        "name": "tumor",
        "version": VERSION,
        "title": "Lower-grade glioma on axial slices of three MRI sequences",
        "task": "segmentation",
    }


def card(model, found, metrics):
    """The whole card, in the order a reader wants it."""
    return {
        **head(),
        "model": {
            "file": model.name,
            "sha256": sha256(model),
            "input": "image",
            "output": "probability",
            "features": "features",
        },
        "input": INPUT,
        "output": {
            "activation": "none",
            "labels": ["tumor"],
            "threshold": found["threshold"],
            "smallest_component": found["smallest_component"],
            "f16_tolerance": F16_TOLERANCE,
        },
        "volume": {"plane": "axial"},
        "use": USE,
        "metrics": summary(metrics),
        "gate": found["gate"],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input-only", type=Path, metavar="FILE", help="only what preparation needs, to FILE")
    parser.add_argument("--model", type=Path, help="model.onnx; the card goes beside it")
    parser.add_argument("--found", type=Path, help="what calibrate.py wrote")
    parser.add_argument("--metrics", type=Path)
    options = parser.parse_args()
    if options.input_only:
        options.input_only.write_text(toml_table("", {**head(), "input": INPUT}).lstrip())
        return
    found = json.loads(options.found.read_text())
    metrics = json.loads(options.metrics.read_text())
    options.model.with_name("card.toml").write_text(toml_table("", card(options.model, found, metrics)).lstrip())


if __name__ == "__main__":
    main()
