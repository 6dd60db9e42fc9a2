"""What became of mutants before, so that a run that was broken off goes on, and one case more does not cost hours.

That one was killed holds as long as the shader's file is the same: cases are added, not taken away. That one survived holds
as long for the same program, and where somebody has said why it must.
"""

import hashlib
import json
import threading
from pathlib import Path

from compilers_check.compiler import ROOT


class Kept:
    def __init__(self, paths, program, equivalents):
        """What these files hold; more is written to the last of them."""
        self.paths, self.path = paths, paths[-1]
        self.program = digest(program)
        self.equivalents = equivalents
        self.shaders = {}
        self.lock = threading.Lock()
        lines = [line for path in paths for line in read(path)]
        self.fates = {(one["id"], one["digest"]): one for one in lines if "digest" in one}
        self.checks = {one["program"]: one["passed"] for one in lines if "passed" in one}

    def fate(self, mutant):
        """What became of it before; None where that is not known."""
        found = self.fates.get((mutant["id"], self._shader(mutant)))
        if found is None or not self._holds(found):
            return None
        return {name: value for name, value in found.items() if name in ["fate", "by", "said", "runs"]}

    def forget(self, mutants):
        """Takes what is known of these out of the files too: a run that is broken off does not bring it back."""
        names = {one["shader"] for one in mutants}
        self.fates = {key: one for key, one in self.fates.items() if one["shader"] not in names}
        for path in filter(Path.is_file, self.paths):
            lines = [line for line in read(path) if line.get("shader") not in names]
            path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def _holds(self, found):
        if found["fate"] in ["killed", "stillborn"] or found["program"] == self.program:
            return True
        return found["fate"] == "survived" and self.equivalents.reason(found) is not None

    def checked(self, check):
        """What this program's own check says, made once."""
        if self.program not in self.checks:
            self.checks[self.program] = check()
            self._write({"program": self.program, "passed": self.checks[self.program]})
        return self.checks[self.program]

    def keep(self, mutant, fate):
        record = {**mutant, **fate, "digest": self._shader(mutant), "program": self.program}
        self.fates[mutant["id"], record["digest"]] = record
        self._write(record)

    def records(self, mutants):
        """What is known of these, in their order, as it can be read again."""
        known = [(one, self.fates.get((one["id"], self._shader(one)))) for one in mutants if self.fate(one)]
        # Of which kind it is may be said in another way by now.
        return [{"kind": "mutant", **found, "mistake": one["mistake"]} for one, found in known]

    def _write(self, record):
        with self.lock:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a") as file:
                file.write(json.dumps(record) + "\n")

    def _shader(self, mutant):
        name = mutant["shader"]
        if name not in self.shaders:
            self.shaders[name] = digest(ROOT / "shaders" / name)
        return self.shaders[name]


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def read(path):
    for line in path.read_text().splitlines() if path.is_file() else []:
        try:
            yield json.loads(line)
        except ValueError:
            # The last line of a run that was broken off may be half a one.
            continue
