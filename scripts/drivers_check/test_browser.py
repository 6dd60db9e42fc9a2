"""Tests of what is made of a browser's result, and of a check by rustc."""

import unittest

from . import browser, platforms

FOUND = {
    "kind": "browser",
    "browser": "Chromium 1",
    "gyrus": "0.1.0",
    "adapter": {"name": "soft"},
    "suites": {"builtin": {"passed": 3, "failed": 1, "skipped": 2, "not_run": 0}},
    "kernels": {"a_f32": {"passed": 2, "failed": 1}, "b_f32": {"passed": 4, "failed": 0}},
    "unreached": ["c_f32"],
    "skipped": [
        {"runs": 5, "reason": "no subgroups of 8 lanes", "kernels": ["c_f32"]},
        {"runs": 7, "reason": "outside of Gyrus: Loop: operator not supported", "kernels": []},
        {"runs": 4, "reason": "outside of Gyrus: Scan: operator not supported", "kernels": []},
    ],
    "seconds": 9,
}


class Browser(unittest.TestCase):
    def test_the_last_run_is_told_whole(self):
        text = browser.markdown([{**FOUND, "browser": "Chromium 0"}, FOUND])
        for part in ["Chromium 1", "builtin | 3 | 2 | 1 | 0", "`a_f32` | 2/3", "`b_f32` | all 4", "`c_f32` | not reached", "5 | no subgroups of 8", "11 | outside"]:
            self.assertIn(part, text)
        self.assertNotIn("Chromium 0", text)

    def test_suites_of_several_runs_are_told_each(self):
        other = {**FOUND, "suites": {"onnx": {"passed": 9, "failed": 0, "skipped": 0, "not_run": 0}}}
        text = browser.markdown([FOUND, other])
        self.assertIn("builtin | 3 | 2 | 1 | 0", text)
        self.assertIn("onnx | 9 | 0 | 0 | 0", text)


class Platforms(unittest.TestCase):
    def test_a_failed_check_is_said_to_fail(self):
        machine = {"kind": "machine", "commit": "abc", "rustc": "rustc 1", "date": "2026-01-01"}
        failed = {"kind": "system", "what": "macOS", "options": ["--target", "x"], "error": "error[E0432]: no"}
        text = platforms.markdown([machine, failed])
        self.assertIn("macOS | `cargo check --target x` | fails: error[E0432]: no", text)

    def test_lines_that_choose_are_told_from_those_that_do_not(self):
        self.assertTrue(platforms.is_choice("#[cfg(unix)]"))
        self.assertTrue(platforms.is_choice("    if cfg!(windows) {"))
        self.assertFalse(platforms.is_choice("// cfg(windows) is elsewhere"))


if __name__ == "__main__":
    unittest.main()
