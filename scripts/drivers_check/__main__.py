"""Both conformance suites on software drivers, at every width of llvmpipe's vectors: see scripts/drivers."""

import argparse
import datetime
import json
import os
import subprocess
import sys

from compilers_check.compiler import ROOT, said
from peers_bench import driver, table

from . import report

DOCUMENT = ROOT / "docs/portability.md"
RECORDS = ROOT / "docs/portability/drivers.jsonl"


def options():
    parser = argparse.ArgumentParser(prog="scripts/drivers", description=__doc__)
    parser.add_argument("--gyrus", help=argparse.SUPPRESS)
    parser.add_argument("--icd", action="append", default=[], help=argparse.SUPPRESS)
    parser.add_argument("--cases", action="append", default=[], metavar="NAME=DIR", help="ONNX's own test data")
    parser.add_argument("--table", action="store_true", help="write the table from what was recorded before")
    return parser.parse_args()


def main():
    chosen = options()
    if not chosen.table:
        RECORDS.parent.mkdir(parents=True, exist_ok=True)
        table.write(RECORDS, run(chosen))
    records = table.read(RECORDS)
    text = report.markdown(records)
    DOCUMENT.write_text(table.replaced(DOCUMENT.read_text(), text, report.BEGIN, report.END))
    failures = report.failures(records)
    for line in failures:
        print(line)
    sys.exit(1 if failures else 0)


def run(chosen):
    commit = said(["git", "-C", ROOT, "describe", "--always", "--dirty", "--exclude", "*"])
    version = said([chosen.gyrus, "--version"]).removeprefix("gyrus ")
    records = [{"kind": "machine", "commit": commit, "gyrus": version, "date": str(datetime.date.today())}]
    for icd in chosen.icd:
        # The second name is what older loaders know.
        env = {**os.environ, "VK_DRIVER_FILES": icd, "VK_ICD_FILENAMES": icd}
        widths = driver.choices(described(chosen.gyrus, env)["name"]).get(driver.VECTOR_BITS, [])
        for setting in [{driver.VECTOR_BITS: bits} for bits in widths] or [{}]:
            record = on_driver(chosen.gyrus, {**env, **driver.environment(setting)}, chosen.cases)
            print(f"{record['adapter']}: {record['suites']}", flush=True)
            records.append(record)
    return records


def on_driver(gyrus, env, cases):
    """What the one adapter of a driver makes of both suites."""
    adapter = described(gyrus, env)
    command = [gyrus, "conformance", "--suite", "all" if cases else "builtin", "--device", adapter["device"], "--format", "json"]
    for each in cases:
        command += ["--cases", each]
    said = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    if not said.stdout:
        raise SystemExit(f"scripts/drivers: {adapter['name']}: {said.stderr.strip()}")
    return report.record(adapter, json.loads(said.stdout)["devices"][0])


def described(gyrus, env):
    said = subprocess.run([gyrus, "devices", "--format", "json"], capture_output=True, text=True, env=env, check=True)
    devices = [json.loads(line) for line in said.stdout.splitlines()]
    software = [device for device in devices if device["class"] == "software"]
    if len(software) != 1:
        raise SystemExit(f"scripts/drivers: expected one software adapter, there are {len(software)}")
    return software[0]


if __name__ == "__main__":
    main()
