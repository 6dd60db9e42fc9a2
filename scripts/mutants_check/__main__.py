"""Shaders with one mistake each, and who notices: see scripts/mutate."""

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from compilers_check.compiler import ROOT, DidNotRun, said
from compilers_check.driver import Driver
from peers_bench import table

from . import report
from .equivalents import Equivalents
from .kept import Kept

DOCUMENT = ROOT / "docs/portability.md"
SURVIVORS = ROOT / "docs/portability/survivors.md"
RECORDS = ROOT / "docs/portability/mutants.jsonl"
EQUIVALENTS = Path(__file__).with_name("equivalent.toml")
KEPT = ROOT / "target/mutants/fates.jsonl"
# How many are begun before the clock is looked at.
AT_ONCE = 128
# Mesa's adapter-sorting layer prints an error where there is no desktop.
QUIET = {"NODEVICE_SELECT": "1"}


def options():
    parser = argparse.ArgumentParser(prog="scripts/mutate", description=__doc__)
    parser.add_argument("--program", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--only", metavar="SHADER,...", help="mutants of these files alone")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="then no more are begun; the next run goes on")
    parser.add_argument("--fresh", action="store_true", help="what was found out of them before is not taken over")
    parser.add_argument("--table", action="store_true", help="write docs/portability.md from what was recorded before")
    return parser.parse_args()


def main():
    chosen = options()
    equivalents = Equivalents.read(EQUIVALENTS)
    if not chosen.table:
        records = run(chosen, equivalents)
        RECORDS.parent.mkdir(parents=True, exist_ok=True)
        table.write(RECORDS, records)
    else:
        records = table.read(RECORDS)
    text = report.markdown(records, equivalents)
    DOCUMENT.write_text(table.replaced(DOCUMENT.read_text(), text, report.BEGIN, report.END))
    SURVIVORS.write_text(report.survivors(records, equivalents))
    faults = report.faults(records, equivalents)
    for line in faults:
        print(line)
    print(report.summary(records))
    sys.exit(1 if faults else 0)


def run(chosen, equivalents):
    """What is known of all mutants, once those that were asked for were tried."""
    mutants = [json.loads(line) for line in output(chosen.program, "--list").splitlines()]
    kept = Kept([RECORDS, KEPT], chosen.program, equivalents)
    asked = [one for one in mutants if is_chosen(one, chosen.only)]
    if chosen.fresh:
        kept.forget(asked)
    asked = [one for one in asked if not kept.fate(one)]
    driver = Driver([chosen.program], environment())
    device = driver.greeting()["device"]
    if asked:
        # A suite that fails by itself would kill them all.
        passed = kept.checked(lambda: json.loads(output(chosen.program, "--check"))["passed"])
        print(f"{passed} runs pass unbroken; {len(asked)} of {len(mutants)} mutants are tried", flush=True)
        hunt(driver, asked, kept, time.monotonic() + 60 * chosen.minutes)
    machine = {"kind": "machine", "commit": commit(), "date": str(datetime.date.today()), "device": device, "mutants": len(mutants)}
    return [machine, *kept.records(mutants)]


def is_chosen(mutant, only):
    return not only or mutant["shader"].removesuffix(".wgsl") in only.split(",")


def output(program, argument):
    done = subprocess.run([program, argument], stdout=subprocess.PIPE, text=True, check=False, env={**os.environ, **QUIET})
    if done.returncode != 0:
        raise SystemExit(f"scripts/mutate: {program.name} {argument} ends with {done.returncode}")
    return done.stdout


def environment():
    """Shards compute on one thread each."""
    return {**QUIET, "LP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}


def hunt(driver, asked, kept, until):
    """Tries mutants as long as there is time."""
    by_id = {one["id"]: one for one in asked}
    progress = Progress(len(asked))

    def heard(answer):
        kept.keep(by_id[answer["id"]], fate(answer))
        progress.step(answer)

    with tempfile.TemporaryDirectory() as folder:
        # What is compiled of mutants is of no use to anybody later.
        driver.environment |= {name: folder for name in ["MESA_SHADER_CACHE_DIR", "GYRUS_CACHE_DIR"]}
        ids = list(by_id)
        while ids and time.monotonic() < until:
            part, ids = ids[:AT_ONCE], ids[AT_ONCE:]
            driver.answers({id: id for id in part}, folder, heard)


def fate(answer):
    if "ended" in answer:
        if "code" in answer["ended"]:
            # Not the driver's doing but the program's own: nothing is said of the mutant by that.
            raise DidNotRun(f"{answer['id']}: the program {answer['ended']}")
        return {"fate": "killed", "by": "end of the process", "said": f"it {answer['ended']}"}
    return {name: answer[name] for name in ["fate", "by", "said", "runs"] if name in answer}


class Progress:
    def __init__(self, total):
        self.total, self.done, self.survived = total, 0, 0
        self.start, self.lock = time.monotonic(), threading.Lock()

    def step(self, answer):
        with self.lock:
            self.done += 1
            if answer.get("fate") == "survived":
                self.survived += 1
                print(f"survives: {answer['id']}", flush=True)
            if self.done % 100 == 0:
                took = time.monotonic() - self.start
                print(f"{self.done} of {self.total}, {self.survived} survive, {took:.0f} s", flush=True)


def commit():
    return said(["git", "-C", ROOT, "describe", "--always", "--dirty", "--exclude", "*"])


if __name__ == "__main__":
    main()
