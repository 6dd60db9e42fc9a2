"""Fates to the tables of docs/portability.md and docs/portability/survivors.md."""

from collections import Counter

from peers_bench.table import distinct, of_kind, table

BEGIN, END = "<!-- mutants: begin -->", "<!-- mutants: end -->"
# The part that must be killed, of all that are shaders at all, but for one kind: where what lies past an end writes nothing, a bound
# may take one more in.
LEAST = 0.95
BOUND = "bound"


def markdown(records, equivalents):
    machine, mutants = of_kind(records, "machine")[0], of_kind(records, "mutant")
    about = f"Last run {machine['date']}, {machine['commit']}, on {machine['device']}. {summary(records)}"
    if len(mutants) < machine["mutants"]:
        about = f"Not whole: {len(mutants)} of {machine['mutants']} mutants have been tried. {about}"
    rows = [row(shader, [one for one in mutants if one["shader"] == shader]) for shader in distinct(mutants, "shader")]
    columns = ["shader", "mutants", "killed", "of these by time", "survive", "no shader"]
    kinds = [row(kind, [one for one in mutants if one["mistake"] == kind]) for kind in distinct(mutants, "mistake")]
    told = [about, table(["mistake", *columns[1:]], kinds), table(columns, rows)]
    unexplained = [one for one in survivors_of(mutants) if equivalents.reason(one) is None]
    if unexplained:
        told.insert(1, f"{len(unexplained)} of those that survive have no reason yet.")
    return "\n\n".join(told)


def row(name, mutants):
    fates = Counter(one["fate"] for one in mutants)
    late = sum(one.get("by") == "time" for one in mutants)
    return [f"`{name}`", len(mutants), fates["killed"], late, len(survivors_of(mutants)), fates["stillborn"]]


def survivors_of(mutants):
    """What no case reaches survives as well, and so does what changes nothing."""
    return [one for one in mutants if one["fate"] in ["survived", "unreached", "same"]]


def summary(records):
    mutants = of_kind(records, "mutant")
    killed, alive = counted(mutants, lambda mistake: mistake != BOUND)
    of_bounds, bounds = counted(mutants, lambda mistake: mistake == BOUND)
    all_killed, all_alive = killed + of_bounds, alive + bounds
    return (
        f"{killed} of {alive} mutants are killed, {killed / max(alive, 1):.1%}. "
        f"Beside these {of_bounds} of {bounds} are of bounds, with which it is {all_killed / max(all_alive, 1):.1%}. "
        f"{len(mutants) - all_alive} more are no shaders."
    )


def counted(mutants, is_asked):
    """Those that are killed, of those that are shaders."""
    alive = [one for one in mutants if one["fate"] != "stillborn" and is_asked(one["mistake"])]
    return sum(one["fate"] == "killed" for one in alive), len(alive)


def survivors(records, equivalents):
    """The page that lists them."""
    found = survivors_of(of_kind(records, "mutant"))
    rows = [
        [f"`{one['shader']}`", f"`{one['code']}`", f"`{one['from']}` to `{one['to'] or 'nothing'}`", equivalents.reason(one) or "**none**"]
        for one in found
    ]
    head = "# Mutants that survive\n\nMistakes in shaders that no case notices, and why they are none. Written by `scripts/mutate`."
    return f"{head}\n\n{table(['shader', 'line', 'change', 'why it changes no result'], rows)}\n"


def faults(records, equivalents):
    """What must not be."""
    mutants = of_kind(records, "mutant")
    is_whole = len(mutants) == of_kind(records, "machine")[0]["mutants"]
    found = [f"survives without a reason: {one['id']}   {one['code']}" for one in survivors_of(mutants) if equivalents.reason(one) is None]
    killed, alive = counted(mutants, lambda mistake: mistake != BOUND)
    if is_whole and killed < LEAST * alive:
        found.append(f"less than {LEAST:.0%} are killed")
    if is_whole:
        found += [f"a reason for what does not survive: {entry['shader']} {entry['lines']}" for entry in equivalents.unused()]
    dead = [one for one in mutants if one["fate"] == "killed"]
    found += [f"a reason for what is killed too: {entry['shader']} {entry['lines']}" for entry in equivalents.excess(dead)]
    return found
