"""Runs an exported ONNX file, so that what is measured is what is shipped."""

import numpy as np
import onnxruntime

BATCH = 64


def run(path, images, outputs):
    """The named outputs for prepared images, each as one array."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    parts = []
    for start in range(0, len(images), BATCH):
        batch = np.ascontiguousarray(images[start : start + BATCH])
        parts.append(session.run(outputs, {"image": batch}))
    return [np.concatenate(part) for part in zip(*parts)]
