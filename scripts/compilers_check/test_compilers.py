"""What is asked of compilers, and how what they say is read. None of them takes part."""

import contextlib
import io
import json
import sys
import tempfile
import textwrap
import unittest
from pathlib import Path
from unittest import mock

from compilers_check import __main__ as command
from compilers_check import dawn, driver, dxc, fxc, kept, spirv_val, variants
from compilers_check.compiler import Compiler, DidNotRun, Missing, Verdict, first_error

ONE = {"id": "a-1", "kernel": "a", "read": "f16", "written": "f32", "subgroups": True, "portable": False}
ONE |= {"constants": {"FIRST": 1.0}, "entry": {"hlsl51": None, "hlsl60": "main", "msl": "main_"}}
INDEX = {"gyrus": "0.1.0", "naga": "30.0.0", "variants": [ONE]}
A = variants.variant(ONE)
SECOND = {**ONE, "id": "a-2"}
# Answers yes to all but `bad`, and dies of `crash`.
PROGRAM = textwrap.dedent("""
    import json, sys
    print(json.dumps({"version": "1"}), flush=True)
    for line in sys.stdin:
        id = line.strip()
        print("what a library prints", flush=True)
        if id == "crash":
            sys.exit(3)
        print(json.dumps({"id": id, "ok": id != "bad", "error": "first\\nerror: because"}), flush=True)
""")


@contextlib.contextmanager
def translations(index=None):
    with tempfile.TemporaryDirectory() as folder:
        if index is not None:
            Path(folder, "index.json").write_text(json.dumps(index))
        yield Path(folder)


class Variants(unittest.TestCase):
    def test_the_index_is_read(self):
        with translations(INDEX) as folder:
            about, found = variants.read(folder)
            self.assertEqual(about, {"gyrus": "0.1.0", "naga": "30.0.0"})
            self.assertEqual((found, found[0].file("spv")), ([A], "a-1.spv"))

    def test_each_kernel_has_its_turn(self):
        names = [("a-1", "a"), ("a-2", "a"), ("b-1", "b"), ("a-3", "a"), ("b-2", "b")]
        found = variants.in_turns([variants.variant({**ONE, "id": id, "kernel": kernel}) for id, kernel in names])
        self.assertEqual([one.id for one in found], ["a-1", "b-1", "a-2", "b-2", "a-3"])

    def test_empty_files_are_not_written(self):
        with translations() as folder:
            for text, count in [(None, 0), ("", 0), ("text", 1)]:
                if text is not None:
                    (folder / "a-1.metal").write_text(text)
                self.assertEqual(len(variants.written(folder, [A], "metal")), count)

    def test_a_translation_that_is_not_there_is_refused(self):
        with translations() as folder:
            self.assertEqual(spirv_val.SpirvVal().check(folder, [A]), {"a-1": Verdict("there is no a-1.spv")})


class Drivers(unittest.TestCase):
    def verdicts(self, *ids):
        with mock.patch("os.cpu_count", return_value=1):
            return driver.Driver([sys.executable, "-c", PROGRAM]).verdicts({id: id for id in ids}, ".")

    def test_every_file_gets_its_verdict(self):
        found = self.verdicts("good", "bad")
        self.assertEqual(found, {"good": Verdict(), "bad": Verdict("error: because")})

    def test_a_crash_refuses_the_file_and_no_other(self):
        found = self.verdicts("good", "crash", "bad", "better")
        self.assertEqual(found["crash"].error, "the compiler ended with code 3 here")
        self.assertEqual([found[id].passed for id in ["good", "bad", "better"]], [True, False, True])

    def test_a_compiler_that_computes_for_ever_is_stopped(self):
        program = PROGRAM.replace("sys.exit(3)", "[0 for _ in iter(int, 1)]")
        with mock.patch.object(driver, "LIMIT_S", 1), mock.patch("os.cpu_count", return_value=1):
            found = driver.Driver([sys.executable, "-c", program]).verdicts({"crash": "crash", "good": "good"}, ".")
        self.assertEqual(found["crash"].error, "the compiler was stopped after 1 s of computing here")
        self.assertTrue(found["good"].passed and found["good"].seconds is not None)

    def test_a_compiler_that_somebody_ends_refuses_nothing(self):
        program = PROGRAM.replace("sys.exit(3)", "import os; os.kill(os.getpid(), 15)")
        with self.assertRaises(DidNotRun):
            driver.Driver([sys.executable, "-c", program]).verdicts({"crash": "crash"}, ".")

    def test_without_a_greeting_there_are_no_verdicts(self):
        for program in ["raise SystemExit('error: no library')", "print('{}')"]:
            with self.assertRaises(DidNotRun):
                driver.Driver([sys.executable, "-c", program]).verdicts({"good": "good"}, ".")
        with self.assertRaises(DidNotRun):
            driver.Driver(["/no/such/program"]).greeting()


class Words(unittest.TestCase):
    def test_the_first_error_without_folders(self):
        cases = [
            ("warning: x\nerror: line 3: y\nerror: z", "error: line 3: y"),
            ("only this", "only this"),
            ("", "no reason given"),
            ("Z:\\some\\where\\a-1.hlsl51(8,5): error X3004: no 'b'", "a-1.hlsl51(8,5): error X3004: no 'b'"),
            ("/some/where/a-1.spv: error", "a-1.spv: error"),
            ("7:4 error: cannot divide a / b", "7:4 error: cannot divide a / b"),
        ]
        for text, expected in cases:
            self.assertEqual(first_error(text), expected)

    def test_exactly_one_rule_is_waived(self):
        rule = "error: line 9: [VUID-StandaloneSpirv-None-10684] Invalid explicit layout decorations on type"
        layout = "storage class has an explicit layout from the"
        cases = [
            (f"{rule} '4[%a]', the Workgroup {layout} ArrayStride decoration", True),
            (f"{rule} for operand '4[%a]'\n  %a = OpVariable %p Workgroup\n", True),
            (f"{rule} '4[%a]', the Private {layout} ArrayStride decoration", False),
            (f"{rule} '4[%a]', the Workgroup {layout} Offset decoration", False),
            (f"{rule} for operand '4[%a]'\n  %a = OpVariable %p Private\n", False),
            ("error: line 9: [VUID-StandaloneSpirv-None-04633] Workgroup", False),
        ]
        for text, is_waived in cases:
            found = spirv_val.verdict(1, text)
            self.assertEqual((found.passed, found.is_waived), (False, is_waived), text)
        self.assertTrue(spirv_val.verdict(0, "").passed)

    def test_what_each_is_given(self):
        self.assertFalse(fxc.Fxc().is_given(A) or fxc.Fxc().must_take(A))
        asked = json.loads(dawn.Dawn().line(A))
        self.assertEqual(asked, {"id": "a-1", "file": "a-1.wgsl", "subgroups": True, "constants": {"FIRST": 1.0}})


class Versions(unittest.TestCase):
    def missing(self, compiler):
        with self.assertRaises(Missing) as found:
            compiler.version()
        return str(found.exception)

    def test_tools_that_are_missing_are_named_with_the_command(self):
        with translations() as folder, mock.patch.dict("os.environ", {"PATH": str(folder)}):
            self.assertIn("spirv-val is missing; to install it: apt-get install", self.missing(spirv_val.SpirvVal()))
            self.assertIn("node is missing; to install it: apt-get install", self.missing(dawn.Dawn()))
        with mock.patch.object(dxc, "PROGRAM", Path("/no/such/program")):
            self.assertIn("program is missing; to install it: scripts/compilers", self.missing(dxc.Dxc()))
        with mock.patch.object(fxc, "WINE", Path("/no/such/wine")):
            self.assertIn("wine64 is missing; to install it: scripts/compilers", self.missing(fxc.Fxc()))

    def test_other_versions_are_not_taken(self):
        with translations() as folder, mock.patch.object(dawn, "MODULE", folder):
            with mock.patch.object(dawn, "said", return_value="v20"):
                (folder / "package.json").write_text(json.dumps({"version": "0.60.1"}))
                self.assertIn("npm webgpu is 0.60.1 and not 0.6; to install it: npm", self.missing(dawn.Dawn()))
        here = Path(__file__)
        with mock.patch.multiple(dxc, PROGRAM=here, LIBRARY=here), mock.patch.object(dxc, "Driver") as driven:
            driven.return_value.greeting.return_value = {"version": "1.8.1"}
            self.assertIn("DXC is 1.8.1 and not 1.7; to install it: rm", self.missing(dxc.Dxc()))

    def test_a_library_of_somebody_else_is_not_taken(self):
        here = Path(__file__)
        with mock.patch.multiple(fxc, PROGRAM=here, LIBRARY=here, WINE=here), mock.patch.object(fxc, "Driver") as driven:
            driven.return_value.greeting.return_value = {"version": "10.0", "maker": ""}
            self.assertIn("d3dcompiler_47.dll is of nobody; to install it", self.missing(fxc.Fxc()))


class Fake(Compiler):
    key = name = "fake"
    ending = "x"
    broken = {"bad": b""}

    def version(self):
        return "1"

    def how(self):
        return "fake"

    def check(self, folder, variants, heard=None):
        return {one.id: Verdict("error: no" if one.id in ["bad", "a-2"] else None) for one in variants}


class Gone(Fake):
    key = name = "gone"

    def version(self):
        raise Missing("gone is missing", "install gone")


class Believing(Fake):
    key = name = "believing"

    def check(self, folder, variants, heard=None):
        return {one.id: Verdict() for one in variants}


class Slow(Compiler):
    """Says what it was asked for; `a-2` is refused."""

    ending = "hlsl60"

    def __init__(self, way="fast"):
        self.way = way
        self.asked = []

    def how(self):
        return self.way

    def answers(self, folder, variants, heard):
        self.asked = [one.id for one in variants]
        found = {one.id: Verdict("error: no" if one.id == "a-2" else None, seconds=1.5) for one in variants}
        for id, one in found.items():
            heard(id, one)
        return found


class WhatIsKept(unittest.TestCase):
    def asked(self, folder, version="1", way="fast"):
        compiler = Slow(way)
        found, before = kept.Kept(folder / "passed", compiler, version).check(folder, [A, variants.variant(SECOND)])
        self.assertEqual([found[id].passed for id in ["a-1", "a-2"]], [True, False])
        self.assertEqual((found["a-1"].seconds, before), (1.5, 2 - len(compiler.asked)))
        return compiler.asked

    def test_only_passes_of_the_same_version_on_the_same_bytes_are_kept(self):
        with translations() as folder:
            for id in ["a-1", "a-2"]:
                (folder / f"{id}.hlsl60").write_text(id)
            self.assertEqual(self.asked(folder), ["a-1", "a-2"])
            self.assertEqual(self.asked(folder), ["a-2"])
            self.assertEqual(self.asked(folder, version="2"), ["a-1", "a-2"])
            self.assertEqual(self.asked(folder, way="other"), ["a-1", "a-2"])
            (folder / "a-1.hlsl60").write_text("changed")
            self.assertEqual(self.asked(folder), ["a-1", "a-2"])
            self.assertEqual(len(dict(kept.read(folder / "passed"))), 1, "of what is no more nothing is kept")

    def test_what_passed_and_is_not_there_is_refused(self):
        with translations() as folder:
            found, before = kept.Kept(folder / "passed", Slow(), "1").check(folder, [A])
            self.assertEqual((found["a-1"].error, before), ("there is no a-1.hlsl60", 0))

    def test_half_a_line_is_not_believed(self):
        with translations() as folder:
            (folder / "passed").write_text(f"{'a' * 32} 1.5\n{'b' * 32} \n{'c' * 30}")
            self.assertEqual(dict(kept.read(folder / "passed")), {"a" * 32: 1.5})


class Runs(unittest.TestCase):
    def run_with(self, *compilers, index=INDEX, written=True):
        """Exit code, what was recorded, what was complained of."""
        said = io.StringIO()
        with translations(index) as folder, mock.patch.object(command, "COMPILERS", compilers):
            if written:
                for id in ["a-1", "a-2"]:
                    (folder / f"{id}.metal").write_text("text")
            record = folder / "kept/records.jsonl"
            arguments = ["compilers", "--translations", str(folder), "--record", str(record)]
            with mock.patch.object(sys, "argv", arguments), contextlib.redirect_stderr(said):
                with contextlib.redirect_stdout(said), self.assertRaises(SystemExit) as left:
                    command.main()
            records = [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []
        return left.exception.code, records, said.getvalue()

    def test_all_pass(self):
        code, records, _ = self.run_with(Fake)
        self.assertEqual((code, [record["kind"] for record in records]), (0, ["machine", "written", "compiler"]))
        self.assertEqual(records[2]["broken_refused"], 1)

    def test_a_refusal_is_said_and_ends_with_1(self):
        code, records, said = self.run_with(Fake, index={**INDEX, "variants": [ONE, SECOND]})
        self.assertEqual((code, len(records)), (1, 3))
        self.assertIn("fake: a-2: error: no", said)

    def test_what_naga_did_not_write_ends_with_1(self):
        code, _, said = self.run_with(Fake, written=False)
        self.assertEqual(code, 1)
        self.assertIn("nothing was written in MSL", said)

    def test_a_missing_tool_is_named_and_nothing_is_recorded(self):
        code, records, said = self.run_with(Fake, Gone)
        self.assertEqual((code, records), (2, []))
        self.assertIn("gone is missing; to install it: install gone", said)

    def test_who_takes_everything_is_not_believed(self):
        code, records, said = self.run_with(Believing)
        self.assertEqual((code, records), (2, []))
        self.assertIn("believing takes what it must refuse: bad", said)

    def test_translations_that_cannot_be_read(self):
        for index in [None, [], {}, {**INDEX, "variants": [{}]}]:
            code, records, said = self.run_with(Fake, index=index)
            self.assertEqual((code, records), (2, []))
            self.assertIn("`cargo test --test compilers` writes it", said)

    def test_an_empty_index_proves_nothing(self):
        code, records, _ = self.run_with(Fake, index={**INDEX, "variants": []})
        self.assertEqual((code, records), (2, []))

    def test_only_known_compilers_can_be_asked_for(self):
        self.assertEqual(command.keys("dawn,spirv-val"), ["spirv-val", "dawn"])
        with self.assertRaises(Exception):
            command.keys("dxc,cg")


if __name__ == "__main__":
    unittest.main()
