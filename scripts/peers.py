"""The measuring half of scripts/peers: see there.

Both sides run on the same software adapter: from upload to readback, in f32, after warm-up runs. ncnn runs
with Vulkan compute and without any f16 or bf16; of its other settings each combination is tried first and
the fastest is taken. Its answers are held against Gyrus's on the same input, so that nobody is compared with a
network that computes something else.
"""

import argparse
import importlib.util
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ncnn
import numpy as np
import onnx

ROOT = Path(__file__).resolve().parent.parent
WARM_UP = 3
SETTINGS = ["use_winograd_convolution", "use_sgemm_convolution", "use_packing_layout"]


def input_shape(model):
    """Name and shape of the network's one input, at batch 1."""
    graph = onnx.load(model, load_external_data=False).graph
    constants = {c.name for c in graph.initializer}
    (value,) = [v for v in graph.input if v.name not in constants]
    dims = [d.dim_value for d in value.type.tensor_type.shape.dim]
    shape = [1] + dims[1:]
    if min(shape) < 1:
        sys.exit(f"peers: {model}: more than the batch is open: {dims}")
    return value.name, shape


def convert(model, shape, folder):
    """The network in ncnn's form, by pnnx."""
    package = Path(importlib.util.find_spec("pnnx").submodule_search_locations[0])
    binary = next(p for p in [package / "pnnx", package / "bin/pnnx"] if p.is_file())
    binary.chmod(0o755)
    copy = folder / "model.onnx"
    copy.write_bytes(Path(model).read_bytes())
    sizes = ",".join(map(str, shape))
    command = [binary, copy, f"inputshape=[{sizes}]f32", "fp16=0"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode or not (folder / "model.ncnn.param").is_file():
        sys.exit(f"peers: pnnx failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


class Ncnn:
    def __init__(self, folder, threads, gpu, settings):
        self.net = ncnn.Net()
        self.net.opt.use_vulkan_compute = True
        self.net.opt.num_threads = threads
        for name in dir(self.net.opt):
            if "fp16" in name or "bf16" in name or "int8" in name:
                setattr(self.net.opt, name, False)
        for name, value in settings.items():
            setattr(self.net.opt, name, value)
        self.net.set_vulkan_device(gpu)
        self.net.load_param(str(folder / "model.ncnn.param"))
        self.net.load_model(str(folder / "model.ncnn.bin"))

    def run(self, array):
        """The outputs by name; each is fetched to the host."""
        extractor = self.net.create_extractor()
        extractor.input(self.net.input_names()[0], ncnn.Mat(array))
        return {name: np.array(extractor.extract(name)[1]) for name in self.net.output_names()}

    def time(self, array, runs):
        for _ in range(WARM_UP):
            self.run(array)
        times = []
        for _ in range(runs):
            start = time.perf_counter()
            self.run(array)
            times.append((time.perf_counter() - start) * 1e3)
        return times


def software_gpu():
    """ncnn's number of the software adapter."""
    ncnn.create_gpu_instance()
    names = [ncnn.get_gpu_info(i).device_name() for i in range(ncnn.get_gpu_count())]
    for number, name in enumerate(names):
        if "llvmpipe" in name.lower() or "swiftshader" in name.lower():
            return number, name
    sys.exit(f"peers: ncnn sees no software adapter, only {names}")


def fastest(folder, gpu, array):
    """The fastest of ncnn's settings, each tried for a few runs."""
    best = None
    cores = os.cpu_count() or 1
    for threads in sorted({1, max(1, cores // 2), cores}):
        for values in itertools.product([True, False], repeat=len(SETTINGS)):
            settings = dict(zip(SETTINGS, values))
            took = min(Ncnn(folder, threads, gpu, settings).time(array, 3))
            print(f"  ncnn, {threads} thread(s), {settings}: {took:.1f} ms", flush=True)
            if best is None or took < best[0]:
                best = (took, threads, settings)
    return best[1:]


def gyrus_bench(gyrus, model, runs):
    command = [gyrus, "bench", model, "--device", "software", "--runs", str(runs), "--format", "json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def difference(gyrus, model, name, array, peer, folder):
    """The largest relative difference of the answers, over outputs of the same size."""
    np.save(folder / "in.npy", array[None])
    out = folder / "out"
    command = [gyrus, "run", model, "--input", f"{name}={folder / 'in.npy'}", "--output-dir", out]
    subprocess.run([*command, "--device", "software"], check=True, capture_output=True)
    ours = {p.stem: np.load(p).ravel() for p in out.glob("*.npy")}
    theirs = [v.ravel() for v in peer.run(array).values()]
    compared = 0
    worst = 0.0
    for value in ours.values():
        for other in theirs:
            if other.size == value.size:
                worst = max(worst, np.abs(value - other).max() / max(np.abs(value).max(), 1e-30))
                compared += 1
    if not compared:
        sys.exit("peers: no output of ncnn has the size of one of Gyrus's")
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gyrus", required=True)
    parser.add_argument("--model", type=Path, default=ROOT / "weights/alzheimer/model.onnx")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    name, shape = input_shape(options.model)
    array = np.random.default_rng(1).uniform(0, 1, shape[1:]).astype(np.float32)
    gpu, adapter = software_gpu()
    print(f"{options.model}, input {'x'.join(map(str, shape))}, on {adapter}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        convert(options.model, shape, folder)
        threads, settings = fastest(folder, gpu, array)
        print(f"ncnn's fastest: {threads} thread(s), {settings}")
        peer = Ncnn(folder, threads, gpu, settings)
        worst = difference(options.gyrus, options.model, name, array, peer, folder)
        print(f"answers differ by {worst:.1e} of the largest value")
        if not worst < 1e-3:
            sys.exit("peers: the two do not compute the same")
        measure(options, peer, array)


def measure(options, peer, array):
    ours, theirs, least = [], [], []
    for number in range(options.rounds):
        report = gyrus_bench(options.gyrus, options.model, options.runs)
        times = peer.time(array, options.runs)
        ours.append(report["median_ms"])
        least.append(report["min_ms"])
        theirs += [times]
        median = statistics.median(times)
        print(f"round {number + 1}: gyrus {ours[-1]:.2f} ms, ncnn {median:.2f} ms, {median / ours[-1]:.2f}x", flush=True)
    medians = [statistics.median(times) for times in theirs]
    ratios = [b / a for a, b in zip(ours, medians)]
    minimum = min(min(times) for times in theirs)
    print(f"median of {options.rounds} rounds: gyrus {statistics.median(ours):.2f} ms, ncnn {statistics.median(medians):.2f} ms")
    print(f"minimum: gyrus {min(least):.2f} ms, ncnn {minimum:.2f} ms, ratio {minimum / min(least):.2f}x")
    print(f"median ratio: gyrus is {statistics.median(ratios):.2f}x as fast as ncnn")


if __name__ == "__main__":
    main()
    ncnn.destroy_gpu_instance()
