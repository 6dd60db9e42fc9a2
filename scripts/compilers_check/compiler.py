"""What the compilers have in common."""

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from .variants import Variant

ROOT = Path(__file__).resolve().parents[2]
# Where scripts/compilers puts what is no package of the system.
TOOLS = ROOT / "target/compilers"
LONGEST = 300


class Missing(Exception):
    """A tool that is not there, or not the one that is expected, and the command that puts it there."""

    def __init__(self, tool, command):
        super().__init__(f"{tool}; to install it: {command}")


class DidNotRun(Exception):
    """A tool that is there but does not do its work, so that nothing can be said by it."""


@dataclass(frozen=True)
class Verdict:
    """What a compiler says of one variant; refused where there is an error that is not waived."""

    error: str | None = None
    is_waived: bool = False
    # Of computing; unknown where it was not measured.
    seconds: float | None = field(default=None, compare=False)

    @property
    def passed(self):
        return self.error is None


class Compiler:
    """One of the compilers, as every file beside this has one."""

    # On the command line, and in tables.
    key = name = ""
    # Whose compiler it is.
    stands_for = ""
    # Of the files that it is given.
    ending = ""
    # The files beside this that its driver is built of, where what passes is worth keeping.
    sources = []
    # By a name, what it must refuse: one that takes everything proves nothing.
    broken = {}

    def version(self):
        """Raises Missing where it is not there."""
        raise NotImplementedError

    def how(self):
        """What was run, and with which options."""
        raise NotImplementedError

    def is_given(self, _variant):
        return True

    def must_take(self, _variant):
        return True

    def answers(self, _folder, _variants, _heard):
        """A verdict on each, by its id. The compiler works in that folder, so that its messages name none."""
        raise NotImplementedError

    def check(self, folder, variants, heard=lambda _id, _verdict: None):
        """The same; what should have been written and was not is refused without asking."""
        gone = [one for one in variants if not (folder / one.file(self.ending)).is_file()]
        refused = {one.id: Verdict(f"there is no {one.file(self.ending)}") for one in gone}
        return refused | self.answers(folder, [one for one in variants if one.id not in refused], heard)

    def program(self):
        """What the driver is built of."""
        return b"".join(Path(__file__).with_name(name).read_bytes() for name in self.sources)

    def line(self, variant):
        """As drivers take it."""
        return f"{variant.id}\t{variant.file(self.ending)}\t{variant.entry[self.ending]}"

    def written_broken(self, folder):
        """What it must refuse, written there."""
        found = [Variant(name, name, False, True, {}, {self.ending: "main"}) for name in self.broken]
        for one in found:
            (folder / one.file(self.ending)).write_bytes(self.broken[one.id])
        return found


def first_error(text):
    """The line that says why, without the folders of this machine."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    line = next((line for line in lines if re.search(r"\berror\b", line, re.IGNORECASE)), lines[0] if lines else "")
    return re.sub(r"(?:[A-Za-z]:)?[\\/][^\s:(]*[\\/](?=[^\\/\s])", "", line)[:LONGEST] or "no reason given"


def said(command, environment=None):
    """What a program prints; none where there is no such program."""
    variables = {**os.environ, **(environment or {})}
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=variables)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
