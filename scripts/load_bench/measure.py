"""What is measured of each device, as records."""

import json
import statistics
import subprocess

from . import servers, traffic

CLIENTS = 32
BATCHES = [1, 2, 4, 8, 16, 32]
# Enough of a batch to time it, without a minute for the largest.
IMAGES = 96
# Machines have slow and fast phases of a minute or so: many short turns tell servers apart, few long ones do not. Of a round
# in these turns, others than the engine are asked in the first.
TURNS = 3
# What is answered after the end of a turn is not counted, a batch of up to a second's work: in shorter ones that would weigh.
SHORTEST = 24
# Part of what 32 clients got answered.
LOAD = 0.7
# Seconds in which that is found, and then asked for: in another phase of the machine the same rate is another part.
PHASE = 12
OVERLOAD = 5
ALONE = 50
# Those that wait for an answer in a full house, and as many more as are turned away meanwhile.
THREADS = 256


def device(gyrus, name, batch, rounds, seconds):
    """All records of one device; the servers run side by side and are asked in turn."""
    ours = servers.gyrus(gyrus, name, batch)
    others = [servers.flask("Flask + Keras", "keras"), servers.flask("Flask + ONNX Runtime", "onnxruntime")]
    try:
        worst = servers.disagreement([ours, *others])
        if worst > servers.ALLOWED:
            raise RuntimeError(f"the servers do not compute the same: probabilities differ by {worst:.3f}")
        yield {"kind": "agreement", "device": name, "worst": worst}
        # What is compiled or allocated once is no part of any round.
        for server in [ours, *others]:
            traffic.closed(server, CLIENTS, 3)
        best, rate = yield from batches(gyrus, name, rounds)
        each = max(seconds // TURNS, SHORTEST)
        for number in range(1, TURNS * rounds + 1):
            yield throughput(name, number, "engine", engine(gyrus, name, best, each * rate))
            for server in [ours, *(others if number % TURNS == 1 else [])]:
                yield throughput(name, number, server.name, traffic.closed(server, CLIENTS, each))
        for number in range(1, TURNS * rounds + 1):
            yield latency(name, ours, number, "even")
            if number % TURNS == 1:
                yield latency(name, ours, number, "random")
        yield overload(name, ours, seconds)
        yield {"kind": "end", "device": name, "ended_by_itself": ours.end()}
    finally:
        for server in [ours, *others]:
            if server.process.poll() is None:
                server.process.kill()


def batches(gyrus, device, rounds):
    """Records what the engine does in batches of each size; the size that is fastest an image."""
    found = {batch: [] for batch in BATCHES}
    for _ in range(rounds):
        for batch in BATCHES:
            found[batch].append(engine(gyrus, device, batch, IMAGES))
    rates = {batch: statistics.median(rates) for batch, rates in found.items()}
    best = max(rates, key=rates.get)
    yield {"kind": "batches", "device": device, "per_second": rates, "best": best}
    return best, rates[best]


def throughput(device, number, server, per_second):
    return {"kind": "throughput", "device": device, "round": number, "server": server, "per_second": per_second}


def engine(gyrus, device, batch, images):
    """Images a second of the engine by itself, from the tensor to the outputs."""
    command = [gyrus, "bench", "alzheimer", "--device", device, "--batch", str(batch)]
    command += ["--runs", str(max(3, round(images / batch))), "--format", "json"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=servers.quiet())
    return json.loads(said.stdout)["images_per_s"]


def latency(device, server, number, arrivals):
    """What a client waits that is alone, and what it waits among others; just before, what the server can do."""
    most = traffic.closed(server, CLIENTS, PHASE)
    alone = statistics.median(traffic.alone(server, ALONE))
    answers = traffic.paced(server, LOAD * most, PHASE, THREADS, arrivals == "random", number)
    if set(answers.statuses) != {200}:
        raise traffic.Refused(f"at {LOAD:.0%} of its load: {dict(answers.statuses)}")
    percentiles = statistics.quantiles(answers.times, n=100)
    return {
        "kind": "latency",
        "device": device,
        "round": number,
        "arrivals": arrivals,
        "per_second": LOAD * most,
        "requests": len(answers.times),
        "alone_ms": alone,
        "median_ms": percentiles[49],
        "p99_ms": percentiles[98],
    }


def overload(device, server, seconds):
    most = traffic.closed(server, CLIENTS, seconds)
    with traffic.Memory(server) as memory:
        answers = traffic.paced(server, OVERLOAD * most, 3 * seconds, THREADS)
    first, second = memory.halves()
    return {
        "kind": "overload",
        "device": device,
        "per_second": OVERLOAD * most,
        "statuses": {str(status): count for status, count in sorted(answers.statuses.items(), key=str)},
        "without_retry_after": answers.rude,
        "answered_per_second": answers.statuses[200] / (3 * seconds),
        "could_per_second": most,
        "bytes_first_half": first,
        "bytes_second_half": second,
    }
