"""The prepared slices, with what is known of each: class, person, position, split."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.alzheimer.task import LABELS
from training.common.prepared import read_prepared

DEFAULT_DATA = "../shared/data/alzheimer4"
FOLDS = 5
FOLD_SEED = 2024


@dataclass
class Slices:
    """Arrays of equal length, one row a slice; `images` stays on disk until read."""

    images: np.ndarray
    label: np.ndarray
    person: np.ndarray
    position: np.ndarray
    split: np.ndarray
    prepared: list

    def rows_of(self, people):
        """Row numbers of all slices of the given people."""
        return np.flatnonzero(np.isin(self.person, list(people)))


def read_index(data):
    """The rows of the data set's index.csv."""
    with open(Path(data) / "index.csv", newline="") as file:
        return list(csv.DictReader(file))


def load(tensors, data):
    """Joins prepared tensors with the data set's index by class folder and file name."""
    images, rows = read_prepared(tensors)
    index = {entry["path"]: entry for entry in read_index(data)}
    entries = [index["/".join(Path(row["file"]).parts[-2:])] for row in rows]
    if len(entries) != len(index):
        raise ValueError(f"{tensors}: {len(entries)} of the index's {len(index)} slices")
    return Slices(
        images=images,
        label=np.array([LABELS.index(e["class"]) for e in entries]),
        person=np.array([e["subject"] for e in entries]),
        position=np.array([int(e["slice"]) for e in entries]),
        split=np.array([e["split"] for e in entries]),
        prepared=rows,
    )


def folds(slices):
    """person -> fold, each class spread evenly over the folds.

    A class with fewer people than folds cannot be tested everywhere: its people get fold -1,
    which no one holds out, so they are trained on in every fold.
    """
    generator = np.random.default_rng(FOLD_SEED)
    fold_of, next_fold = {}, 0
    for label in range(len(LABELS)):
        people = np.unique(slices.person[slices.label == label])
        if len(people) < FOLDS:
            fold_of.update({p: -1 for p in people})
            continue
        for person in generator.permutation(people):
            fold_of[person] = next_fold
            next_fold = (next_fold + 1) % FOLDS
    return fold_of


def partition(slices, fold=None):
    """(training people, held-out people): the fixed train/val split, or one fold of all people."""
    if fold is None:
        train = np.unique(slices.person[slices.split == "train"])
        return set(train), set(np.unique(slices.person[slices.split == "val"]))
    fold_of = folds(slices)
    held_out = {p for p, f in fold_of.items() if f == fold}
    return set(fold_of) - held_out, held_out
