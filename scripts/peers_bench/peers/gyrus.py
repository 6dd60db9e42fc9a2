"""Gyrus itself on the software adapter: `gyrus bench` warms up and times as a peer's process does."""

import json
import os
import re
import subprocess
import time

import numpy as np

from .. import driver
from ..networks import ROOT
from ..process import PeerFailed
from ..reasons import last_words
from .peer import Peer


CACHE = ROOT / "target/peers/cache"
# What Gyrus says behind the driver's name.
SUFFIX = " (vulkan, software)"


class Gyrus(Peer):
    name = "Gyrus"
    runs_on = "software adapter"
    device = "software"
    starts_cold = True

    def __init__(self, binary):
        self.binary = binary

    def version(self):
        return call([self.binary, "--version"]).split()[-1]

    def adapter(self, network):
        """The software adapter as its driver calls it; without the width of its vectors where that is a setting."""
        device = Bench(self.binary, self.device, network, None).bench(1)["device"].removesuffix(SUFFIX)
        return re.sub(r", \d+ bits", "", device) if driver.choices(device) else device

    def open(self, network, out, settings, adapter, more=None):
        # What its user has tuned, with other settings, has no part in it.
        own = {"GYRUS_CACHE_DIR": str(CACHE)}
        return Bench(self.binary, self.device, network, {**own, **driver.environment(settings), **(more or {})})


class Bench:
    """In the place of a Process: every call is a process of its own, which loads and warms up first."""

    def __init__(self, binary, device, network, environment):
        self.words = [network.model, "--device", device]
        self.binary = binary
        self.network = network
        self.environment = environment
        self.adapter = None

    def bench(self, runs):
        words = ["bench", *self.words, "--runs", runs, "--format", "json"]
        report = json.loads(call([self.binary, *words], self.environment))
        self.adapter = report["device"]
        return report

    def times(self, runs):
        return [self.bench(runs)["min_ms"]]

    def measure(self, runs, _estimate_ms):
        report = self.bench(runs)
        return {key: report[key] for key in ["median_ms", "min_ms", "p10_ms", "p90_ms"]}

    def answers(self, out):
        given = f"{self.network.input_name}={self.network.npy_input}"
        call([self.binary, "run", *self.words, "--input", given, "--output-dir", out], self.environment)
        return [np.load(out / f"{name}.npy") for name in self.network.output_names]

    def first_answer_s(self, out):
        start = time.perf_counter()
        self.answers(out)
        return time.perf_counter() - start

    def close(self):
        pass


def call(words, environment=None):
    variables = {**os.environ, **(environment or {})}
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, env=variables, check=False)
    if done.returncode:
        raise PeerFailed(last_words(done.stderr))
    return done.stdout
