"""Every engine at its fastest: each combination of its settings is tried, what answers wrong is left out."""

from . import compare
from .figures import runs_for
from .peers.onnx_runtime import OnnxRuntime
from .process import PeerFailed
from .session import Candidate

# For one combination.
BUDGET_MS = 250
MOST_RUNS = 5
TURNS = 2


def build(session, networks):
    """Whatever is built; a peer that fails is a row of every network."""
    for peer in session.peers:
        try:
            peer.build(networks)
        except PeerFailed as problem:
            session.broken.add(peer.key)
            for network in networks:
                if network.batch == 1:
                    session.fail(peer, network, str(problem))


def candidates(session, networks):
    """All engines, in settings that are chosen on the first network and kept for its other batches."""
    first, *others = networks
    right = {network.batch: reference(session, network) for network in networks}
    found = []
    for peer in session.peers:
        best = None if peer.key in session.broken else fastest(session, peer, first, right[first.batch])
        if best is None:
            continue
        found.append(best)
        for network in others if peer.has_batches else []:
            found += in_settings_of(session, best.peer, best.settings, network, right[network.batch])
    return found


def reference(session, network):
    """The outputs that everybody's are held against: ONNX Runtime's, without its optimisations."""
    process = session.open(OnnxRuntime(), network, OnnxRuntime.plain)
    process.times(1)
    answers = process.answers(session.out)
    process.close()
    return answers


def fastest(session, peer, network, right):
    """The fastest candidate that is right; none where there is none.

    The combinations take turns, more than once: a slow phase of the machine outlasts a try.
    """
    combinations = peer.combinations(session.adapter)
    times, reasons = {}, {}
    for number, settings in [*enumerate(combinations)] * TURNS:
        if number in reasons:
            continue
        try:
            took = one_try(session, peer, network, settings, right)
            times[number] = min(took, times.get(number, took))
        except PeerFailed as problem:
            reasons[number] = str(problem)
            times.pop(number, None)
            session.record("trial", peer, network, settings=settings, reason=str(problem))
    if not times:
        session.fail(peer, network, reasons[0])
        return None
    found = in_settings_of(session, peer, combinations[min(times, key=times.get)], network, right)
    for best in found:
        print(f"  {peer.name}: {best.estimate_ms:.1f} ms, error {best.error:.1e}, {best.settings}", flush=True)
    return found[0] if found else None


def one_try(session, peer, network, settings, right):
    found = tried(session, peer, network, settings, right)
    found.process.close()
    about = {"settings": settings, "adapter": found.process.adapter}
    session.record("trial", peer, network, **about, min_ms=found.estimate_ms, error=found.error)
    return found.estimate_ms


def in_settings_of(session, peer, settings, network, right):
    """An engine in settings that were chosen: one candidate or none."""
    try:
        return [tried(session, peer, network, settings, right)]
    except PeerFailed as problem:
        session.fail(peer, network, str(problem))
        return []


def tried(session, peer, network, settings, right):
    """A candidate that is right, with its quickest time."""
    process = session.open(peer, network, settings)
    try:
        process.times(1)
        runs = runs_for(min(process.times(1)), BUDGET_MS, MOST_RUNS)
        took = min(process.times(runs))
        worst = compare.error(right, process.answers(session.out))
        if not compare.is_right(worst):
            raise ValueError(f"computes something else: off by {worst:.1e} of the largest value")
    except (PeerFailed, ValueError) as problem:
        process.close()
        raise PeerFailed(str(problem)) from problem
    return Candidate(peer, network, settings, process, took, worst)
