"""Medians and ratios of what was measured."""

import statistics


def runs_for(estimate_ms, budget_ms, most):
    """How often something is run that takes this long: at least twice, so that one interruption can be left out."""
    return max(2, min(most, int(budget_ms / max(estimate_ms, 1e-3))))


def by_round(records):
    """The median of each round."""
    return {r["round"]: r["median_ms"] for r in records}


def median(records):
    """The median over the rounds."""
    return statistics.median(by_round(records).values())


def ratio(ours, theirs):
    """The median over the rounds of our time as a part of theirs.

    Within a round, because the machine has slow phases that last longer than a round.
    """
    ours, theirs = by_round(ours), by_round(theirs)
    common = ours.keys() & theirs.keys()
    return statistics.median(ours[r] / theirs[r] for r in common) if common else None
