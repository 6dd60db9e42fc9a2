"""tract."""

from .peer import THREADS
from .rust import RustPeer


class Tract(RustPeer):
    name = "tract"
    crate = "tract-onnx"
    choices = {"threads": THREADS}
