"""The tables, from records as a run leaves them."""

import unittest

from peers_bench import table

RUN = {
    "kind": "run",
    "date": "2026-01-02",
    "cores": 2,
    "cpu": "AVX2",
    "system": "Linux x86_64",
    "adapter": "llvmpipe",
    "gyrus": "0.1.0",
    "commit": "abc",
}


def about(kind, peer, network="net", batch=1, **values):
    start = {"kind": kind, "peer": peer, "version": "1.0", "runs_on": "CPU", "network": network}
    return {**start, "shape": f"{batch}x1x2x2", "batch": batch, **values}


def time(peer, median, number=1, **values):
    return about("time", peer, round=number, median_ms=median, settings={}, error=1e-6, **values)


class Tables(unittest.TestCase):
    def rows(self, *records):
        return table.markdown([RUN, *records]).splitlines()

    def test_everybody_is_a_row_with_the_ratio_to_gyrus(self):
        slow = {**time("slow", 40), "settings": {"threads": 2, "winograd": 0}}
        rows = self.rows(time("Gyrus", 10), slow, time("Gyrus", 30, 2), {**slow, "round": 2, "median_ms": 60})
        self.assertIn("**net**, 1x1x2x2", rows)
        self.assertIn("| Gyrus 1.0 | CPU | 20.0 |  | 1e-06 |  |", rows)
        self.assertIn("| slow 1.0 | CPU | 50.0 | 0.38 | 1e-06 | threads 2, winograd 0 |", rows)

    def test_a_peer_that_fails_is_a_row_with_its_reason(self):
        rows = self.rows(time("Gyrus", 10), about("failure", "bad", reason="no a|b"))
        self.assertIn("| bad 1.0 | CPU | fails |  |  | no a\\|b |", rows)

    def test_trials_are_in_no_table(self):
        rows = self.rows(time("Gyrus", 10), about("trial", "other", settings={}, min_ms=1, error=0))
        self.assertFalse(any("other" in row for row in rows))

    def test_batches_are_stated_by_the_image(self):
        fails = about("failure", "b", batch=8, reason="fixed")
        rows = self.rows(time("Gyrus", 10), time("Gyrus", 40, batch=8), fails)
        self.assertIn("| net | Gyrus 1.0 | 10.0 | 5.0 | 0.50 |", rows)
        self.assertIn("| net | b 1.0 |  | batch 8 fails: fixed |  |", rows)

    def test_cold_starts_and_memory(self):
        cold = [about("cold", "Gyrus", round=1, median_ms=1000), about("cold", "x", round=1, median_ms=4000)]
        sizes = {"device_bytes": 3 << 20, "weight_bytes": 1 << 20, "live_bytes": 2 << 20, "allowed_bytes": 4 << 20}
        sizes["transfer_bytes"] = 5 << 19
        rows = self.rows(time("Gyrus", 10), *cold, about("memory", "Gyrus", batch=8, **sizes))
        self.assertIn("| net | x 1.0 | 4.00 | 0.25 |", rows)
        self.assertIn("| net | 8 | 3.0 | 1.0 | 2.0 | 4.0 | 2.5 |", rows)

    def test_only_what_is_between_the_markers_changes(self):
        document = f"# Mine\n\n{table.BEGIN}\nold\n{table.END}\n\nmore\n"
        once = table.replaced(document, "new")
        self.assertEqual(once, f"# Mine\n\n{table.BEGIN}\nnew\n{table.END}\n\nmore\n")
        self.assertEqual(table.replaced(once, "new"), once)
        with self.assertRaises(ValueError):
            table.replaced("# Mine\n", "new")


if __name__ == "__main__":
    unittest.main()
