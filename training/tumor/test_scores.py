"""The figures on stacks small enough to count by hand."""

import unittest

import numpy as np

from training.tumor import scores


def boxes(*ranges, shape=(4, 10, 10)):
    """A stack with these boxes set."""
    mask = np.zeros(shape, bool)
    for z, y, x in ranges:
        mask[slice(*z), slice(*y), slice(*x)] = True
    return mask


class Figures(unittest.TestCase):
    truth = boxes(((1, 3), (2, 6), (2, 6)))

    def test_overlap(self):
        # 2x4x4 against 2x4x4 shifted by 2: 16 of 32 in common.
        found = boxes(((1, 3), (2, 6), (4, 8)))
        self.assertAlmostEqual(scores.dice(found, self.truth), 0.5)
        self.assertAlmostEqual(scores.iou(found, self.truth), 1 / 3)

    def test_empty_against_empty_is_right(self):
        empty = np.zeros((2, 4, 4), bool)
        self.assertEqual((scores.dice(empty, empty), scores.iou(empty, empty)), (1.0, 1.0))
        self.assertIsNone(scores.hausdorff95(empty, empty))

    def test_hausdorff_of_a_shift_is_the_shift(self):
        found = boxes(((1, 3), (2, 6), (4, 8)))
        self.assertAlmostEqual(scores.hausdorff95(found, self.truth), 2)
        self.assertEqual(scores.hausdorff95(self.truth, self.truth), 0)

    def test_specks_are_judged_across_slices(self):
        # Two pixels a slice, eight in the stack; and one of three pixels.
        mask = boxes(((0, 4), (0, 2), (0, 1)), ((2, 3), (7, 8), (5, 8)))
        kept = scores.without_specks(mask, 8)
        self.assertEqual(kept.sum(), 8)
        self.assertFalse(kept[2, 7].any())

    def test_false_pixels_count_on_empty_slices_only(self):
        found = boxes(((0, 3), (2, 4), (2, 4)))
        figures = scores.figures(scores.Stack("p", found, self.truth))
        self.assertEqual(figures["empty_slices"], 2)
        self.assertEqual(figures["false_pixels_on_empty_slices"], 4)
        self.assertEqual(figures["empty_slices_with_false_pixels"], 1)
        self.assertAlmostEqual(figures["sensitivity"], 8 / 32)

    def test_report_names_the_worst(self):
        good = scores.Stack("good", self.truth, self.truth)
        bad = scores.Stack("bad", ~self.truth, self.truth)
        report = scores.report([good, bad])
        self.assertEqual(report["worst"], {"patient": "bad", "dice": 0.0})
        self.assertEqual(report["mean_dice"]["value"], 0.5)
        self.assertEqual(report["mean_dice"]["interval_95"], [0.0, 1.0])


if __name__ == "__main__":
    unittest.main()
