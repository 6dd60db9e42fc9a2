"""The program checked for systems that are not here, and without its optional parts: see scripts/platforms."""

import argparse
import datetime
import os
import re
import shutil
import subprocess
import sys

from compilers_check.compiler import ROOT, said
from peers_bench import table

DOCUMENT = ROOT / "docs/portability.md"
RECORDS = ROOT / "docs/portability/platforms.jsonl"
BEGIN, END = "<!-- platform: begin -->", "<!-- platform: end -->"
SOURCE = ROOT / "src/platform.rs"
SYSTEMS = {
    "Windows": "x86_64-pc-windows-msvc",
    "macOS": "aarch64-apple-darwin",
}
FEATURES = {
    "without both": ["--no-default-features"],
    "without the service": ["--no-default-features", "--features", "dicom"],
    "without DICOM": ["--no-default-features", "--features", "serve"],
}
# What rustc's own messages begin with.
ERROR = re.compile(r"^error.*", re.MULTILINE)


def main():
    parser = argparse.ArgumentParser(prog="scripts/platforms", description=__doc__)
    parser.add_argument("--table", action="store_true", help="write the table from what was recorded before")
    if not parser.parse_args().table:
        RECORDS.parent.mkdir(parents=True, exist_ok=True)
        table.write(RECORDS, list(run()))
    records = table.read(RECORDS)
    DOCUMENT.write_text(table.replaced(DOCUMENT.read_text(), markdown(records), BEGIN, END))
    failed = [record for record in records if record.get("error")]
    for record in failed:
        print(f"{record['what']}: {record['error']}")
    sys.exit(1 if failed else 0)


def run():
    commit = said(["git", "-C", ROOT, "describe", "--always", "--dirty", "--exclude", "*"])
    rustc = said(["rustc", "--version"])
    yield {"kind": "machine", "commit": commit, "rustc": rustc, "date": str(datetime.date.today())}
    for what, options in FEATURES.items():
        yield checked("features", what, options)
    for what, target in SYSTEMS.items():
        install(target)
        yield checked("system", what, ["--target", target])


def install(target):
    if shutil.which("rustup") is None:
        raise SystemExit(f"scripts/platforms: rustup is missing, which installs the standard library for {target}")
    subprocess.run(["rustup", "--quiet", "target", "add", target], check=True)


def checked(kind, what, options):
    command = ["cargo", "check", "--quiet", *options]
    print(" ".join(command), flush=True)
    found = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "RUSTFLAGS": "-D warnings"}, check=False)
    error = ERROR.search(found.stderr)
    failed = found.returncode != 0
    return {"kind": kind, "what": what, "options": options, "error": (error[0] if error else "failed") if failed else None}


def markdown(records):
    machine = table.of_kind(records, "machine")[0]
    lines = [line.strip() for line in SOURCE.read_text().splitlines() if is_choice(line)]
    rows = [[record["what"], f"`cargo check {' '.join(record['options'])}`", result(record)] for record in records[1:]]
    return "\n\n".join(
        [
            f"{machine['date']}, at {machine['commit']}, {machine['rustc']}.",
            table.table(["what", "checked by", "result"], rows),
            "What is checked so is neither linked nor run: no program for Windows or macOS was ever built here.\n"
            f"`src/platform.rs` alone asks for the operating system, in {len(lines)} places; `tests/platform.rs` holds the rest "
            "of the\nprogram to that.",
        ]
    )


def is_choice(line):
    """A line that only some systems compile or run."""
    return not line.lstrip().startswith("//") and re.search(r"cfg[!(]|cfg_attr", line) is not None


def result(record):
    return f"fails: {record['error']}" if record["error"] else "no error, no warning"


if __name__ == "__main__":
    main()
