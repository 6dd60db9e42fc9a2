"""Tests of what is made of a conformance report."""

import unittest

from . import report

ADAPTER = {"name": "soft", "driver": "1.0", "subgroup": 4, "f16": False}


def case(suite, name, outcome, kernels, **more):
    return {"suite": suite, "group": "g", "case": name, "outcome": outcome, "kernels": kernels, **more}


FOUND = {
    "seconds": 1.6,
    "unreached_kernels": ["idle_f32"],
    "cases": [
        case("builtin", "a", "passed", ["one_f32", "two_f32"]),
        case("builtin", "b", "failed", ["two_f32"], reason="element 3 is 1"),
        case("onnx", "c", "skipped", [], reasons=[]),
        case("onnx", "d", "not_run", [], reason="the device was lost"),
    ],
}


class Report(unittest.TestCase):
    def setUp(self):
        self.record = report.record(ADAPTER, FOUND)

    def test_cases_are_counted_by_suite_and_kernel(self):
        self.assertEqual(self.record["suites"]["builtin"], {"passed": 1, "skipped": 0, "failed": 1, "not_run": 0})
        self.assertEqual(self.record["suites"]["onnx"], {"passed": 0, "skipped": 1, "failed": 0, "not_run": 1})
        self.assertEqual(self.record["kernels"], {"one_f32": [1, 1], "two_f32": [1, 2]})

    def test_what_fails_is_named_and_what_did_not_run_is_no_success(self):
        lines = report.failures([self.record])
        self.assertEqual(lines, ["soft: builtin/g/b: element 3 is 1", "soft: onnx/g/d: the device was lost"])

    def test_the_tables_hide_nothing(self):
        other = {**self.record, "adapter": "other", "kernels": {"one_f32": [1, 1]}, "suites": {}, "unreached": []}
        machine = {"kind": "machine", "date": "2026-01-01", "gyrus": "0.1.0", "commit": "abc"}
        text = report.markdown([machine, self.record, other])
        for part in ["`two_f32` | 1/2 | not reached", "soft has no use for: idle_f32", "1 fail", "not run", "at abc"]:
            self.assertIn(part, text)


if __name__ == "__main__":
    unittest.main()
