"""rten, which is also what Gyrus's CPU engine runs."""

from .peer import THREADS
from .rust import RustPeer


class Rten(RustPeer):
    name = "rten"
    crate = "rten"
    choices = {"threads": THREADS, "prepack": [1, 0]}
