"""What the peers in Rust share: scripts/peers-rust builds one program for each."""

import os
import subprocess
import tomllib

from ..networks import ROOT
from ..process import PeerFailed
from ..reasons import last_words
from .peer import Peer

WORKSPACE = ROOT / "scripts/peers-rust"
BUILT = ROOT / "target/peers-rust"


class RustPeer(Peer):
    # The crate of the engine, and the workspace that pins it.
    crate = None
    workspace = WORKSPACE

    def version(self):
        lock = tomllib.loads((self.workspace / "Cargo.lock").read_text())
        return next(p["version"] for p in lock["package"] if p["name"] == self.crate)

    def build(self, networks):
        cargo_build(self.workspace, ["--package", f"peer-{self.key}"])

    def program(self, network, settings):
        return [BUILT / f"release/peer-{self.key}"]


def cargo_build(workspace, words, environment=None):
    command = ["cargo", "build", "--release", "--quiet", "--locked", "--target-dir", BUILT, *words]
    variables = {**os.environ, **(environment or {})}
    done = subprocess.run(command, cwd=workspace, env=variables, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise PeerFailed(f"does not build: {last_words(done.stderr)}")
