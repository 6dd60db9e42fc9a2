"""The engines that are timed, one module each."""

from .burn import Burn
from .gyrus import Gyrus
from .gyrus_cpu import GyrusCpu
from .ncnn_cpu import NcnnCpu
from .ncnn_vulkan import NcnnVulkan
from .onnx_runtime import OnnxRuntime
from .open_vino import OpenVino
from .rten import Rten
from .tract import Tract
from .wonnx import Wonnx


def all_peers(gyrus):
    """Gyrus first: everybody is compared with it."""
    ours = [Gyrus(gyrus), GyrusCpu(gyrus)]
    return [*ours, NcnnVulkan(), Burn(), Wonnx(), NcnnCpu(), OnnxRuntime(), OpenVino(), Rten(), Tract()]
