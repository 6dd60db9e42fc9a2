"""What passed before, in the repository, so that FXC does not spend hours on the same files again.

A pass is of one version of a compiler, of how it is run, and of the bytes that it was given. Refusals are not kept.
"""

import hashlib
import threading

from .compiler import Verdict

# Of a digest, in digits: enough to tell some thousand files apart.
LENGTH = 32


class Kept:
    def __init__(self, path, compiler, version):
        self.path = path
        self.compiler = compiler
        self.start = f"{version}\n{compiler.how()}\n".encode() + compiler.program()
        self.passed = dict(read(path))
        self.lock = threading.Lock()

    def check(self, folder, variants):
        """A verdict on each by its id, and how many of them are from before."""
        digests = {one.id: self._digest(folder, one) for one in variants}
        before = {id: Verdict(seconds=self.passed[one]) for id, one in digests.items() if one in self.passed}
        rest = [one for one in variants if one.id not in before]
        now = self.compiler.check(folder, rest, lambda id, one: self._keep(digests[id], one))
        verdicts = before | now
        # Once all are known, what passed of files that are no more is of no use.
        passed = {digests[id]: one for id, one in verdicts.items() if one.passed}
        self.path.write_text("".join(line(digest, one) for digest, one in sorted(passed.items())))
        return verdicts, len(before)

    def _digest(self, folder, variant):
        file = folder / variant.file(self.compiler.ending)
        text = file.read_bytes() if file.is_file() else b""
        entry = f"\n{variant.entry[self.compiler.ending]}\n".encode()
        return hashlib.sha256(self.start + entry + text).hexdigest()[:LENGTH]

    def _keep(self, digest, verdict):
        if verdict.passed:
            with self.lock, self.path.open("a") as file:
                file.write(line(digest, verdict))


def line(digest, verdict):
    return f"{digest} {verdict.seconds}\n"


def read(path):
    for each in path.read_text().splitlines() if path.is_file() else []:
        digest, _, seconds = each.partition(" ")
        # The last line of a run that was broken off may be half a one.
        if len(digest) == LENGTH and seconds.replace(".", "", 1).isdigit():
            yield digest, float(seconds)
