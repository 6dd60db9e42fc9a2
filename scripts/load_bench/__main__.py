"""The service under load: see scripts/load."""

import argparse
import sys

from peers_bench import machine, table
from peers_bench.networks import ROOT

from . import measure, report

DOCUMENT = ROOT / "docs/serve.md"
RECORDS = ROOT / "docs/performance/load.jsonl"
DEVICES = ["cpu", "software"]


def options():
    parser = argparse.ArgumentParser(prog="scripts/load", description=__doc__)
    parser.add_argument("--gyrus", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of which the median is taken")
    parser.add_argument("--seconds", type=int, default=20, help="how long each server is asked in a round")
    parser.add_argument("--batch", type=int, default=32, help="as of `gyrus serve`")
    parser.add_argument("--device", action="append", choices=DEVICES, help="this one alone")
    parser.add_argument("--table", action="store_true", help="write the tables from what was measured before")
    return parser.parse_args()


def main():
    chosen = options()
    records = table.read(RECORDS) if chosen.table else run(chosen)
    print(f"\n{report.markdown(records)}\n", flush=True)
    if chosen.device:
        print("not written down: these are not all devices", flush=True)
    else:
        table.write(RECORDS, records)
        DOCUMENT.write_text(table.replaced(DOCUMENT.read_text(), report.markdown(records), report.BEGIN, report.END))
    missed = report.misses(records)
    for line in missed:
        print(f"missed: {line}", flush=True)
    sys.exit(1 if missed else 0)


def run(chosen):
    records = [machine.describe(chosen.gyrus, "")]
    for device in chosen.device or DEVICES:
        for record in measure.device(chosen.gyrus, device, chosen.batch, chosen.rounds, chosen.seconds):
            print(record, flush=True)
            records.append(record)
    return records


if __name__ == "__main__":
    main()
