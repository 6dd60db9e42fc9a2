"""The parts of the recipe that would spoil a model without a message: draws, losses, movements, export."""

import tempfile
import unittest
from pathlib import Path

import numpy as np
import onnx
import torch

from training.tumor import augment, export, network, train


class Export(unittest.TestCase):
    def state(self):
        torch.manual_seed(3)
        model = network.Network()
        for layer in model.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.running_mean.uniform_(-0.5, 0.5)
                layer.running_var.uniform_(0.5, 2)
        torch.nn.init.normal_(model.head.weight)
        return model.state_dict()

    def test_onnx_runtime_agrees_and_weights_come_back(self):
        state = self.state()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            onnx.save(network.to_onnx(state), path)
            self.assertLess(export.worst_difference(path, state), 1e-4)
            again = network.load_weights(path)
        self.assertEqual(set(again), set(state))
        self.assertTrue(all(torch.equal(again[k], state[k]) for k in state))


class Draws(unittest.TestCase):
    def test_slices_with_tumour_are_drawn_more_often(self):
        masks = np.zeros((100, 2, 2), bool)
        masks[:20] = True
        patient = np.repeat(["a", "b"], 50)
        rows = train.draw_epoch(masks, patient, 2400, np.random.default_rng(0)).flatten()
        self.assertEqual(len(rows), 2400)
        self.assertEqual(int((rows < 20).sum()), round(2400 * train.POSITIVE_SHARE))

    def test_loss_of_the_truth_is_near_nothing_and_of_its_opposite_is_not(self):
        masks = torch.zeros(2, 1, 16, 16)
        masks[0, 0, 4:10, 4:10] = 1
        right = train.loss_of((masks * 2 - 1) * 20, masks)
        wrong = train.loss_of((1 - masks * 2) * 20, masks)
        self.assertLess(right.item(), 1e-3)
        self.assertGreater(wrong.item(), 2)


class Augmentation(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(0)
        self.images = torch.full((16, 3, 128, 128), -2.0)
        self.images[:, :, 24:104, 24:104] = 0.0
        self.masks = torch.zeros(16, 1, 128, 128)
        self.masks[:, :, 50:70, 60:80] = 1
        self.images[:, 1][self.masks[:, 0] > 0] = 4.0

    def test_the_mask_moves_with_the_picture(self):
        images, masks = augment.move(self.images, self.masks, torch.zeros(16, 2), 96)
        self.assertEqual(images.shape, (16, 3, 96, 96))
        bright = images[:, 1:2] > 2
        agree = (bright & (masks > 0)).sum() / (bright | (masks > 0)).sum()
        self.assertGreater(agree.item(), 0.9)

    def test_a_crop_is_not_zoomed(self):
        areas = [augment.move(self.images, self.masks, torch.zeros(16, 2), side)[1].sum() for side in (96, 128)]
        self.assertAlmostEqual(float(areas[0] / areas[1]), 1, delta=0.25)

    def test_all_is_finite_and_within_limits(self):
        images, masks = augment.augment(self.images, self.masks, torch.zeros(16, 2), 96)
        self.assertTrue(torch.isfinite(images).all())
        self.assertLessEqual(images.abs().max().item(), augment.LIMIT)
        self.assertEqual(set(masks.unique().tolist()), {0.0, 1.0})

    def test_flair_is_never_dropped(self):
        images = torch.randn(400, 3, 4, 4)
        changed = augment.drop_sequences(images)
        self.assertTrue(torch.equal(changed[:, 1], images[:, 1]))
        dropped = [(changed[:, c] == images[:, 1]).all(dim=(1, 2)) for c in (0, 2)]
        self.assertGreater((dropped[0] & dropped[1]).sum().item(), 10)
        self.assertLess((dropped[0] | dropped[1]).sum().item(), 200)


if __name__ == "__main__":
    unittest.main()
