"""wonnx. It pins crates that the other peers cannot live with, so it is a workspace of its own."""

from .rust import WORKSPACE, RustPeer


class Wonnx(RustPeer):
    name = "wonnx"
    crate = "wonnx"
    runs_on = "software adapter"
    workspace = WORKSPACE / "wonnx"

    def environment(self, adapter):
        # A part of the name will do, and the rest depends on the width of its vectors.
        return {"WGPU_ADAPTER_NAME": adapter.partition(" (")[0], "WGPU_BACKEND": "vulkan"}
