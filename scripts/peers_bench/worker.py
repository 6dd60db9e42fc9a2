"""The process of a Python peer: `python -m peers_bench.worker PEER MODEL INPUT SHAPE OUT [KEY=VALUE...]`.

Speaks what scripts/peers-rust/harness/src/lib.rs describes, so that a peer that crashes takes nobody with it.
"""

import importlib
import sys
import time
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Job:
    model: str
    array: np.ndarray
    # Values are text.
    settings: dict

    def is_on(self, name):
        return self.settings.get(name) == "1"

    def number(self, name):
        return int(self.settings[name])


def say(line):
    print(f"peer: {line}", flush=True)


def serve(peer, model, raw_input, shape, out, *settings):
    array = np.fromfile(raw_input, np.float32).reshape([int(size) for size in shape.split("x")])
    job = Job(model, array, dict(setting.split("=", 1) for setting in settings))
    # `run` gives the outputs on the host.
    run, adapter = importlib.import_module(f"peers_bench.peers.{peer}").load(job)
    say(f"ready {adapter}")
    outputs = []
    for line in sys.stdin:
        command, _, runs = line.strip().partition(" ")
        if command == "run":
            times = []
            for _ in range(int(runs)):
                start = time.perf_counter()
                outputs = run()
                times.append(f"{(time.perf_counter() - start) * 1e3:.4f}")
            say(f"times {' '.join(times)}")
        else:
            for number, values in enumerate(outputs):
                np.ascontiguousarray(values, np.float32).tofile(f"{out}/{number}.f32")
            say("saved")


def main():
    say("started")
    try:
        serve(*sys.argv[1:])
    except Exception as problem:
        say(f"error {type(problem).__name__}: {' '.join(str(problem).split())}")
        sys.exit(1)


if __name__ == "__main__":
    main()
