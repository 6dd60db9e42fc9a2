"""The software adapter's own setting: how wide its vectors are. It is tried for every engine that runs there."""

from . import machine
from .networks import ROOT

VECTOR_BITS = "vector bits"
# llvmpipe takes 256 by itself; nothing else is to be tried where the CPU has no more.
CHOICES = {VECTOR_BITS: [512, 256]} if "AVX-512" in machine.cpu_class() else {}


def environment(settings):
    """Shaders are cached apart: Mesa takes what it compiled for one width for that of another."""
    if VECTOR_BITS not in settings:
        return {}
    bits = settings[VECTOR_BITS]
    shaders = ROOT / f"target/peers-shaders/{bits}"
    shaders.mkdir(parents=True, exist_ok=True)
    return {"LP_NATIVE_VECTOR_WIDTH": str(bits), "MESA_SHADER_CACHE_DIR": str(shaders)}
