"""The web app that Gyrus replaces: Flask's own server, one picture a request, in front of Keras or ONNX Runtime.

    python -m load_bench.flask_app keras|onnxruntime PORT
"""

import io
import sys

import numpy as np
from flask import Flask, request
from PIL import Image

from .classifier import LABELS, PERCENTILE, TEMPERATURE, WEIGHTS


def prepared(body):
    """The picture as the card describes it, [H, W]."""
    values = np.asarray(Image.open(io.BytesIO(body)).convert("L"), np.float32)
    return np.clip(values / max(np.percentile(values, PERCENTILE), 1e-6), 0, 1)


def with_keras():
    from .keras_network import model

    network = model(WEIGHTS)
    return lambda image: network.predict(image[None, :, :, None], verbose=0)[0]


def with_onnxruntime():
    import onnxruntime

    network = onnxruntime.InferenceSession(WEIGHTS, providers=["CPUExecutionProvider"])
    return lambda image: network.run(["logits"], {"image": image[None, None]})[0][0]


def app(logits):
    server = Flask(__name__)

    @server.post("/")
    def classify():
        scaled = logits(prepared(request.get_data())) / TEMPERATURE
        powers = np.exp(scaled - scaled.max())
        return dict(zip(LABELS, (powers / powers.sum()).tolist()))

    return server


if __name__ == "__main__":
    engine, port = sys.argv[1:]
    network = {"keras": with_keras, "onnxruntime": with_onnxruntime}[engine]()
    # The first run makes whatever the engine makes once.
    network(np.zeros((208, 176), np.float32))
    app(network).run("127.0.0.1", int(port), threaded=True)
