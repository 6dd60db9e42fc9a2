"""ONNX Runtime on the CPU. Its level `all` rearranges weights and activations into blocks of channels."""

from .peer import THREADS, Peer


class OnnxRuntime(Peer):
    name = "ONNX Runtime"
    package = "onnxruntime"
    choices = {"threads": THREADS, "level": ["all", "extended"]}

    # The judge of everybody's answers, ONNX Runtime's own fast paths among them.
    plain = {"threads": 1, "level": "none"}


def load(job):
    import onnxruntime

    levels = onnxruntime.GraphOptimizationLevel
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job.number("threads")
    options.graph_optimization_level = {
        "all": levels.ORT_ENABLE_ALL,
        "extended": levels.ORT_ENABLE_EXTENDED,
        "none": levels.ORT_DISABLE_ALL,
    }[job.settings["level"]]
    session = onnxruntime.InferenceSession(job.model, options, providers=["CPUExecutionProvider"])
    inputs = {session.get_inputs()[0].name: job.array}
    return lambda: session.run(None, inputs), "cpu"
