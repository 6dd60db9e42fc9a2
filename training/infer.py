"""Runs the exported ONNX file, so that what is measured is what is shipped."""

import numpy as np
import onnxruntime

BATCH = 64


def run(path, images):
    """Logits and pooled features of prepared images."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    logits, features = [], []
    for start in range(0, len(images), BATCH):
        batch = np.ascontiguousarray(images[start : start + BATCH])
        answer = session.run(["logits", "features"], {"image": batch})
        logits.append(answer[0])
        features.append(answer[1])
    return np.concatenate(logits), np.concatenate(features)
