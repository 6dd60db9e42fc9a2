"""Requests: as fast as answers come, by wrk; and at a rate of their own, whether answers come or not."""

import collections
import http.client
import os
import random
import re
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from .classifier import PICTURES

SCRIPT = Path(__file__).with_name("post.lua")
# What is slower than this has failed.
LIMIT_S = 60


class Refused(Exception):
    """Answers that are none, where each request should have one."""


def closed(server, clients, seconds):
    """Requests a second with so many clients, each of which asks again once it is answered."""
    command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", f"--timeout={LIMIT_S}s", "-s", str(SCRIPT), server.url]
    pictures = "\n".join(map(str, PICTURES))
    said = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "PICTURES": pictures})
    return rate(said.stdout)


def rate(said):
    """What wrk found, held to that nothing failed."""
    failed = re.search(r"Non-2xx.*|Socket errors.*", said)
    if failed:
        raise Refused(failed[0])
    return float(re.search(r"Requests/sec:\s+([0-9.]+)", said)[1])


@dataclass
class Answers:
    # Milliseconds of each answer, from when its request was due.
    times: list = field(default_factory=list)
    statuses: collections.Counter = field(default_factory=collections.Counter)
    # Refusals that do not say when to ask again.
    rude: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, status, took, has_advice):
        with self.lock:
            self.statuses[status] += 1
            if status == 200:
                self.times.append(took * 1e3)
            elif status == 429 and not has_advice:
                self.rude += 1


def alone(server, count):
    """Milliseconds of requests one after the other."""
    answers, client = Answers(), Client(server)
    for n in range(count):
        client.ask(answers, n, time.perf_counter())
    return answers.times


def paced(server, per_second, seconds, threads, is_random=False, seed=1):
    """Requests at a rate, evenly or at random (as many people's are: a Poisson process)."""
    answers, chance, own = Answers(), random.Random(seed), threading.local()

    def ask(n, due):
        if not hasattr(own, "client"):
            own.client = Client(server)
        own.client.ask(answers, n, due)

    start = due = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        n = 0
        while due < start + seconds:
            time.sleep(max(0.0, due - time.perf_counter()))
            pool.submit(ask, n, due)
            due += chance.expovariate(per_second) if is_random else 1 / per_second
            n += 1
    return answers


class Client:
    """One connection that is kept, as long as it is used."""

    BODIES = [picture.read_bytes() for picture in PICTURES]
    # Servers close what is silent for longer, and http.client does not look whether they have.
    SILENT_S = 5

    def __init__(self, server):
        self.path, self.used = server.path, time.perf_counter()
        self.connection = http.client.HTTPConnection(server.host, server.port, timeout=LIMIT_S)

    def ask(self, answers, n, due):
        body = self.BODIES[n % len(self.BODIES)]
        if time.perf_counter() - self.used > self.SILENT_S:
            self.connection.close()
        try:
            self.connection.request("POST", self.path, body, {"Content-Type": "image/png"})
            response = self.connection.getresponse()
            response.read()
            has_advice = response.getheader("Retry-After") is not None
            answers.add(response.status, time.perf_counter() - due, has_advice)
        except (OSError, http.client.HTTPException) as problem:
            self.connection.close()
            answers.add(type(problem).__name__, 0.0, False)
        self.used = time.perf_counter()


class Memory:
    """The most memory of a server, watched while something is done with it: of the first and of the second half."""

    EVERY_S = 0.2

    def __init__(self, server):
        self.server, self.seen, self.stop = server, [], threading.Event()
        self.thread = threading.Thread(target=self._watch)

    def _watch(self):
        while not self.stop.wait(self.EVERY_S):
            self.seen.append(self.server.memory())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()

    def halves(self):
        middle = len(self.seen) // 2
        return max(self.seen[:middle]), max(self.seen[middle:])
