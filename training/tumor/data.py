"""The prepared slices and their masks, with what is known of each: patient, position, split."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from training.common.prepared import read_prepared

DEFAULT_DATA = "../shared/data/lgg"


@dataclass
class Slices:
    """Arrays of equal length, one row a slice; `images` stays on disk until read."""

    images: np.ndarray
    masks: np.ndarray
    patient: np.ndarray
    position: np.ndarray
    split: np.ndarray
    prepared: list

    def rows_of(self, split):
        """Row numbers of all slices of one side of the split, patient by patient in anatomical order."""
        return np.flatnonzero(self.split == split)


def read_mask(path):
    """A mask as bool [H, W]."""
    with Image.open(path) as image:
        return np.asarray(image.convert("L")) > 127


def read_index(data):
    """The rows of the data set's index.csv."""
    with open(Path(data) / "index.csv", newline="") as file:
        return list(csv.DictReader(file))


def files(data, splits):
    """The slices of these sides of the split, as paths."""
    return [Path(data) / entry["image"] for entry in read_index(data) if entry["split"] in splits]


def load(tensors, data):
    """Joins prepared tensors with the data set's index by folder and file name.

    A prepared set may hold some of the index's patients only, each of them whole.
    """
    images, rows = read_prepared(tensors)
    index = {entry["image"]: entry for entry in read_index(data)}
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
        prepared=rows,
    )
