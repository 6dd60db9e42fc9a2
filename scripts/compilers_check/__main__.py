"""Every shader through the compilers of other platforms: see scripts/compilers."""

import argparse
import datetime
import sys
import tempfile
import time
from pathlib import Path

from peers_bench import table

from . import report, variants
from .compiler import ROOT, DidNotRun, Missing, said
from .dawn import Dawn
from .dxc import Dxc
from .fxc import Fxc
from .kept import Kept
from .spirv_val import SpirvVal

DOCUMENT = ROOT / "docs/portability.md"
RECORDS = ROOT / "docs/portability/compilers.jsonl"
PASSED = ROOT / "docs/portability/passed"
COMPILERS = [SpirvVal, Dxc, Fxc, Dawn]
REFUSED, NOTHING_SAID = 1, 2


def options():
    parser = argparse.ArgumentParser(prog="scripts/compilers", description=__doc__)
    parser.add_argument("--translations", type=Path, metavar="DIR", help="what `cargo test --test compilers` wrote")
    parser.add_argument("--only", type=keys, metavar="NAME,...", default=list(known()), help=", ".join(known()))
    parser.add_argument("--record", type=Path, metavar="FILE", help="keep the results there")
    parser.add_argument("--table", action="store_true", help="write docs/portability.md from what was recorded before")
    parser.add_argument("--wanted", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if not chosen.table and not chosen.translations:
        parser.error("--translations is missing")
    return chosen


def known():
    return {compiler.key: compiler for compiler in COMPILERS}


def keys(text):
    asked = text.split(",")
    unknown = [key for key in asked if key not in known()]
    if unknown:
        raise argparse.ArgumentTypeError(f"no such compiler: {', '.join(unknown)}; there are {', '.join(known())}")
    return [key for key in known() if key in asked]


def main():
    chosen = options()
    if chosen.wanted:
        print("wanted:", "" if chosen.table else " ".join(chosen.only))
    elif chosen.table:
        publish(table.read(RECORDS))
    else:
        sys.exit(run(chosen))


def run(chosen):
    try:
        about, found = variants.read(chosen.translations)
    except (OSError, KeyError, TypeError, ValueError) as problem:
        return fail([f"{chosen.translations / 'index.json'}: {problem!r}; `cargo test --test compilers` writes it"])
    compilers = [known()[key]() for key in chosen.only]
    versions = {compiler.key: version(compiler) for compiler in compilers}
    missing = [str(problem) for problem in versions.values() if isinstance(problem, Missing)]
    if missing:
        return fail(missing)
    try:
        records = list(results(chosen.translations, about, found, compilers, versions))
    except DidNotRun as problem:
        return fail([str(problem)])
    if chosen.record:
        chosen.record.parent.mkdir(parents=True, exist_ok=True)
        table.write(chosen.record, records)
    refusals = report.refusals(records)
    for line in refusals:
        print(line)
    return REFUSED if refusals else 0


def version(compiler):
    try:
        return compiler.version()
    except Missing as problem:
        return problem


def fail(lines):
    for line in lines:
        print(f"scripts/compilers: {line}", file=sys.stderr)
    return NOTHING_SAID


def results(folder, about, found, compilers, versions):
    """The records of a run. Every compiler must first refuse what is broken."""
    yield {"kind": "machine", **about, "commit": commit(), "date": datetime.date.today().isoformat()}
    yield report.written("MSL", found, variants.written(folder, found, "metal"))
    for compiler in compilers:
        broken = controls(compiler)
        given = [one for one in found if compiler.is_given(one)]
        print(f"{compiler.name} {versions[compiler.key]}: {len(given)} variants", flush=True)
        start = time.monotonic()
        verdicts, before = verdicts_on(folder, compiler, versions[compiler.key], given)
        record = report.record(compiler, versions[compiler.key], found, given, verdicts)
        print(f"{compiler.name}: {record['passed']} pass, {time.monotonic() - start:.0f} s", flush=True)
        yield {**record, "passed_before": before, "broken_refused": broken}


def verdicts_on(folder, compiler, version, given):
    """By id, and how many of them are from before."""
    if not compiler.sources:
        return compiler.check(folder, given), 0
    PASSED.mkdir(parents=True, exist_ok=True)
    return Kept(PASSED / f"{compiler.key}.txt", compiler, version).check(folder, given)


def controls(compiler):
    """The broken shaders that it refuses; all, or it is not believed."""
    with tempfile.TemporaryDirectory() as folder:
        given = compiler.written_broken(Path(folder))
        verdicts = compiler.check(folder=Path(folder), variants=given)
    taken = [one.id for one in given if verdicts[one.id].passed]
    if taken:
        raise DidNotRun(f"{compiler.name} takes what it must refuse: {', '.join(taken)}")
    return len(given)


def commit():
    return said(["git", "-C", ROOT, "describe", "--always", "--dirty", "--exclude", "*"])


def publish(records):
    text = report.markdown(records, COMPILERS)
    DOCUMENT.write_text(table.replaced(DOCUMENT.read_text(), text, report.BEGIN, report.END))


if __name__ == "__main__":
    main()
