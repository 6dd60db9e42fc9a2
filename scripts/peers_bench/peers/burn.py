"""burn on wgpu. A network is compiled into the program, so there is one for each network and set of features."""

import hashlib
import itertools
import shutil

from ..process import PeerFailed
from .rust import BUILT, WORKSPACE, RustPeer, cargo_build


def sources():
    crates = [path for crate in ["burn", "harness"] for path in sorted((WORKSPACE / crate).rglob("*.*"))]
    return [WORKSPACE / "Cargo.lock", WORKSPACE / "Cargo.toml", *crates]


class Burn(RustPeer):
    name = "burn-wgpu"
    crate = "burn-wgpu"
    runs_on = "software adapter"
    # Its features autotune and fusion may be added here: each set builds all of burn anew, an hour on two busy cores.
    choices = {"features": ["none"]}

    def build(self, networks):
        """Features that do not build are only not tried, as long as others do."""
        problems, built = [], 0
        for network, features in itertools.product(networks, self.choices["features"]):
            try:
                self.build_one(network, {"features": features})
                built += 1
            except PeerFailed as problem:
                problems.append(problem)
        if not built:
            raise problems[0]

    def build_one(self, network, settings):
        program = self.program(network, settings)[0]
        if program.exists():
            return
        features = [] if settings["features"] == "none" else ["--features", settings["features"]]
        cargo_build(WORKSPACE, ["--package", "peer-burn", *features], {"GYRUS_PEERS_ONNX": str(network.source)})
        program.parent.mkdir(exist_ok=True)
        shutil.copy(BUILT / "release/peer-burn", program)

    def program(self, network, settings):
        # A build takes minutes, so a program is kept under what it was built from.
        content = hashlib.sha256(b"".join(path.read_bytes() for path in [network.source, *sources()]))
        features = settings["features"].replace(",", "-")
        return [BUILT / f"burn/{features}-{content.hexdigest()[:16]}"]
