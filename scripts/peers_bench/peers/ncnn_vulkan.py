"""ncnn through Vulkan, without f16, bf16 and int8, from what pnnx makes of a file, as ncnn recommends."""

import importlib.util
import shutil
import subprocess
from pathlib import Path

from ..process import PeerFailed
from ..reasons import last_words
from .peer import THREADS, Peer

SWITCHES = {
    "winograd": "use_winograd_convolution",
    "sgemm": "use_sgemm_convolution",
    "packing": "use_packing_layout",
}


class NcnnVulkan(Peer):
    name = "ncnn, Vulkan"
    package = "ncnn"
    runs_on = "software adapter"
    choices = {"threads": THREADS, **{switch: [1, 0] for switch in SWITCHES}}
    # Its values have no batch.
    has_batches = False
    starts_cold = True

    def prepare(self, network):
        folder = network.folder / "ncnn"
        if not folder.exists():
            convert(network, folder)
        return folder / "model.ncnn.param"


def convert(network, folder):
    package = Path(importlib.util.find_spec("pnnx").submodule_search_locations[0])
    binary = next(p for p in [package / "pnnx", package / "bin/pnnx"] if p.is_file())
    binary.chmod(0o755)
    folder.mkdir()
    # It writes its files beside what it reads.
    shutil.copy(network.model, folder)
    command = [binary, "model.onnx", f"inputshape=[{','.join(map(str, network.shape))}]f32", "fp16=0"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode or not (folder / "model.ncnn.param").is_file():
        raise PeerFailed(f"pnnx does not convert it: {last_words(done.stdout + done.stderr)}")


def load(job):
    return load_on(job, vulkan=True)


def load_on(job, vulkan):
    import ncnn
    import numpy as np

    net = ncnn.Net()
    net.opt.use_vulkan_compute = vulkan
    net.opt.num_threads = job.number("threads")
    for name in dir(net.opt):
        if any(narrow in name for narrow in ["fp16", "bf16", "int8"]):
            setattr(net.opt, name, False)
    for switch, name in SWITCHES.items():
        setattr(net.opt, name, job.is_on(switch))
    adapter = "cpu"
    if vulkan:
        number, adapter = software_adapter(ncnn)
        net.set_vulkan_device(number)
    for load_file, path in [(net.load_param, job.model), (net.load_model, job.model.replace(".param", ".bin"))]:
        if load_file(path):
            raise ValueError(f"ncnn does not load {path}")
    (name,) = net.input_names()
    mat = ncnn.Mat(job.array[0])

    def run():
        extractor = net.create_extractor()
        extractor.input(name, mat)
        found = [extractor.extract(output) for output in net.output_names()]
        if any(code for code, _ in found):
            raise ValueError(f"ncnn's extract failed with {[code for code, _ in found]}")
        return [np.array(value) for _, value in found]

    return run, adapter


def software_adapter(ncnn):
    ncnn.create_gpu_instance()
    names = [ncnn.get_gpu_info(number).device_name() for number in range(ncnn.get_gpu_count())]
    for number, name in enumerate(names):
        if "llvmpipe" in name.lower() or "swiftshader" in name.lower():
            return number, name
    raise ValueError(f"ncnn sees no software adapter, only {names}")
