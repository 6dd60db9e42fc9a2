"""What is said of a run, from verdicts and from records."""

import unittest

from compilers_check import report
from compilers_check.compiler import Compiler, Verdict
from compilers_check.variants import Variant

MACHINE = {"kind": "machine", "gyrus": "0.1.0", "naga": "30.0.0", "commit": "abc", "date": "2026-01-02"}


class Strict(Compiler):
    """Is not given subgroups, and need not take what is not portable."""

    key, name, stands_for, ending = "strict", "Strict", "Nowhere", "x"

    def how(self):
        return "with care"

    def is_given(self, variant):
        return not variant.subgroups

    def must_take(self, variant):
        return variant.portable


class Absent(Compiler):
    key, name, stands_for = "absent", "Absent", "Elsewhere"


def variant(id, kernel, subgroups=False, portable=True):
    return Variant(id, kernel, subgroups, portable, {}, {"x": "main"})


ALL = [
    variant("a-1", "a"),
    variant("a-2", "a"),
    variant("b-1", "b"),
    variant("extra-1", "extra", portable=False),
    variant("group-1", "group", subgroups=True),
]


def records(**errors):
    """Of a run in which these variants, by their ids with an underscore, are refused."""
    verdicts = {one.id: Verdict(errors.get(one.id.replace("-", "_"))) for one in ALL[:4]}
    return [MACHINE, report.record(Strict(), "1.0", ALL, ALL[:4], verdicts)]


def markdown(found):
    return report.markdown(found, [Strict, Absent]).splitlines()


class Records(unittest.TestCase):
    def test_a_good_run_refuses_nothing(self):
        found = records()
        self.assertEqual(report.refusals(found), [])
        self.assertEqual((found[1]["variants"], found[1]["passed"]), (4, 4))
        self.assertEqual(found[1]["kernels"], {"a": [2, 2], "b": [1, 1], "extra": [1, 1]})
        self.assertEqual(found[1]["not_given"], {"group": 1})

    def test_what_is_refused_is_named_with_its_reason(self):
        found = records(a_2="error: no", extra_1="error: too much")
        self.assertEqual(report.refusals(found), ["Strict: a-2: error: no"])
        self.assertEqual(found[1]["refused_as_expected"][0]["id"], "extra-1")
        self.assertEqual(found[1]["passed"], 2)

    def test_what_is_waived_neither_passes_nor_is_refused(self):
        verdicts = {"a-1": Verdict("error: 10684", is_waived=True), "a-2": Verdict()}
        found = report.record(Strict(), "1.0", ALL[:2], ALL[:2], verdicts)
        self.assertEqual((found["passed"], found["failures"], len(found["waived"])), (1, [], 1))

    def test_what_was_not_written_is_refused(self):
        found = [report.written("MSL", ALL[:2], ALL[:1])]
        self.assertEqual(report.refusals(found), ["naga: a-2: nothing was written in MSL"])


class Tables(unittest.TestCase):
    def test_a_compiler_that_was_not_run_has_no_figures(self):
        rows = markdown(records())
        self.assertIn("| Strict | 1.0 | Nowhere | 4 | 4 | with care |", rows)
        self.assertIn("| Absent |  | Elsewhere |  |  | not run |", rows)

    def test_kernels_by_compilers(self):
        rows = markdown(records(a_2="error: no"))
        for row in ["| `a` | 1/2 | not run |", "| `b` | all 1 | not run |", "| `group` | not given | not run |"]:
            self.assertIn(row, rows)

    def test_what_counts_would_hide_is_said(self):
        text = "\n".join(markdown(records(a_2="error: no", extra_1="error: no")))
        for line in ["1 not given, for want of subgroups there (group).", "should not be (a).", "be taken (extra)."]:
            self.assertIn(f"{line}\n", text)

    def test_who_has_users_wait_is_said(self):
        for seconds, is_said in [(30.2, True), (1.0, False)]:
            verdicts = {"a-1": Verdict(seconds=seconds), "a-2": Verdict(seconds=0.5), "b-1": Verdict()}
            found = [MACHINE, report.record(Strict(), "1.0", ALL[:3], ALL[:3], verdicts)]
            self.assertEqual(found[1]["slowest"], {"id": "a-1", "kernel": "a", "seconds": seconds})
            line = "- Strict: 31 s of computing, 30 s of it for one variant of `a`."
            self.assertEqual(line in markdown(found), is_said)

    def test_of_msl_no_more_is_said_than_that_it_was_written(self):
        rows = markdown([*records(), report.written("MSL", ALL, ALL)])
        self.assertIn("| naga's MSL writer |  | Metal | 5 |  | 5 written, compiled by nobody |", rows)


if __name__ == "__main__":
    unittest.main()
