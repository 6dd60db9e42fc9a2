"""The gate's criteria, the card's text, and the record of looks at the test people."""

import json
import sys
import tempfile
import tomllib
import unittest
from pathlib import Path
from unittest import mock

import numpy as np

from training.alzheimer import card
from training.alzheimer import data
from training.alzheimer import evaluate
from training.alzheimer import gate


def row(**changes):
    """What `gyrus preprocess` says of a slice like those in the data."""
    return {"file": "a.jpg", "width": 176, "height": 208, "colour": 0.0, "foreground": 0.5, **changes}


class Gate(unittest.TestCase):
    def setUp(self):
        generator = np.random.default_rng(0)
        self.images = generator.random((60, 1, 208, 176), dtype=np.float32)
        self.features = generator.normal(size=(60, 256)).astype(np.float32)
        everything = np.arange(60)
        self.gate = gate.plain_limits([row()])
        self.gate["features"] = gate.limited(self.features, 8, everything, everything)
        thumbnails = gate.subspace.thumbnails(self.images)
        self.gate["thumbnail"] = gate.limited(thumbnails, 32, everything, everything)

    def flagged(self, row, features=None, image=None):
        features = self.features[:1] if features is None else features
        image = self.images[:1] if image is None else image
        flags = gate.flags(self.gate, [row], features, image)
        return {name for name, flag in flags.items() if flag[0]}

    def test_a_slice_like_the_others_passes(self):
        self.assertEqual(self.flagged(row()), set())

    def test_each_criterion_sees_its_own_fault(self):
        self.assertEqual(self.flagged(row(colour=0.2)), {"colour"})
        self.assertEqual(self.flagged(row(foreground=0.01)), {"foreground"})
        self.assertEqual(self.flagged(row(foreground=0.95)), {"foreground"})
        self.assertEqual(self.flagged(row(width=208, height=176)), {"aspect"})
        self.assertEqual(self.flagged(row(), features=self.features[:1] + 9), {"features"})
        self.assertEqual(self.flagged(row(), image=self.images[:1] * 0), {"thumbnail"})

    def test_shares_count_an_input_once(self):
        flags = {name: np.array([False] * 4) for name in ("colour", "features", "thumbnail")}
        flags["colour"][0] = flags["features"][0] = flags["thumbnail"][1] = True
        share = gate.shares(flags, slice(None))
        self.assertEqual((share["colour"], share["distances_alone"], share["any"]), (0.25, 0.5, 0.5))

    def test_masks_are_no_foreign_scans(self):
        rows = [row(file="p/01.png"), row(file="p/01_mask.png"), row(file="drawn/text_03.png")]
        self.assertEqual(gate.foreign_groups(rows, "lgg")["lgg"].tolist(), [0, 2])
        self.assertEqual(gate.foreign_groups(rows, None)["drawn text"].tolist(), [2])


class Card(unittest.TestCase):
    def test_text_says_what_the_table_says(self):
        table = {
            "name": "a \"quoted\" \\ name",
            "version": 1,
            "output": {"temperature": 1.25, "labels": ["é", "b"]},
            "volume": {"upside_down": True, "other": False},
            "gate": {"limit": 3, "features": {"mean": [1e-7, -2.5], "basis": [[1.0, 2.0], [3.0, 4.0]]}},
        }
        self.assertEqual(tomllib.loads(card.toml_table("", table)), table)


class TestPeople(unittest.TestCase):
    """`evaluate` over a made-up data set and network."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "gate.json").write_text(json.dumps({"temperature": 1.5, "turned_away": {}}))
        count = 8
        self.slices = data.Slices(
            images=np.zeros((count, 1, 2, 2), np.float32),
            label=np.array([0, 0, 2, 2] * 2),
            person=np.array(list("aabbccdd")),
            position=np.arange(count),
            split=np.array(["val"] * 4 + ["test"] * 4),
            prepared=[],
        )

    def evaluate(self, weights, *more):
        """The metrics after one call with these weights."""
        model = self.folder / "model.onnx"
        model.write_bytes(weights)
        out = self.folder / "metrics.json"
        words = ["evaluate", "--tensors", "-", "--model", str(model), "--out", str(out)]
        words += ["--gate", str(self.folder / "gate.json"), *more]
        answer = (np.eye(4)[[0, 0, 2, 0]], None)
        with mock.patch.object(sys, "argv", words), mock.patch.object(
            data, "load", return_value=self.slices
        ), mock.patch.object(evaluate.infer, "run", return_value=answer):
            evaluate.main()
        return json.loads(out.read_text())

    def test_val_alone_is_no_look(self):
        metrics = self.evaluate(b"one")
        self.assertEqual(metrics["test_evaluations"], [])
        self.assertNotIn("test", metrics)

    def test_looks_are_kept_and_not_repeated_for_the_same_weights(self):
        self.evaluate(b"one", "--test", "first")
        again = self.evaluate(b"one", "--test", "again")
        self.assertEqual([look["purpose"] for look in again["test_evaluations"]], ["first"])
        other = self.evaluate(b"two")
        self.assertNotIn("test", other)
        third = self.evaluate(b"two", "--test", "second")
        self.assertEqual([look["purpose"] for look in third["test_evaluations"]], ["first", "second"])
        self.assertEqual(third["test"]["per_slice"]["accuracy"]["value"], 0.75)


if __name__ == "__main__":
    unittest.main()
