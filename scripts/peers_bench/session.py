"""What one call of the script works with, and what it has found so far."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Candidate:
    """An engine with its network loaded, in one combination of its settings."""

    peer: object
    network: object
    settings: dict
    process: object
    estimate_ms: float
    error: float


@dataclass
class Session:
    peers: list
    adapter: str
    # Where processes leave their outputs.
    out: Path
    records: list = field(default_factory=list)
    # Keys of peers that are not there to be tried.
    broken: set = field(default_factory=set)

    def record(self, kind, peer, network, **values):
        start = {"kind": kind, "peer": peer.name, "version": peer.version(), "runs_on": peer.runs_on}
        place = {"network": network.name, "shape": network.sizes, "batch": network.batch}
        self.records.append({**start, **place, **values})

    def fail(self, peer, network, reason):
        print(f"  {peer.name}, {network.name}, batch {network.batch}: {reason}", flush=True)
        self.record("failure", peer, network, reason=reason)

    def open(self, peer, network, settings, more=None):
        return peer.open(network, self.out, settings, self.adapter, more)
