"""Choosing settings and talking to processes, with peers that are a few lines of Python."""

import contextlib
import io
import sys
import tempfile
import unittest
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from peers_bench import choose, measure
from peers_bench.peers.peer import Peer
from peers_bench.process import PeerFailed, Process
from peers_bench.session import Session

# Answers [value] after so many milliseconds, as it says itself.
PROGRAM = """
import struct, sys
out, ms, value, fault = sys.argv[1:]
print("peer: started", flush=True)
print("a library's chatter", flush=True)
if fault == "load": sys.exit("no such operator: Gru")
print("peer: ready fake", flush=True)
for line in sys.stdin:
    if line.startswith("run"):
        if fault == "run": print("peer: error too small", flush=True)
        print("peer: times", *[ms] * int(line.split()[1]), flush=True)
    else:
        open(f"{out}/0.f32", "wb").write(struct.pack("<f", float(value)))
        print("peer: saved", flush=True)
"""


@dataclass(frozen=True)
class Net:
    name: str = "net"
    sizes: str = "1x1"
    batch: int = 1


class Fake(Peer):
    name = "fake"

    def __init__(self, **choices):
        self.choices = choices

    def version(self):
        return "1.0"

    def open(self, network, out, settings, adapter, more=None):
        words = [settings.get("ms", 5), settings.get("value", 1), settings.get("fault", "none")]
        return Process([sys.executable, "-c", PROGRAM, out, *words])


class SlowAtFirst(Fake):
    opened = 0

    def open(self, network, out, settings, adapter, more=None):
        self.opened += 1
        return super().open(network, out, {"ms": 50} if self.opened == 1 else settings, adapter)


class Choosing(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        # Progress is no matter here.
        self.enterContext(contextlib.redirect_stdout(io.StringIO()))
        self.session = Session([], "fake", Path(folder.name))

    def fastest(self, **choices):
        found = choose.fastest(self.session, Fake(**choices), Net(), [np.float32([1])])
        if found:
            self.addCleanup(found.process.close)
        return found

    def test_the_fastest_is_taken(self):
        self.assertEqual(self.fastest(ms=[7, 3, 5]).settings, {"ms": 3})
        self.assertEqual([r["min_ms"] for r in self.session.records], [7, 3, 5, 7, 3, 5])

    def test_a_slow_phase_decides_nothing(self):
        found = choose.fastest(self.session, SlowAtFirst(ms=[3, 5]), Net(), [np.float32([1])])
        self.addCleanup(found.process.close)
        self.assertEqual(found.settings, {"ms": 3})
        self.assertEqual([r["min_ms"] for r in self.session.records], [50, 5, 3, 5])

    def test_what_answers_wrong_or_fails_is_not(self):
        self.assertEqual(self.fastest(ms=[3, 5], value=[2]), None)
        self.assertIn("computes something else", self.session.records[-1]["reason"])
        self.assertEqual(self.fastest(fault=["load", "run", "none"]).settings, {"fault": "none"})

    def test_the_reason_is_the_first_of_them(self):
        self.fastest(fault=["load", "run"])
        self.assertEqual(self.session.records[-1]["kind"], "failure")
        self.assertIn("no such operator: Gru", self.session.records[-1]["reason"])

    def test_rounds_go_on_without_one_that_fails(self):
        entries = [self.fastest(ms=[3]), self.fastest(ms=[4])]
        entries[0].process.process.kill()
        entries[0].process.process.wait()
        measure.rounds(self.session, entries, 2)
        kinds = [r["kind"] for r in self.session.records if r["kind"] != "trial"]
        self.assertEqual(kinds, ["failure", "time", "time"])

    def test_an_error_of_a_peer_is_its_own_words(self):
        process = Fake().open(None, self.session.out, {"fault": "run"}, None)
        with self.assertRaisesRegex(PeerFailed, "too small"):
            process.times(1)


if __name__ == "__main__":
    unittest.main()
