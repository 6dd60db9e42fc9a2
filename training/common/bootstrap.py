"""Bootstrap intervals over people."""

import numpy as np

RESAMPLES = 1000
RESAMPLE_SEED = 7


def intervals(people, figures, resamples=RESAMPLES, seed=RESAMPLE_SEED):
    """95 % intervals of `figures(picks)`, a dict of numbers, over draws of people with replacement."""
    generator = np.random.default_rng(seed)
    drawn = [figures(generator.integers(people, size=people)) for _ in range(resamples)]
    return {name: interval([d[name] for d in drawn]) for name in drawn[0]}


def interval(values):
    """The middle 95 %; resamples in which a figure does not exist are left out."""
    known = [v for v in values if v is not None]
    return [round(float(v), 4) for v in np.percentile(known, [2.5, 97.5])] if known else None
