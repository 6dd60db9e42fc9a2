"""What became of mutants before, so that a run that was broken off goes on, and one case more does not cost hours.

That one was killed holds as long as the shader's file is the same: cases are added, not taken away. That one survived holds
for the same program alone.
"""

import hashlib
import json
import threading

from compilers_check.compiler import ROOT


class Kept:
    def __init__(self, path, program, is_fresh):
        self.path = path
        self.program = digest(program)
        self.shaders = {}
        self.lock = threading.Lock()
        if is_fresh:
            path.unlink(missing_ok=True)
        self.fates = {(one["id"], one["shader"]): one for one in read(path) if "id" in one}

    def fate(self, mutant):
        """What became of it before; None where that is not known."""
        found = self.fates.get((mutant["id"], self._shader(mutant)))
        if found is None or (found["fate"]["fate"] != "killed" and found["program"] != self.program):
            return None
        return found["fate"]

    def checked(self, check):
        """What this program's own check says, made once."""
        before = (one["passed"] for one in read(self.path) if "passed" in one and one["program"] == self.program)
        passed = next(before, None)
        if passed is None:
            passed = check()
            self._write({"program": self.program, "passed": passed})
        return passed

    def keep(self, mutant, fate):
        record = {"id": mutant["id"], "shader": self._shader(mutant), "program": self.program, "fate": fate}
        self._write(record)

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
