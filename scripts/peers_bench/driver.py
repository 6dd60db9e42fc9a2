"""The software adapter's own setting: how wide its vectors are. It is tried for every engine that runs there."""

from . import machine

VECTOR_BITS = "vector bits"
SHADERS = machine.ROOT / "target/peers-shaders"


def choices(adapter, cpu=machine.cpu_class()):
    """llvmpipe takes 256 by itself; nothing else is to be tried where the CPU has no more."""
    return {VECTOR_BITS: [512, 256]} if "llvmpipe" in adapter and "AVX-512" in cpu else {}


def environment(settings):
    """Shaders are cached apart: Mesa takes what it compiled for one width for that of another."""
    if VECTOR_BITS not in settings:
        return {}
    bits = settings[VECTOR_BITS]
    shaders = SHADERS / str(bits)
    shaders.mkdir(parents=True, exist_ok=True)
    return {"LP_NATIVE_VECTOR_WIDTH": str(bits), "MESA_SHADER_CACHE_DIR": str(shaders)}
