"""What the suite came to in browsers, as `scripts/browser --record` keeps it, for docs/portability.md."""

import argparse

from compilers_check.compiler import ROOT
from peers_bench import table

DOCUMENT = ROOT / "docs/portability.md"
RECORDS = ROOT / "docs/portability/browser.jsonl"
# What the exporter says of cases that are for no device.
OUTSIDE = "outside of Gyrus: "
BEGIN, END = "<!-- browser: begin -->", "<!-- browser: end -->"


def main():
    argparse.ArgumentParser(description=__doc__).parse_args()
    text = markdown(table.read(RECORDS))
    DOCUMENT.write_text(table.replaced(DOCUMENT.read_text(), text, BEGIN, END))


def markdown(records):
    """Of each suite the last run."""
    last = {suite: record for record in records for suite in record["suites"]}
    return "\n\n".join(section(record) for record in {id(record): record for record in last.values()}.values())


def section(found):
    head = f"Gyrus {found['gyrus']}, {found['browser']} without a window, on {found['adapter']['name']}; {found['seconds']} s."
    parts = [head, suites_table(found)]
    if found["skipped"]:
        parts.append(skipped_table(found))
    return "\n\n".join([*parts, kernels_table(found)])


def suites_table(found):
    rows = [[suite, *(counts.get(key, 0) for key in ["passed", "skipped", "failed", "not_run"])] for suite, counts in found["suites"].items()]
    return table.table(["suite", "passed", "skipped", "failed", "not run"], rows)


def skipped_table(found):
    """What the adapter is not for; what Gyrus can do nowhere is counted."""
    outside = sum(row["runs"] for row in found["skipped"] if is_outside(row))
    rows = [[row["runs"], row["reason"], named(row["kernels"])] for row in found["skipped"] if not is_outside(row)]
    if outside:
        rows.append([outside, "outside of what Gyrus does on any device: see [operators.md](operators.md)", "-"])
    return f"**Not played there**\n\n{table.table(['runs', 'reason', 'kernels'], rows)}"


def is_outside(row):
    return row["reason"].startswith(OUTSIDE)


def named(kernels):
    return ", ".join(f"`{name}`" for name in kernels) or "-"


def kernels_table(found):
    rows = [[f"`{name}`", cell(counts)] for name, counts in sorted(found["kernels"].items())]
    rows += [[f"`{name}`", "not reached"] for name in found["unreached"]]
    return f"**Runs of each kernel that pass**\n\n{table.table(['kernel', 'runs'], rows)}"


def cell(counts):
    total = counts["passed"] + counts["failed"]
    return f"all {total}" if counts["passed"] == total else f"{counts['passed']}/{total}"


if __name__ == "__main__":
    main()
