"""Verdicts to records, and records to the tables of docs/portability.md."""

from collections import Counter

from peers_bench.table import of_kind, table

# Less is not worth a word.
SLOW_S = 5
BEGIN, END = "<!-- compilers: begin -->", "<!-- compilers: end -->"


def record(compiler, version, variants, given, verdicts):
    """What one compiler said of all that it was given."""
    failures = [one for one in given if is_refused(verdicts[one.id])]
    waived = [one for one in given if verdicts[one.id].is_waived]
    return {
        "kind": "compiler",
        "compiler": compiler.name,
        "version": version,
        "how": compiler.how(),
        "variants": len(given),
        "passed": sum(verdicts[one.id].passed for one in given),
        **computing(given, verdicts),
        "kernels": by_kernel(given, verdicts),
        "not_given": dict(Counter(one.kernel for one in variants if not compiler.is_given(one))),
        "failures": [said(one, verdicts[one.id].error) for one in failures if compiler.must_take(one)],
        "refused_as_expected": [said(one, verdicts[one.id].error) for one in failures if not compiler.must_take(one)],
        "waived": [said(one, verdicts[one.id].error) for one in waived],
    }


def computing(given, verdicts):
    """The seconds of all, and the one that took longest; nothing where that was not measured."""
    timed = [(verdicts[one.id].seconds, one) for one in given if verdicts[one.id].seconds is not None]
    if not timed:
        return {}
    seconds, slowest = max(timed, key=lambda pair: pair[0])
    about = {"id": slowest.id, "kernel": slowest.kernel, "seconds": seconds}
    return {"seconds": round(sum(took for took, _ in timed), 1), "slowest": about}


def is_refused(verdict):
    return not verdict.passed and not verdict.is_waived


def said(variant, error):
    return {"id": variant.id, "kernel": variant.kernel, "error": error}


def by_kernel(given, verdicts):
    """How many of each kernel's variants pass, and how many there are."""
    passed = Counter(one.kernel for one in given if verdicts[one.id].passed)
    return {kernel: [passed[kernel], total] for kernel, total in sorted(Counter(one.kernel for one in given).items())}


def written(language, variants, found):
    """What naga wrote in a language that nobody here compiles."""
    ids = {one.id for one in found}
    failures = [said(one, f"nothing was written in {language}") for one in variants if one.id not in ids]
    counts = {"variants": len(variants), "written": len(found), "failures": failures}
    return {"kind": "written", "language": language, **counts}


def refusals(records):
    """All that should have been taken and was not, a line each."""
    return [
        f"{record.get('compiler', 'naga')}: {one['id']}: {one['error']}"
        for record in records
        for one in record.get("failures", [])
    ]


def markdown(records, compilers):
    machine = of_kind(records, "machine")[0]
    head = (
        f"{machine['date']}, Gyrus {machine['gyrus']} at {machine['commit']}, translated by naga {machine['naga']}. "
        "Raw results with every message:\n[compilers.jsonl](portability/compilers.jsonl)."
    )
    parts = [head, compilers_table(records, compilers), "\n".join(remarks(records)), kernels_table(records, compilers)]
    return "\n\n".join(part for part in parts if part)


def results_of(records, compiler):
    """None where it was not run."""
    return next((r for r in of_kind(records, "compiler") if r["compiler"] == compiler.name), None)


def compilers_table(records, compilers):
    columns = ["compiler", "version", "stands for", "variants", "passed", "run as"]
    rows = [compiler_row(results_of(records, one), one) for one in compilers]
    for one in of_kind(records, "written"):
        rows.append([f"naga's {one['language']} writer", "", "Metal", one["variants"], "", written_text(one)])
    return f"**Compilers**\n\n{table(columns, rows)}"


def compiler_row(record, compiler):
    if record is None:
        return [compiler.name, "", compiler.stands_for, "", "", "not run"]
    counts = [record["variants"], record["passed"]]
    return [compiler.name, record["version"], compiler.stands_for, *counts, record["how"]]


def written_text(record):
    return f"{record['written']} written, compiled by nobody"


def remarks(records):
    """What the counts alone would hide."""
    words = {
        "not_given": "not given, for want of subgroups there",
        "failures": "refused, and should not be",
        "refused_as_expected": "refused, and need not be taken",
        "waived": "neither passed nor refused, for an `ArrayStride` on arrays of workgroups that nothing depends on",
    }
    for record in of_kind(records, "compiler"):
        for key in [key for key in words if record[key]]:
            found = record[key]
            count = sum(found.values()) if isinstance(found, dict) else len(found)
            yield f"- {record['compiler']}: {count} {words[key]} ({', '.join(kernels_in(found))})."
    yield from (slow for record in of_kind(records, "compiler") for slow in slowness(record))


def slowness(record):
    """What a user waits for where the compiler has its users wait."""
    slowest = record.get("slowest", {"seconds": 0})
    if slowest["seconds"] >= SLOW_S:
        all_of_it = f"{record['seconds']:.0f} s of computing, {slowest['seconds']:.0f} s of it for one variant"
        yield f"- {record['compiler']}: {all_of_it} of `{slowest['kernel']}`."


def kernels_in(found):
    """As a dictionary by kernel or a list of variants has them."""
    return sorted(found) if isinstance(found, dict) else sorted({one["kernel"] for one in found})


def kernels_table(records, compilers):
    results = [results_of(records, one) for one in compilers]
    names = sorted({kernel for r in results if r for kernel in [*r["kernels"], *r["not_given"]]})
    rows = [[f"`{name}`", *(cell(r, name) for r in results)] for name in names]
    return f"**Variants of each kernel that pass**\n\n{table(['kernel', *(one.name for one in compilers)], rows)}"


def cell(record, kernel):
    if record is None:
        return "not run"
    passed, total = record["kernels"].get(kernel, [0, 0])
    if total == 0:
        return "not given"
    text = f"all {total}" if passed == total else f"{passed}/{total}"
    kept = record["not_given"].get(kernel, 0)
    return f"{text}, {kept} not given" if kept else text
