"""This side of a peer's process: starts it, asks it for times, collects its answers."""

import os
import queue
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from .reasons import last_words, short

# Loading includes the compilation of shaders, which may take minutes.
LIMIT_S = 240
# As many as `gyrus bench` makes.
WARM_UP = 3
# What takes longer has been run for minutes by then.
SLOW_MS = 5000


class PeerFailed(Exception):
    """A peer cannot do what it was asked; the text is for the table."""


class Process:
    """A network loaded in a peer."""

    def __init__(self, command, environment=None):
        self.log = tempfile.TemporaryFile(mode="w+")
        self.process = started(command, environment, self.log)
        self.lines = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self._expect("started")
        self.start = time.perf_counter()
        self.adapter = self._expect("ready")

    def _read(self):
        # What else libraries print is no part of the protocol.
        for line in self.process.stdout:
            if line.startswith("peer: "):
                self.lines.put(line.removeprefix("peer: ").strip())
        self.lines.put(None)

    def _expect(self, word):
        """The rest of the line that begins with this word; whoever fails is not asked again."""
        try:
            line = self.lines.get(timeout=LIMIT_S)
        except queue.Empty:
            self._give_up(f"no answer within {LIMIT_S} s")
        if line is None:
            code = self.process.wait()
            self.log.seek(0)
            self._give_up(f"{how_it_ended(code)}: {last_words(self.log.read())}")
        kind, _, rest = line.partition(" ")
        if kind != word:
            self._give_up(short(rest))
        return rest

    def _give_up(self, reason):
        self.close()
        raise PeerFailed(reason)

    def _ask(self, line, word):
        try:
            self.process.stdin.write(f"{line}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            # The reason is in what it said.
            pass
        return self._expect(word)

    def times(self, runs):
        """Milliseconds of so many runs, from the input on the host to the outputs on the host."""
        return [float(t) for t in self._ask(f"run {runs}", "times").split()]

    def measure(self, runs, estimate_ms):
        if estimate_ms < SLOW_MS:
            self.times(WARM_UP)
        times = self.times(runs)
        return {"median_ms": statistics.median(times), "min_ms": min(times), "times_ms": times}

    def first_answer_s(self, _out):
        """From when the program itself begins, so that Python's own start counts against nobody."""
        self.times(1)
        return time.perf_counter() - self.start

    def answers(self, out):
        """The outputs of the last run."""
        for old in Path(out).glob("*.f32"):
            old.unlink()
        self._ask("save", "saved")
        return [np.fromfile(p, np.float32) for p in sorted(Path(out).glob("*.f32"), key=lambda p: int(p.stem))]

    def close(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdout.close()
        self.log.close()
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            # A question that it did not live to read.
            pass


def started(command, environment, log):
    variables = {**os.environ, **(environment or {})}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": log}
    try:
        return subprocess.Popen(list(map(str, command)), **pipes, text=True, env=variables)
    except OSError as problem:
        log.close()
        raise PeerFailed(f"does not start: {problem.strerror}") from problem


def how_it_ended(code):
    return f"ended by signal {-code}" if code < 0 else f"ended with code {code}"
