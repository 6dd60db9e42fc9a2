"""OpenVINO on the CPU, held to f32: on some processors it would take bf16 by itself."""

from .peer import THREADS, Peer


class OpenVino(Peer):
    name = "OpenVINO"
    package = "openvino"
    choices = {"threads": THREADS, "hint": ["LATENCY", "THROUGHPUT"], "pinning": [0, 1]}


def load(job):
    import openvino

    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": job.settings["hint"],
        "INFERENCE_NUM_THREADS": job.number("threads"),
        "ENABLE_CPU_PINNING": job.is_on("pinning"),
    }
    core = openvino.Core()
    request = core.compile_model(core.read_model(job.model), "CPU", settings).create_infer_request()

    def run():
        return request.infer([job.array], share_inputs=True, share_outputs=True).to_tuple()

    return run, "cpu"
