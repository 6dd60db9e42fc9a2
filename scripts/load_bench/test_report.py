"""What is said of a run, from records as one leaves them."""

import unittest

from load_bench import report, traffic

RUN = {"kind": "run", "date": "2026-01-02", "cores": 2, "cpu": "AVX2", "system": "Linux"}
RUN |= {"gyrus": "0.1.0", "commit": "abc"}
WRK = """Running 20s test @ http://127.0.0.1:1/
  1 threads and 32 connections
  800 requests in 20.05s, 0.50MB read
Requests/sec:     39.90
Transfer/sec:     25.00KB
"""


def records(**changes):
    """A run that misses nothing, with some figures changed."""
    figures = {"ours": 38, "p99": 60, "refused": 90, "other": None, "later": 104, "rude": 0, **changes}
    about = {"device": "cpu", "round": 1}
    rates = {"engine": 40, "Gyrus": figures["ours"], "Flask + Keras": 10, "Flask + ONNX Runtime": 76}
    found = [RUN, {"kind": "agreement", "device": "cpu", "worst": 0.0}]
    found += [{"kind": "throughput", **about, "server": name, "per_second": rate} for name, rate in rates.items()]
    for arrivals in ["even", "random"]:
        times = {"alone_ms": 20, "median_ms": 22, "p99_ms": figures["p99"]}
        found.append({"kind": "latency", **about, "arrivals": arrivals, **times})
    statuses = {"200": 100, "429": figures["refused"], "500": figures["other"]}
    over = {"statuses": {status: count for status, count in statuses.items() if count}}
    over |= {"without_retry_after": figures["rude"], "answered_per_second": 39, "could_per_second": 40}
    over |= {"bytes_first_half": 100, "bytes_second_half": figures["later"]}
    found.append({"kind": "overload", "device": "cpu", **over})
    return [*found, {"kind": "end", "device": "cpu", "ended_by_itself": True}]


class Report(unittest.TestCase):
    def test_a_good_run_misses_nothing(self):
        self.assertEqual(report.misses(records()), [])
        text = report.markdown(records())
        rates, times = "| cpu | 0.95 | 3.80 | 0.50 |", "| cpu | evenly | 1.1 | 3.0 |"
        for row in [rates, times, "| cpu | 100 | 90 | 0 | 0.97 | 1.04 |"]:
            self.assertIn(row, text)

    def test_each_miss_is_named(self):
        cases = [
            ({"ours": 35}, "0.88 of the engine's"),
            ({"p99": 80}, "4.0 times the latency alone"),
            ({"refused": 0}, "nobody was turned away"),
            ({"other": 1}, "answered by 500"),
            ({"later": 106}, "memory grew 1.06 times"),
            ({"rude": 2}, "2 refusals do not say when"),
        ]
        for changes, said in cases:
            missed = report.misses(records(**changes))
            self.assertEqual(len(missed), 1, missed)
            self.assertIn(said, missed[0])

    def test_what_wrk_says_is_held_to_have_no_failures(self):
        self.assertEqual(traffic.rate(WRK), 39.9)
        for failed in ["  Non-2xx or 3xx responses: 7\n", "  Socket errors: connect 0, read 1, write 0, timeout 0\n"]:
            with self.assertRaises(traffic.Refused):
                traffic.rate(failed + WRK)


if __name__ == "__main__":
    unittest.main()
