"""Gyrus against its peers on one machine, alternated in one call: see scripts/peers."""

import argparse
import shutil
import sys
import time
from pathlib import Path

from . import choose, machine, measure, networks, table
from .peers import all_peers
from .peers.gyrus import Gyrus
from .session import Session

WORK = networks.ROOT / "target/peers"
DOCUMENT = networks.ROOT / "docs/performance.md"
RECORDS = networks.ROOT / "docs/performance/peers.jsonl"


def options():
    parser = argparse.ArgumentParser(prog="scripts/peers", description=__doc__)
    parser.add_argument("--gyrus", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of which the median is taken")
    parser.add_argument("--more", action="store_true", help="larger inputs too")
    parser.add_argument("--peer", action="append", metavar="NAME", help="only these, by the names of their modules")
    parser.add_argument("--model", type=Path, help="one ONNX file instead of the shipped networks")
    parser.add_argument("--table", action="store_true", help="write the table from what was measured before")
    return parser.parse_args()


def main():
    chosen = options()
    if chosen.table:
        return publish(table.read(RECORDS))
    start = time.monotonic()
    records = run(chosen)
    print(f"\n{table.markdown(records)}\n\n{(time.monotonic() - start) / 60:.0f} minutes", flush=True)
    if chosen.peer or chosen.model:
        print("not written down: these are not all peers and networks", flush=True)
    else:
        RECORDS.parent.mkdir(exist_ok=True)
        table.write(RECORDS, records)
        publish(records)


def publish(records):
    document = DOCUMENT.read_text() if DOCUMENT.exists() else table.EMPTY
    DOCUMENT.write_text(table.replaced(document, table.markdown(records)))


def run(chosen):
    shutil.rmtree(WORK, ignore_errors=True)
    out = WORK / "out"
    out.mkdir(parents=True)
    groups = families(chosen)
    gyrus = Gyrus(chosen.gyrus)
    session = Session(wanted(chosen), gyrus.adapter(groups[0][0]), out)
    session.records.append(machine.describe(chosen.gyrus, session.adapter))
    print("building the peers in Rust: minutes, the first time", flush=True)
    choose.build(session, [network for group in groups for network in group])
    for group in groups:
        one_family(session, gyrus, group, chosen.rounds)
    return session.records


def families(chosen):
    """Lists of one network at several batches."""
    if chosen.model:
        return [networks.both_batches(WORK, chosen.model.stem, chosen.model)]
    shipped = [("alzheimer", networks.ALZHEIMER), ("tumor", networks.TUMOR)]
    found = [networks.both_batches(WORK, name, source) for name, source in shipped]
    return found + ([[network] for network in networks.larger(WORK)] if chosen.more else [])


def wanted(chosen):
    """Gyrus and those of its peers that were asked for."""
    peers = all_peers(chosen.gyrus)
    unknown = set(chosen.peer or []) - {p.key for p in peers}
    if unknown:
        sys.exit(f"peers: no such peer: {', '.join(unknown)}; there are {', '.join(p.key for p in peers)}")
    return [p for p in peers if not chosen.peer or p.key in chosen.peer or p.key == "gyrus"]


def one_family(session, gyrus, group, rounds):
    print(f"{group[0].name}, {group[0].sizes}: settings", flush=True)
    entries = choose.candidates(session, group)
    measure.rounds(session, entries, rounds)
    for entry in entries:
        entry.process.close()
    if len(group) > 1:
        measure.cold_starts(session, entries, min(rounds, 3))
        ours = next((e.settings for e in entries if e.peer.key == gyrus.key), {})
        measure.device_memory(session, gyrus, group[-1], ours)


if __name__ == "__main__":
    main()
