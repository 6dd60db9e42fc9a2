"""Records to the tables between the markers of docs/performance.md."""

import json

from . import figures
from .memory import ALLOWED

BEGIN, END = "<!-- peers: begin -->", "<!-- peers: end -->"
EMPTY = f"# Performance\n\n{BEGIN}\n{END}\n"
GYRUS = "Gyrus"


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def write(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def replaced(document, text, first=BEGIN, last=END):
    """A document with this between its markers; what else is in it stays."""
    before, begin, rest = document.partition(first)
    _, end, after = rest.partition(last)
    if not begin or not end:
        raise ValueError(f"expected {first} and {last}")
    return f"{before}{first}\n{text}\n{last}{after}"


def markdown(records):
    parts = [heading(of_kind(records, "run")[0], of_kind(records, "time"))]
    parts += [times_table(records, network) for network in distinct(records, "network")]
    for part in [batch_table(records), cold_table(records), memory_table(records)]:
        parts += [part] if part else []
    return "\n\n".join(parts)


def heading(run, times):
    rounds = max((r["round"] for r in times), default=0)
    return (
        f"{run['date']}, {run['system']}, {run['cores']} cores with {run['cpu']}, software adapter {run['adapter']}, "
        f"Gyrus {run['gyrus']} at {run['commit']}, everything in f32.\n"
        f"Engines take turns; a figure is the median of {rounds} rounds. Ratios are medians over the rounds: below 1\n"
        "Gyrus is faster. Errors are against ONNX Runtime without its optimisations, as a part of the output's\n"
        "largest value. Raw figures and every setting that was tried: [peers.jsonl](performance/peers.jsonl)."
    )


def of_kind(records, kind):
    return [r for r in records if r["kind"] == kind]


def distinct(records, key):
    return list(dict.fromkeys(r[key] for r in records if key in r))


def select(records, kind, network, batch, peer=None):
    found = [r for r in of_kind(records, kind) if (r["network"], r["batch"]) == (network, batch)]
    return [r for r in found if peer in [None, r["peer"]]]


def times_table(records, network):
    times, failures = select(records, "time", network, 1), select(records, "failure", network, 1)
    ours = [r for r in times if r["peer"] == GYRUS]
    rows = [times_row(ours, [r for r in times if r["peer"] == peer]) for peer in distinct(times, "peer")]
    rows += [[engine(r), r["runs_on"], "fails", "", "", r["reason"]] for r in failures]
    shape = (times or failures)[0]["shape"]
    columns = ["engine", "runs on", "ms", "Gyrus's time / its time", "error", "settings, or why it fails"]
    return f"**{network}**, {shape}\n\n{table(columns, rows)}"


def times_row(ours, theirs):
    first = theirs[0]
    took = milliseconds(figures.median(theirs))
    ratio = "" if first["peer"] == GYRUS else ratio_text(figures.ratio(ours, theirs))
    settings = ", ".join(f"{name} {value}" for name, value in first["settings"].items())
    return [engine(first), first["runs_on"], took, ratio, f"{first['error']:.0e}", settings]


def engine(record):
    return f"{record['peer']} {record['version']}"


def batch_table(records):
    """Each engine's images in batches against its single images."""
    rows = []
    for network in distinct(records, "network"):
        batches = [b for b in distinct(records, "batch") if b != 1]
        for batch in batches:
            for peer in distinct(select(records, "time", network, batch), "peer"):
                one = select(records, "time", network, 1, peer)
                many = select(records, "time", network, batch, peer)
                rows.append([network, engine(many[0]), *batch_figures(one, many, batch)])
            failed = select(records, "failure", network, batch)
            rows += [[network, engine(r), "", f"batch {batch} fails: {r['reason']}", ""] for r in failed]
    if not rows:
        return None
    columns = ["network", "engine", "ms an image alone", "ms an image in a batch of 8", "ratio"]
    return f"**Batches**\n\n{table(columns, rows)}"


def batch_figures(one, many, batch):
    an_image = [{**r, "median_ms": r["median_ms"] / batch} for r in many]
    ratio = ratio_text(figures.ratio(an_image, one))
    return [milliseconds(figures.median(one)), milliseconds(figures.median(an_image)), ratio]


def cold_table(records):
    rows = []
    for network in distinct(of_kind(records, "cold"), "network"):
        starts = select(records, "cold", network, 1)
        ours = [r for r in starts if r["peer"] == GYRUS]
        for peer in distinct(starts, "peer"):
            theirs = [r for r in starts if r["peer"] == peer]
            ratio = "" if peer == GYRUS else ratio_text(figures.ratio(ours, theirs))
            rows.append([network, engine(theirs[0]), f"{figures.median(theirs) / 1e3:.2f}", ratio])
    if not rows:
        return None
    columns = ["network", "engine", "s to the first answer", "Gyrus's time / its time"]
    note = "From the start of the program, with no compiled shader on disk; Python's own start is not counted."
    return f"**Cold start**\n\n{note}\n\n{table(columns, rows)}"


def memory_table(records):
    keys = ["device_bytes", "weight_bytes", "live_bytes", "allowed_bytes", "transfer_bytes"]
    found = of_kind(records, "memory")
    rows = [[r["network"], r["batch"], *(mebibytes(r[key]) for key in keys)] for r in found]
    if not rows:
        return None
    bound = f"weights + {ALLOWED} x that"
    columns = ["network", "batch", "on the device", "weights", "live at once", bound, "mapped by the host"]
    return f"**Device memory of Gyrus**, MiB, as planned\n\n{table(columns, rows)}"


def table(columns, rows):
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def milliseconds(value):
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def ratio_text(value):
    return "" if value is None else f"{value:.2f}"


def mebibytes(count):
    return f"{count / (1 << 20):.1f}"
