"""Medians, ratios, errors, reasons and live sets, on numbers small enough to count by hand."""

import unittest

import numpy as np

from peers_bench import compare, figures, memory, reasons


def rounds(*medians):
    return [{"round": number, "median_ms": value} for number, value in enumerate(medians, 1)]


class Figures(unittest.TestCase):
    def test_the_ratio_is_taken_within_rounds(self):
        # The second round was slow for both: the medians alone would say 20 / 40.
        self.assertEqual(figures.ratio(rounds(10, 40, 20), rounds(40, 160, 20)), 0.25)

    def test_a_round_that_one_of_them_missed_does_not_count(self):
        self.assertEqual(figures.ratio(rounds(10, 10), rounds(20)), 0.5)
        self.assertIsNone(figures.ratio(rounds(), rounds(20)))

    def test_slow_engines_run_less_often(self):
        self.assertEqual(figures.runs_for(10, 100, 50), 10)
        self.assertEqual(figures.runs_for(0, 100, 50), 50)
        self.assertEqual(figures.runs_for(1e6, 100, 50), 2)


class Errors(unittest.TestCase):
    def test_errors_are_parts_of_the_largest_value(self):
        right = [np.float32([0, -4]), np.float32([1, 2, 10])]
        found = [np.float32([1, 2, 10.5]), np.float32([0.1, -4])]
        self.assertAlmostEqual(compare.error(right, found), 0.05, places=6)

    def test_outputs_of_one_size_keep_their_order(self):
        right = [np.float32([1, 0]), np.float32([0, 1])]
        self.assertEqual(compare.error(right, right), 0)
        self.assertEqual(compare.error(right, right[::-1]), 1)

    def test_an_output_that_is_missing_is_no_answer(self):
        with self.assertRaisesRegex(ValueError, "3 values"):
            compare.error([np.zeros(2), np.zeros(3)], [np.zeros(2), np.zeros(2)])

    def test_not_a_number_is_wrong(self):
        right = [np.float32([1, 2]), np.float32([1])]
        self.assertFalse(compare.is_right(compare.error(right, [np.float32([1, np.nan]), np.float32([1])])))
        self.assertTrue(compare.is_right(compare.error(right, right)))
        self.assertFalse(compare.is_right(2e-3))


class Reasons(unittest.TestCase):
    def test_the_message_of_a_panic(self):
        log = "thread 'main' panicked at /home/me/.registry/a.rs:7:5:\nno Gru here\nnote: run with `RUST_BACKTRACE=1`\n"
        self.assertEqual(reasons.last_words(log), "no Gru here")

    def test_the_first_error_of_a_build(self):
        log = "warning: old\nerror[E0432]: unresolved import `a`\n --> src/main.rs\nerror: could not compile\n"
        self.assertEqual(reasons.last_words(log), "error[E0432]: unresolved import `a`")

    def test_the_last_line_of_anything_else(self):
        self.assertEqual(reasons.last_words("one\n\n  two\n"), "two")
        self.assertEqual(reasons.last_words(""), "it said nothing")

    def test_no_path_of_the_machine_is_left(self):
        said = reasons.short("cannot read /root/some-host.io/a/model.onnx: gone")
        self.assertEqual(said, "cannot read model.onnx: gone")
        self.assertEqual(len(reasons.short("long " * 100)), reasons.LONGEST)


def at(slab, offset, size):
    return {"buffer": {"slab": slab}, "offset": offset, "size": size}


def plan(*steps, inputs=(), outputs=()):
    steps = [{"inputs": list(read), "output": written} for read, written in steps]
    ports = [[{"range": r} for r in ranges] for ranges in [inputs, outputs]]
    return {"steps": steps, "inputs": ports[0], "outputs": ports[1], "weights": [{"bytes": 100}, {"bytes": 50}]}


class LiveSet(unittest.TestCase):
    weights = {"buffer": {"weights": 0}, "offset": 0, "size": 100}

    def test_a_chain_needs_two_neighbours(self):
        a, b, c = at(0, 0, 10), at(1, 0, 30), at(0, 0, 20)
        self.assertEqual(memory.live_bytes(plan(([a, self.weights], b), ([b], c), inputs=[a], outputs=[c])), 50)

    def test_a_value_that_is_read_again_is_needed_until_then(self):
        a, b, c = at(0, 0, 10), at(1, 0, 10), at(2, 0, 10)
        self.assertEqual(memory.live_bytes(plan(([a], b), ([b], c), ([a, c], b), inputs=[a], outputs=[b])), 30)

    def test_what_is_written_over_is_not_needed_before(self):
        a, b = at(0, 0, 10), at(1, 0, 10)
        chain = plan(([a], b), ([b], a), ([a], b), inputs=[a], outputs=[b])
        self.assertEqual(memory.live_bytes(chain), 20)

    def test_the_allowance_is_weights_and_more_than_the_live_set(self):
        a, b = at(0, 0, 100), at(0, 100, 100)
        self.assertEqual(memory.allowed_bytes(plan(([a], b), inputs=[a], outputs=[b])), 150 + 260)

    def test_each_lane_holds_all_inputs_and_outputs_from_where_memory_may_be_mapped(self):
        a, b = at(0, 0, 100), at(0, 104, 8)
        self.assertEqual(memory.transfer_bytes(plan(([a], b), inputs=[a], outputs=[b])), 2 * (104 + 8))


if __name__ == "__main__":
    unittest.main()
