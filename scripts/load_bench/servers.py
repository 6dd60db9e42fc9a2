"""Servers as processes: Gyrus's, and Flask in front of other engines."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

from .classifier import LABELS, PICTURES

# Loading includes the compilation of shaders, or TensorFlow's own start.
LIMIT_S = 240
# Of a probability: other engines add in another order, and NumPy's percentile is not the card's to the last bit.
ALLOWED = 0.01


class Server:
    def __init__(self, name, command, path, address_in):
        self.name, self.path = name, path
        self.log = tempfile.NamedTemporaryFile(mode="w+")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT, env=quiet())
        self.host, self.port = self._address(address_in)

    def _address(self, pattern):
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end and self.process.poll() is None:
            text = open(self.log.name, encoding="utf-8").read()
            found = re.search(pattern, text, re.DOTALL)
            if found:
                return found[1], int(found[2])
            time.sleep(0.2)
        raise RuntimeError(f"{self.name} does not start: {open(self.log.name, encoding='utf-8').read()[-500:]}")

    @property
    def url(self):
        return f"http://{self.host}:{self.port}{self.path}"

    def probabilities(self, body):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=LIMIT_S)
        connection.request("POST", self.path, body, {"Content-Type": "image/png"})
        answer = json.loads(connection.getresponse().read())
        connection.close()
        # Gyrus answers a list of files.
        found = answer["results"][0]["probabilities"] if "results" in answer else answer
        return [found[label] for label in LABELS]

    def memory(self):
        """Bytes in memory that are the process's own."""
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as status:
            return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmRSS"))

    def end(self):
        """Whether it ended by itself when it was told to."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60) == 0
        except subprocess.TimeoutExpired:
            self.process.kill()
            return False


def quiet():
    # What TensorFlow prints of this machine is of no interest; it must not look for GPUs either.
    return {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "RUST_LOG": "error"}


def gyrus(program, device, batch):
    command = [program, "serve", "--addr", "127.0.0.1:0", "--device", device, "--batch", str(batch), "--no-tune"]
    return Server("Gyrus", command, "/v1/classify", r"listening on http://([^:]+):(\d+)/.*note: ready")


def flask(name, engine):
    # Any free port would do, but Flask does not say which one it took until it runs.
    command = [sys.executable, "-m", "load_bench.flask_app", engine, "0"]
    return Server(name, command, "/", r"Running on http://([^:]+):(\d+)")


def disagreement(servers):
    """The largest difference of any probability between the first of the servers and the others."""
    worst = 0.0
    for picture in PICTURES:
        body = picture.read_bytes()
        wanted, *others = [server.probabilities(body) for server in servers]
        worst = max([worst, *(abs(a - b) for other in others for a, b in zip(wanted, other))])
    return worst
