"""wonnx. It pins crates that the other peers cannot live with, so it is a workspace of its own."""

from .rust import WORKSPACE, RustPeer


class Wonnx(RustPeer):
    name = "wonnx"
    crate = "wonnx"
    runs_on = "software adapter"
    workspace = WORKSPACE / "wonnx"

    def environment(self, adapter):
        return {"WGPU_ADAPTER_NAME": adapter, "WGPU_BACKEND": "vulkan"}
