"""Records to the tables of docs/serve.md, and to whether the service does what it is held to."""

import statistics

from peers_bench.table import ratio_text, table

BEGIN, END = "<!-- load: begin -->", "<!-- load: end -->"
LEAST_OF_ENGINE = 0.9
MOST_OF_ALONE = 4
MOST_GROWTH = 1.05


def of_kind(records, kind, **values):
    found = [record for record in records if record["kind"] == kind]
    return [record for record in found if all(record[key] == value for key, value in values.items())]


def devices(records):
    return list(dict.fromkeys(record["device"] for record in of_kind(records, "agreement")))


def ratios(records, device, server, other):
    """Requests a second of one as a part of another's, round by round."""
    by_round = {
        name: {r["round"]: r["per_second"] for r in of_kind(records, "throughput", device=device, server=name)}
        for name in [server, other]
    }
    both = by_round[server].keys() & by_round[other].keys()
    return [by_round[server][number] / by_round[other][number] for number in sorted(both)]


def slowdowns(records, device, arrivals):
    """The 99th percentile as a multiple of what a client waits that is alone, round by round."""
    found = of_kind(records, "latency", device=device, arrivals=arrivals)
    return [record["p99_ms"] / record["alone_ms"] for record in found]


def misses(records):
    """What the service is held to and does not do, a line each."""
    lines = []
    for device in devices(records):
        part = statistics.median(ratios(records, device, "Gyrus", "engine"))
        if part < LEAST_OF_ENGINE:
            lines.append(f"{device}: {part:.2f} of the engine's own images/s, where {LEAST_OF_ENGINE} is due")
        times = statistics.median(slowdowns(records, device, "even"))
        if times >= MOST_OF_ALONE:
            lines.append(f"{device}: p99 at 70 % load is {times:.1f} times the latency alone, {MOST_OF_ALONE} at most")
        for record in of_kind(records, "overload", device=device):
            lines += [f"{device}: at overload {what}" for what in overload_misses(record)]
        if not all(record["ended_by_itself"] for record in of_kind(records, "end", device=device)):
            lines.append(f"{device}: the service did not end when it was told to")
    return lines


def overload_misses(record):
    others = sorted(set(record["statuses"]) - {"200", "429"})
    if others:
        yield f"requests were answered by {', '.join(others)}"
    if "429" not in record["statuses"]:
        yield "nobody was turned away, so it was none"
    if record["without_retry_after"]:
        yield f"{record['without_retry_after']} refusals do not say when to ask again"
    if growth(record) > MOST_GROWTH:
        yield f"memory grew {growth(record):.2f} times"


def growth(record):
    return record["bytes_second_half"] / record["bytes_first_half"]


def markdown(records):
    run = of_kind(records, "run")[0]
    first = devices(records)[0]
    turns, rounds = (len(of_kind(records, "throughput", device=first, server=name)) for name in ["engine", "Flask + Keras"])
    even, random = (len(of_kind(records, "latency", device=first, arrivals=name)) for name in ["even", "random"])
    head = (
        f"{run['date']}, {run['system']}, {run['cores']} cores with {run['cpu']}, Gyrus {run['gyrus']} at "
        f"{run['commit']}, the classifier on pictures of\n"
        "176 x 208; clients and servers share the cores. Ratios are medians: of "
        f"{turns} turns in which the service is asked after the\nengine, in {rounds} of them Flask after it, "
        f"and of {even} turns of latencies,\n{random} at random, each at the rate that was found just before it. "
        "Raw figures: [load.jsonl](performance/load.jsonl)."
    )
    return "\n\n".join([head, throughput_table(records), latency_table(records), overload_table(records)])


def throughput_table(records):
    columns = ["device", "to the engine's own images/s", "to Flask + Keras", "to Flask + ONNX Runtime"]
    others = ["engine", "Flask + Keras", "Flask + ONNX Runtime"]
    rows = [
        [device, *(ratio_text(statistics.median(ratios(records, device, "Gyrus", other))) for other in others)]
        for device in devices(records)
    ]
    return f"**Requests a second at 32 clients**, Gyrus's as a ratio\n\n{table(columns, rows)}"


def latency_table(records):
    columns = ["device", "requests come", "median", "p99"]
    rows = []
    for device in devices(records):
        for arrivals in ["even", "random"]:
            found = of_kind(records, "latency", device=device, arrivals=arrivals)
            median = statistics.median(record["median_ms"] / record["alone_ms"] for record in found)
            p99 = statistics.median(slowdowns(records, device, arrivals))
            words = {"even": "evenly", "random": "at random (Poisson)"}
            rows.append([device, words[arrivals], f"{median:.1f}", f"{p99:.1f}"])
    return f"**Latency at 70 % load**, as multiples of what a client waits that is alone\n\n{table(columns, rows)}"


def overload_table(records):
    rate, memory = "answered a second, to what 32 clients get", "memory, later half to first"
    columns = ["device", "answered", "429", "anything else", rate, memory]
    rows = []
    for record in of_kind(records, "overload"):
        statuses = dict(record["statuses"])
        answered, refused = statuses.pop("200", 0), statuses.pop("429", 0)
        kept = record["answered_per_second"] / record["could_per_second"]
        others = sum(statuses.values())
        rows.append([record["device"], answered, refused, others, f"{kept:.2f}", f"{growth(record):.2f}"])
    return f"**Five times as many requests as it can answer**\n\n{table(columns, rows)}"
