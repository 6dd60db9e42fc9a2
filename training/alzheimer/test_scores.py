"""The figures against values worked out by hand."""

import unittest

import numpy as np

from training.alzheimer import scores

MILD, MODERATE, NON, VERY_MILD = range(4)


class Auc(unittest.TestCase):
    def test_counts_pairs_in_the_right_order(self):
        # Of the 4 pairs (0.8, 0.4 against 0.6, 0.1) three are in order.
        self.assertEqual(scores.auc(np.array([0.8, 0.6, 0.4, 0.1]), [1, 0, 1, 0]), 0.75)

    def test_ties_count_half(self):
        self.assertEqual(scores.auc(np.array([0.5, 0.5, 0.5]), [1, 0, 0]), 0.5)
        # Pairs: 0.7>0.5, 0.7>0.2, 0.5=0.5, 0.5>0.2.
        self.assertEqual(scores.auc(np.array([0.7, 0.5, 0.5, 0.2]), [1, 1, 0, 0]), 3.5 / 4)

    def test_reversed_scores_give_zero(self):
        self.assertEqual(scores.auc(np.array([0.1, 0.9]), [1, 0]), 0.0)

    def test_needs_both_classes(self):
        self.assertIsNone(scores.auc(np.array([0.1, 0.9]), [1, 1]))


class ClassFigures(unittest.TestCase):
    label = np.array([MILD, MILD, NON, NON, NON, NON])
    predicted = np.array([MILD, NON, NON, NON, NON, MODERATE])

    def setUp(self):
        self.matrix = scores.confusion(self.label, self.predicted)

    def test_confusion_has_truth_in_rows(self):
        expected = [[1, 0, 1, 0], [0, 0, 0, 0], [0, 1, 3, 0], [0, 0, 0, 0]]
        self.assertEqual(self.matrix.tolist(), expected)

    def test_balanced_accuracy_skips_absent_classes(self):
        self.assertAlmostEqual(scores.balanced_accuracy(self.matrix), (1 / 2 + 3 / 4) / 2)

    def test_macro_f1_skips_absent_classes(self):
        # Mild: precision 1, recall 1/2. Non: precision 3/4, recall 3/4.
        self.assertAlmostEqual(scores.macro_f1(self.matrix), (2 / 3 + 3 / 4) / 2)


class Calibration(unittest.TestCase):
    def test_gap_between_confidence_and_accuracy(self):
        p = np.array([[0.9, 0.1, 0, 0], [0.9, 0.1, 0, 0], [0.4, 0.6, 0, 0]])
        # Bin of 0.9: accuracy 1/2, gap 0.4, weight 2/3; bin of 0.6: accuracy 1, gap 0.4.
        self.assertAlmostEqual(scores.calibration_error(p, np.array([0, 1, 1])), 0.4)

    def test_certainty_falls_in_the_last_bin(self):
        self.assertEqual(scores.calibration_error(np.array([[1.0, 0, 0, 0]]), np.array([0])), 0)

    def test_temperature_is_found_again(self):
        generator = np.random.default_rng(0)
        logits = generator.normal(size=(20_000, 4))
        label = np.array([generator.choice(4, p=p) for p in scores.softmax(logits)])
        self.assertAlmostEqual(scores.fit_temperature(3 * logits, label), 3, delta=0.15)

    def test_softmax_of_large_logits(self):
        p = scores.softmax(np.array([[1000.0, 1000.0, 0, 0]]))
        self.assertTrue(np.allclose(p, [[0.5, 0.5, 0, 0]]))


class People(unittest.TestCase):
    p = np.array([[0.2, 0, 0.8, 0], [0.6, 0, 0.4, 0], [0.1, 0, 0.9, 0]])
    label = np.array([MILD, MILD, NON])
    person = np.array(["b", "b", "a"])

    def test_mean_over_slices(self):
        mean, label, names = scores.per_person(self.p, self.label, self.person)
        self.assertEqual(list(names), ["a", "b"])
        self.assertTrue(np.allclose(mean, [[0.1, 0, 0.9, 0], [0.4, 0, 0.6, 0]]))
        self.assertEqual(label.tolist(), [NON, MILD])

    def test_bootstrap_draws_whole_people(self):
        # One right person and one wrong person of 50 slices each: a draw of two people is
        # right on 0, 50 or 100 % of slices, which drawing slices would never show.
        right, wrong = [0.9, 0, 0.1, 0], [0.1, 0, 0.9, 0]
        p = np.array([right] * 50 + [wrong] * 50)
        person = np.array(["a"] * 50 + ["b"] * 50)
        interval = scores.bootstrap(p, np.full(100, MILD), person, resamples=200)["accuracy"]
        self.assertEqual(interval, [0.0, 1.0])

    def test_bootstrap_repeats_with_its_seed(self):
        draw = lambda: scores.bootstrap(self.p, self.label, self.person, resamples=20)
        self.assertEqual(draw(), draw())

    def test_absent_class_has_no_auc(self):
        report = scores.report(np.log(self.p + 0.01), self.label, self.person, 1.0)
        self.assertEqual(report["classes_present"], ["MildDemented", "NonDemented"])
        self.assertIsNone(report["per_slice"]["auc_ModerateDemented"]["value"])
        self.assertEqual(report["per_person"]["auc_demented"]["value"], 1.0)


if __name__ == "__main__":
    unittest.main()
