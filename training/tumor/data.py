"""The prepared slices and their masks, with what is known of each: patient, position, split."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

DEFAULT_DATA = "../shared/data/lgg"


@dataclass
class Slices:
    """Arrays of equal length, one row a slice; `images` stays on disk until read."""

    images: np.ndarray
    masks: np.ndarray
    patient: np.ndarray
    position: np.ndarray
    split: np.ndarray

    def rows_of(self, split):
        """Row numbers of all slices of one side of the split, patient by patient in anatomical order."""
        return np.flatnonzero(self.split == split)


def read_prepared(tensors):
    """The tensor file that `gyrus preprocess` wrote, and its sidecar's rows."""
    images = np.load(tensors, mmap_mode="r")
    rows = json.loads(Path(f"{tensors}.json").read_text())["rows"]
    if len(rows) != len(images):
        raise ValueError(f"{tensors}: {len(images)} tensors but {len(rows)} rows in its sidecar")
    return images, rows


def read_mask(path):
    """A mask as bool [H, W]."""
    with Image.open(path) as image:
        return np.asarray(image.convert("L")) > 127


def load(tensors, data):
    """Joins prepared tensors with the data set's index by folder and file name.

    A prepared set may hold some of the index's patients only, each of them whole.
    """
    images, rows = read_prepared(tensors)
    with open(Path(data) / "index.csv", newline="") as file:
        index = {entry["image"]: entry for entry in csv.DictReader(file)}
    entries = [index["/".join(Path(row["file"]).parts[-2:])] for row in rows]
    patients = {e["patient"] for e in entries}
    expected = sum(e["patient"] in patients for e in index.values())
    if len(entries) != expected:
        raise ValueError(f"{tensors}: {len(entries)} of these patients' {expected} slices")
    return Slices(
        images=images,
        masks=np.stack([read_mask(Path(data) / e["mask"]) for e in entries]),
        patient=np.array([e["patient"] for e in entries]),
        position=np.array([int(e["slice"]) for e in entries]),
        split=np.array([e["split"] for e in entries]),
    )
