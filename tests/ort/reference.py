"""What ONNX Runtime computes: python reference.py MODEL FOLDER NAME=1x3x8x8 ...

Writes FOLDER/in_N.npy for every input, in the order of the arguments, and FOLDER/out_N.npy for every
output of the network. The inputs are the same at every run.
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime

model, folder, *inputs = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
# What ONNX Runtime itself rewrites would be judged with it.
options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
random = np.random.default_rng(20260101)
feed = {}
for number, argument in enumerate(inputs):
    name, sizes = argument.rsplit("=", 1)
    shape = [int(size) for size in sizes.split("x")]
    feed[name] = random.uniform(-1, 1, shape).astype(np.float32)
    np.save(Path(folder) / f"in_{number}.npy", feed[name])
for number, output in enumerate(session.run(None, feed)):
    np.save(Path(folder) / f"out_{number}.npy", output)
