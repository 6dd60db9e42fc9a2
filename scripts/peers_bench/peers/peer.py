"""What scripts/peers needs to know of an engine."""

import importlib.metadata
import itertools
import os
import sys

from .. import driver
from ..networks import ROOT
from ..process import Process

CORES = os.cpu_count() or 1
# One thread is quicker where the work is small.
THREADS = sorted({CORES, 1}, reverse=True)


class Peer:
    """A peer in Python; its module has `load(job)`, which only the worker calls."""

    name = None
    # "software adapter" or "CPU": engines are compared with Gyrus on either, but mean different things.
    runs_on = "CPU"
    # The values of its settings that are tried; the fastest combination is taken.
    choices = {}
    # Whether it takes more than one image at a time.
    has_batches = True
    # Whether its first answer is timed too, which is a question of compiling shaders.
    starts_cold = False

    @property
    def key(self):
        return type(self).__module__.rpartition(".")[2]

    def version(self):
        return importlib.metadata.version(self.package)

    def build(self, networks):
        """Whatever takes long and is kept for the next run."""

    def prepare(self, network):
        """The network in the peer's own form; gives what is loaded instead of the ONNX file."""
        return network.model

    def command(self, network, out, settings):
        program, loaded = self.program(network, settings), self.prepare(network)
        words = [f"{name}={value}" for name, value in settings.items()]
        return [*program, loaded, network.raw_input, network.sizes, out, *words]

    def program(self, network, settings):
        return [sys.executable, "-m", "peers_bench.worker", self.key]

    def environment(self, adapter):
        return {"PYTHONPATH": str(ROOT / "scripts")}

    def combinations(self, adapter):
        """Of its own settings, and of the driver's where it runs on the software adapter."""
        drivers = driver.choices(adapter) if self.runs_on == "software adapter" else {}
        choices = {**self.choices, **drivers}
        return [dict(zip(choices, values)) for values in itertools.product(*choices.values())]

    def open(self, network, out, settings, adapter, more=None):
        own = {name: value for name, value in settings.items() if name in self.choices}
        environment = {**self.environment(adapter), **driver.environment(settings), **(more or {})}
        return Process(self.command(network, out, own), environment)
