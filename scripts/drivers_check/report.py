"""What `gyrus conformance` found to records, and records to the tables of docs/portability.md."""

from collections import Counter

from peers_bench.table import of_kind, table

BEGIN, END = "<!-- drivers: begin -->", "<!-- drivers: end -->"
OUTCOMES = ["passed", "skipped", "failed", "not_run"]


def record(adapter, found):
    """Of one adapter, as `gyrus devices` describes it, what its part of the conformance report says."""
    cases = found["cases"]
    return {
        "kind": "driver",
        "adapter": adapter["name"],
        "driver": adapter["driver"],
        "subgroup": adapter["subgroup"],
        "f16": adapter["f16"],
        "seconds": round(found["seconds"]),
        "suites": {suite: counted(cases, suite) for suite in dict.fromkeys(case["suite"] for case in cases)},
        "kernels": by_kernel(cases),
        "unreached": found["unreached_kernels"],
        "failures": [
            {"case": f"{case['suite']}/{case['group']}/{case['case']}", "reason": case.get("reason", "")}
            for case in cases
            if case["outcome"] in ("failed", "not_run")
        ],
    }


def counted(cases, suite):
    outcomes = Counter(case["outcome"] for case in cases if case["suite"] == suite)
    return {outcome: outcomes[outcome] for outcome in OUTCOMES}


def by_kernel(cases):
    """Of each kernel how many of the builtin cases that it computes pass, and how many there are."""
    passed, total = Counter(), Counter()
    for case in cases:
        if case["suite"] == "builtin" and case["outcome"] in ("passed", "failed"):
            for kernel in case["kernels"]:
                total[kernel] += 1
                passed[kernel] += case["outcome"] == "passed"
    return {kernel: [passed[kernel], total[kernel]] for kernel in sorted(total)}


def failures(records):
    return [f"{one['adapter']}: {f['case']}: {f['reason']}" for one in of_kind(records, "driver") for f in one["failures"]]


def markdown(records):
    machine = of_kind(records, "machine")[0]
    drivers = of_kind(records, "driver")
    head = (
        f"{machine['date']}, Gyrus {machine['gyrus']} at {machine['commit']}. Raw results:\n"
        "[drivers.jsonl](portability/drivers.jsonl)."
    )
    return "\n\n".join([head, drivers_table(drivers), *remarks(drivers), kernels_table(drivers)])


def drivers_table(drivers):
    suites = list(dict.fromkeys(suite for one in drivers for suite in one["suites"]))
    rows = [
        [one["adapter"], one["driver"], one["subgroup"] or "none", "yes" if one["f16"] else "no"]
        + [suite_cell(one["suites"].get(suite)) for suite in suites]
        for one in drivers
    ]
    return table(["adapter", "driver", "subgroup", "f16", *suites], rows)


def suite_cell(counts):
    if counts is None:
        return "not run"
    wrong = counts["failed"] + counts["not_run"]
    return f"{counts['passed']} pass, {counts['skipped']} outside of what Gyrus supports, {wrong} fail"


def remarks(drivers):
    found = [f"- {one['adapter']} has no use for: {', '.join(one['unreached'])}." for one in drivers if one["unreached"]]
    return ["\n".join(found)] if found else []


def kernels_table(drivers):
    names = sorted({kernel for one in drivers for kernel in one["kernels"]})
    rows = [[f"`{name}`", *(cell(one["kernels"].get(name)) for one in drivers)] for name in names]
    title = "**Builtin cases of each kernel that pass**"
    return f"{title}\n\n{table(['kernel', *(one['adapter'] for one in drivers)], rows)}"


def cell(counts):
    if counts is None:
        return "not reached"
    passed, total = counts
    return f"all {total}" if passed == total else f"{passed}/{total}"
