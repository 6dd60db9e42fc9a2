"""The parts of the recipe that would spoil a model without a message: splits, export, distance."""

import argparse
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import numpy as np
import onnx
import torch

from training.alzheimer import data, export, foreign, network, train
from training.alzheimer.augment import augment
from training.common import subspace, trainer


def slices_of(people_per_class):
    """Two slices of each person; the first person of a class is in val, the rest in train."""
    label, person, split = [], [], []
    for number, count in enumerate(people_per_class):
        for i in range(count):
            label += [number] * 2
            person += [f"{number}-{i}"] * 2
            split += ["train" if i else "val"] * 2
    return data.Slices(
        images=np.zeros((len(label), 1, 208, 176), np.float32),
        label=np.array(label),
        person=np.array(person),
        position=np.arange(len(label)),
        split=np.array(split),
        prepared=[],
    )


class People(unittest.TestCase):
    slices = slices_of([12, 1, 21, 17])

    def test_nobody_is_on_both_sides(self):
        for fold in [None, *range(data.FOLDS)]:
            train_people, held_out = data.partition(self.slices, fold)
            self.assertFalse(train_people & held_out)
            self.assertTrue(held_out)

    def test_everybody_but_the_lone_person_is_held_out_once(self):
        held_out = [p for k in range(data.FOLDS) for p in data.partition(self.slices, k)[1]]
        everyone = set(self.slices.person)
        self.assertEqual(len(held_out), len(set(held_out)))
        self.assertEqual(everyone - set(held_out), {"1-0"})

    def test_classes_are_spread_evenly(self):
        for number in (0, 2, 3):
            counts = [
                sum(p.startswith(f"{number}-") for p in data.partition(self.slices, k)[1])
                for k in range(data.FOLDS)
            ]
            self.assertLessEqual(max(counts) - min(counts), 1)


class Export(unittest.TestCase):
    def state(self):
        torch.manual_seed(3)
        model = network.Classifier()
        for block in model.blocks:
            block.norm.running_mean.uniform_(-0.5, 0.5)
            block.norm.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(block.conv1.bias, -0.1, 0.1)
        return model.state_dict()

    def test_onnx_runtime_agrees_and_weights_come_back(self):
        state = self.state()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            onnx.save(network.to_onnx(state), path)
            self.assertLess(export.worst_difference(path, state), 1e-5)
            again = network.load_weights(path)
        self.assertEqual(set(again), set(state))
        self.assertTrue(all(torch.equal(again[k], state[k]) for k in state))


class Distance(unittest.TestCase):
    def setUp(self):
        generator = np.random.default_rng(0)
        self.spread = np.array([5.0, 3.0] + [0.1] * 8)
        self.points = generator.normal(size=(4000, 10)) * self.spread + 7
        self.space = subspace.fit(self.points, axes=2)

    def test_typical_points_are_at_one(self):
        d = subspace.distance(self.space, self.points)
        self.assertAlmostEqual(float(np.sqrt((d**2).mean())), 1, delta=0.02)

    def test_along_and_across(self):
        # Three sd along an axis counts 3; off the axes the scale is sqrt(8) * 0.1.
        steps = np.zeros((2, 10))
        steps[0, 0], steps[1, 5] = 15.0, 3 * np.sqrt(8) * 0.1
        d = subspace.distance(self.space, np.array(self.space["mean"]) + steps)
        self.assertTrue(np.allclose(d, 3 / np.sqrt(3), rtol=0.05), d)

    def test_thumbnail_is_row_by_row(self):
        images = np.zeros((1, 1, 208, 176), np.float32)
        images[0, 0, 16:32, 32:48] = 1
        thumbnail = subspace.thumbnails(images)[0]
        self.assertEqual(thumbnail.shape, (143,))
        self.assertEqual(np.flatnonzero(thumbnail).tolist(), [11 + 2])


class Training(unittest.TestCase):
    def test_soft_targets_are_distributions_on_the_right_class(self):
        self.assertTrue(torch.allclose(train.SOFT_TARGETS.sum(1), torch.ones(4)))
        self.assertEqual(train.SOFT_TARGETS.argmax(1).tolist(), [0, 1, 2, 3])

    def test_loss_of_even_odds(self):
        even = train.loss_of(torch.zeros(2, 4), torch.eye(4)[[2, 0]], torch.ones(4))
        # Classes: log 4. Demented or not: log(4/3) for the demented one, log 4 for the other.
        expected = 0.5 * np.log(4) + 0.5 * (np.log(4 / 3) + np.log(4)) / 2
        self.assertAlmostEqual(even.item(), expected, places=5)

    def test_partner_is_the_next_in_height(self):
        position = torch.tensor([9, 1, 5, 3])
        partners = train.partners_of(position, torch.tensor([0, 1, 2, 3]))
        self.assertEqual(partners.tolist(), [2, 0, 3, 1])

    def test_epoch_takes_as_much_of_everyone(self):
        person = torch.arange(4).repeat_interleave(32)
        rows = train.draw_epoch(person, torch.Generator().manual_seed(0)).flatten()
        self.assertEqual(torch.bincount(person[rows]).tolist(), [train.SLICES_PER_PERSON] * 4)
        self.assertEqual(len(rows.unique()), len(rows))

    def test_rarest_class_weighs_no_more_than_the_next(self):
        weights = train.class_weights(torch.tensor([0] * 16 + [1] + [2] * 60 + [3] * 42))
        self.assertEqual(weights[1], weights[0])
        self.assertGreater(weights[0], weights[2])

    def test_augmented_images_stay_in_range_and_targets_stay_whole(self):
        torch.manual_seed(0)
        images, targets = augment(torch.rand(8, 1, 52, 44), torch.eye(4).repeat(2, 1), torch.arange(8).roll(1))
        self.assertTrue(((images >= 0) & (images <= 1)).all())
        self.assertTrue(torch.allclose(targets.sum(1), torch.ones(8)))


class Resuming(unittest.TestCase):
    """Two epochs at a stretch, and two with a stop between them."""

    def train(self, folder, stop=False):
        generator = np.random.default_rng(0)
        count = 3 * 16
        slices = data.Slices(
            images=generator.random((count, 1, 208, 176), dtype=np.float32),
            label=np.repeat([0, 2, 3], 16),
            person=np.repeat(["a", "b", "c"], 16),
            position=np.tile(np.arange(16), 3),
            split=np.repeat(["train", "train", "val"], 16),
            prepared=[],
        )
        options = argparse.Namespace(
            tensors="-", data="-", folder=folder, resolution="half", fold=None, epochs=2, rate=1e-3,
            init=None, seed=1,
        )
        stopper = KeyboardInterrupt if stop else None
        with mock.patch.object(data, "load", return_value=slices), mock.patch.object(
            trainer, "print", create=True, side_effect=stopper
        ):
            train.train(options)

    def test_a_stop_changes_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            whole, broken = Path(folder) / "whole", Path(folder) / "broken"
            self.train(whole)
            with self.assertRaises(KeyboardInterrupt):
                self.train(broken, stop=True)
            self.assertFalse((broken / "weights.pt").exists())
            self.train(broken)
            expected, got = (network.load_weights(f / "weights.pt") for f in (whole, broken))
        for name, value in expected.items():
            self.assertTrue(torch.equal(got[name], value), name)


class Foreign(unittest.TestCase):
    def test_drawings_have_the_frame_of_a_slice(self):
        generator = np.random.default_rng(0)
        for draw in foreign.DRAWINGS:
            self.assertEqual(draw(generator, (176, 208)).size, (176, 208), draw.__name__)


if __name__ == "__main__":
    unittest.main()
