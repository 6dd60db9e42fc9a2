"""PYTHONPATH=scripts python3 -m unittest discover -s scripts/mutants_check -t scripts"""

import json
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from compilers_check.compiler import DidNotRun

from . import kept, report
from .__main__ import fate
from .equivalents import Equivalents

ENTRY = {"shader": "a.wgsl", "lines": ["let a = b + 1u;"], "changes": ["1u -> 2u"], "reason": "nothing reads it"}


def mutant(fate="survived", **changed):
    about = {"id": "a.wgsl:1:1 1u -> 2u", "shader": "a.wgsl", "code": "let a = b + 1u;", "from": "1u", "to": "2u"}
    return {"kind": "mutant", "mistake": "literal", **about, "fate": fate, **changed}


class Reports(unittest.TestCase):
    def records(self, *mutants, of=None):
        about = {"date": "2026-01-01", "commit": "abc", "device": "a device", "mutants": of or len(mutants)}
        return [{"kind": "machine", **about}, *mutants]

    def test_survivors_want_a_reason(self):
        records = self.records(mutant(), of=2)
        self.assertEqual(report.faults(records, Equivalents([ENTRY])), [])
        [fault] = report.faults(records, Equivalents([]))
        self.assertIn("survives without a reason: a.wgsl:1:1", fault)

    def test_a_reason_is_for_one_change_of_one_line(self):
        for other in [{"to": "0u"}, {"code": "let a = c + 1u;"}, {"shader": "b.wgsl"}]:
            self.assertIsNone(Equivalents([ENTRY]).reason(mutant(**other)), other)
        every_change = {key: value for key, value in ENTRY.items() if key != "changes"}
        self.assertEqual(Equivalents([every_change]).reason(mutant(to="0u")), ENTRY["reason"])

    def test_the_same_code_needs_no_reason(self):
        records = self.records(mutant("same"), of=2)
        self.assertEqual(report.faults(records, Equivalents([])), [])
        self.assertIn("the same code", report.survivors(records, Equivalents([])))

    def test_reasons_for_nothing_are_told(self):
        killed = [mutant("killed", code="other")] * 99
        faults = report.faults(self.records(*killed), Equivalents([ENTRY]))
        self.assertEqual(len(faults), 1)
        self.assertIn("does not survive", faults[0])

    def test_what_is_killed_is_not_excused(self):
        records = self.records(mutant(id="a.wgsl:1:1 1u -> 2u"), *[mutant("killed", id="a.wgsl:2:9 1u -> 2u")] * 19)
        [fault] = report.faults(records, Equivalents([ENTRY]))
        self.assertIn("is killed too", fault)
        placed = {**ENTRY, "changes": ["1u -> 2u at 1:1"]}
        self.assertEqual(report.faults(records, Equivalents([placed])), [])

    def test_nineteen_of_twenty_must_be_killed(self):
        killed = [mutant("killed", code="other")] * 18
        faults = report.faults(self.records(mutant(), mutant("unreached"), *killed), Equivalents([ENTRY]))
        self.assertEqual(faults, ["less than 95% are killed"])

    def test_what_was_not_tried_is_told(self):
        text = report.markdown(self.records(mutant("killed"), of=3), Equivalents([]))
        self.assertTrue(text.startswith("Not whole: 1 of 3 mutants have been tried."), text)
        self.assertNotIn("Not whole", report.markdown(self.records(mutant("killed")), Equivalents([])))

    def test_what_is_no_shader_is_not_counted(self):
        said = report.summary(self.records(mutant("killed"), mutant("stillborn")))
        self.assertTrue(said.startswith("1 of 1 mutants are killed, 100.0%."), said)
        self.assertTrue(said.endswith(" 1 more are no shaders."), said)

    def test_bounds_are_counted_beside_the_others(self):
        killed = [mutant("killed", code="other")] * 19
        records = self.records(mutant(), mutant(mistake="bound"), *killed)
        self.assertEqual(report.faults(records, Equivalents([ENTRY])), [])
        self.assertIn("19 of 20 mutants are killed, 95.0%. Beside these 0 of 1 are of bounds, with which it is 90.5%.", report.summary(records))

    def test_the_table_counts_by_shader_and_by_mistake(self):
        text = report.markdown(self.records(mutant("killed", by="time"), mutant("survived")), Equivalents([ENTRY]))
        self.assertIn("| `a.wgsl` | 2 | 1 | 1 | 1 | 0 |", text)
        self.assertIn("| `literal` | 2 | 1 | 1 | 1 | 0 |", text)
        self.assertIn("nothing reads it", report.survivors(self.records(mutant()), Equivalents([ENTRY])))


class Kept(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "shaders").mkdir()
        self.write("shaders/a.wgsl", "one")
        self.write("program", "one")
        patch = mock.patch.object(kept, "ROOT", self.folder)
        patch.start()
        self.addCleanup(patch.stop)

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def opened(self, reasons=()):
        paths = [self.folder / "records.jsonl", self.folder / "fates.jsonl"]
        return kept.Kept(paths, self.folder / "program", Equivalents(reasons))

    def test_what_was_recorded_is_known(self):
        first = self.opened()
        first.keep(mutant(), {"fate": "killed", "by": "a case"})
        records = first.records([mutant(), mutant(id="other")])
        self.assertEqual([one["id"] for one in records], [mutant()["id"]])
        self.write("records.jsonl", "".join(json.dumps(one) + "\n" for one in records))
        (self.folder / "fates.jsonl").unlink()
        self.assertEqual(self.opened().fate(mutant()), {"fate": "killed", "by": "a case"})
        self.assertEqual(self.opened().records([mutant()]), records)
        [again] = self.opened().records([mutant(mistake="bound")])
        self.assertEqual(again["mistake"], "bound", "what is said of it is said by the program")

    def test_a_survival_with_a_reason_holds_for_the_shader(self):
        self.opened().keep(mutant(), {"fate": "survived"})
        self.write("program", "two")
        self.assertIsNone(self.opened().fate(mutant()))
        self.assertEqual(self.opened(reasons=[ENTRY]).fate(mutant()), {"fate": "survived"})
        self.write("shaders/a.wgsl", "two")
        self.assertIsNone(self.opened(reasons=[ENTRY]).fate(mutant()))

    def test_a_death_holds_for_the_shader_and_a_survival_for_the_program(self):
        self.opened().keep(mutant(), {"fate": "killed"})
        self.opened().keep(mutant(id="other"), {"fate": "survived"})
        self.assertEqual(self.opened().fate(mutant()), {"fate": "killed"})
        self.assertEqual(self.opened().fate(mutant(id="other")), {"fate": "survived"})
        self.write("program", "two")
        self.assertEqual(self.opened().fate(mutant()), {"fate": "killed"})
        self.assertIsNone(self.opened().fate(mutant(id="other")))
        self.write("shaders/a.wgsl", "two")
        self.assertIsNone(self.opened().fate(mutant()))

    def test_a_program_is_checked_once(self):
        self.assertEqual(self.opened().checked(lambda: 7), 7)
        self.assertEqual(self.opened().checked(lambda: self.fail("again")), 7)
        self.write("program", "two")
        self.assertEqual(self.opened().checked(lambda: 8), 8)

    def test_a_line_cut_short_is_left_out(self):
        self.opened().keep(mutant(), {"fate": "killed"})
        with (self.folder / "fates.jsonl").open("a") as file:
            file.write(json.dumps({"id": "half"})[:-4])
        self.assertEqual(self.opened().fate(mutant()), {"fate": "killed"})

    def test_what_is_forgotten_does_not_come_back(self):
        self.write("shaders/b.wgsl", "one")
        other = mutant(id="other", shader="b.wgsl")
        first = self.opened()
        for one in [mutant(), other]:
            first.keep(one, {"fate": "killed"})
        self.write("records.jsonl", "".join(json.dumps(one) + "\n" for one in first.records([mutant(), other])))
        first.forget([mutant()])
        for opened in [first, self.opened()]:
            self.assertIsNone(opened.fate(mutant()))
            self.assertEqual(opened.fate(other), {"fate": "killed"})


class Fates(unittest.TestCase):
    def test_a_process_that_dies_of_a_mutant_has_noticed_it(self):
        found = fate({"id": "a", "ended": "ended by signal 11"})
        self.assertEqual((found["fate"], found["said"]), ("killed", "it ended by signal 11"))
        with self.assertRaises(DidNotRun):
            fate({"id": "a", "ended": "ended with code 1"})
        self.assertEqual(fate({"id": "a", "fate": "survived", "runs": 3, "seconds": 1.0}), {"fate": "survived", "runs": 3})


if __name__ == "__main__":
    unittest.main()
