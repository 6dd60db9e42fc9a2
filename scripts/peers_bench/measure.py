"""Rounds, cold starts and memory."""

import json
import tempfile
import time

from . import driver, memory
from .figures import runs_for
from .peers.gyrus import call
from .process import PeerFailed

# One measurement of one engine takes about this long, at any size of network.
BUDGET_MS = 600
MOST_RUNS = 15
# Some engines' threads go on spinning for a while after a run.
PAUSE_S = 0.1


def rounds(session, entries, number):
    """Everybody in turn, again and again, so that slow phases of the machine hit all alike."""
    left = list(entries)
    for round_number in range(1, number + 1):
        said = []
        for entry in list(left):
            time.sleep(PAUSE_S)
            try:
                median = one_measurement(session, entry, round_number)
            except PeerFailed as problem:
                left.remove(entry)
                session.fail(entry.peer, entry.network, str(problem))
                continue
            said.append(f"{entry.peer.name} {median:.1f}" if entry.network.batch == 1 else f"({median:.1f})")
        print(f"  round {round_number} of {number}, ms: {'; '.join(said)}", flush=True)


def one_measurement(session, entry, round_number):
    runs = runs_for(entry.estimate_ms, BUDGET_MS, MOST_RUNS)
    measured = entry.process.measure(runs, entry.estimate_ms)
    about = {"round": round_number, "settings": entry.settings, "error": entry.error}
    session.record("time", entry.peer, entry.network, adapter=entry.process.adapter, **about, **measured)
    return measured["median_ms"]


def cold_starts(session, entries, number):
    """From the start of a program to its first answer, with no shader in any cache."""
    cold = [e for e in entries if e.peer.starts_cold and e.network.batch == 1]
    for round_number in range(1, number + 1):
        for entry in cold:
            with tempfile.TemporaryDirectory() as cache:
                named = ["MESA_SHADER_CACHE_DIR", "XDG_CACHE_HOME", "GYRUS_CACHE_DIR"]
                caches = dict.fromkeys(named, cache)
                process = session.open(entry.peer, entry.network, entry.settings, caches)
                took = process.first_answer_s(session.out)
                process.close()
            session.record("cold", entry.peer, entry.network, round=round_number, median_ms=took * 1e3)
            print(f"  cold start of {entry.peer.name}: {took:.2f} s", flush=True)


def device_memory(session, gyrus, network, settings):
    """What Gyrus plans on the device, which is what it allocates there."""
    words = ["inspect", network.model, "--plan", "--device", "software", "--format", "json"]
    report = json.loads(call([gyrus.binary, *words], driver.environment(settings)))
    plan = report["plan"]
    session.record(
        "memory",
        gyrus,
        network,
        device_bytes=report["peak_device_bytes"] - memory.transfer_bytes(plan),
        transfer_bytes=memory.transfer_bytes(plan),
        weight_bytes=memory.weight_bytes(plan),
        live_bytes=memory.live_bytes(plan),
        allowed_bytes=memory.allowed_bytes(plan),
    )
