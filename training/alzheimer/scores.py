"""How well probabilities match the truth: per slice, per person, with intervals over people."""

import numpy as np

from training.alzheimer.task import LABELS, NON_DEMENTED
from training.common.bootstrap import RESAMPLE_SEED, RESAMPLES, intervals

CALIBRATION_BINS = 15


def softmax(logits, temperature=1.0):
    """Probabilities of logits divided by the temperature."""
    scaled = logits.astype(np.float64) / temperature
    scaled = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return scaled / scaled.sum(axis=1, keepdims=True)


def negative_log_likelihood(logits, label, temperature):
    """Mean -log p of the true classes."""
    p = softmax(logits, temperature)[np.arange(len(label)), label]
    return -np.log(np.maximum(p, 1e-300)).mean()


def fit_temperature(logits, label):
    """The temperature of least negative log-likelihood, by golden-section search on its log."""
    ratio = (np.sqrt(5) - 1) / 2
    low, high = np.log(0.05), np.log(20.0)
    while high - low > 1e-5:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if negative_log_likelihood(logits, label, np.exp(left)) < negative_log_likelihood(
            logits, label, np.exp(right)
        ):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))


def auc(score, positive):
    """Chance that a positive scores above a negative, ties counting half; None without both."""
    positive = np.asarray(positive, bool)
    positives, negatives = positive.sum(), (~positive).sum()
    if positives == 0 or negatives == 0:
        return None
    values, place, count = np.unique(score, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(count) - (count - 1) / 2
    rank_sum = mean_rank[place][positive].sum()
    return float((rank_sum - positives * (positives + 1) / 2) / (positives * negatives))


def confusion(label, predicted):
    """Counts; a row a true class, a column a predicted one, in the order of LABELS."""
    matrix = np.zeros((len(LABELS), len(LABELS)), int)
    np.add.at(matrix, (label, predicted), 1)
    return matrix


def balanced_accuracy(matrix):
    """Mean recall over the classes that occur."""
    occurring = matrix.sum(axis=1) > 0
    return float((matrix.diagonal()[occurring] / matrix.sum(axis=1)[occurring]).mean())


def macro_f1(matrix):
    """Mean F1 over the classes that occur; a false alarm for an absent class still costs recall."""
    occurring = matrix.sum(axis=1) > 0
    both = matrix.sum(axis=0) + matrix.sum(axis=1)
    return float((2 * matrix.diagonal()[occurring] / both[occurring]).mean())


def calibration_error(p, label, bins=CALIBRATION_BINS):
    """Expected gap between confidence and accuracy, over equal-width bins of confidence."""
    confidence, right = p.max(axis=1), p.argmax(axis=1) == label
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gap = np.bincount(place, confidence - right, bins)
    return float(np.abs(gap).sum() / len(label))


def figures(p, label):
    """Every figure that is one number, by name; None where a class is missing."""
    matrix = confusion(label, p.argmax(axis=1))
    result = {
        "accuracy": float(matrix.trace() / matrix.sum()),
        "balanced_accuracy": balanced_accuracy(matrix),
        "macro_f1": macro_f1(matrix),
        "auc_demented": auc(1 - p[:, NON_DEMENTED], label != NON_DEMENTED),
        "calibration_error": calibration_error(p, label),
    }
    for number, name in enumerate(LABELS):
        result[f"auc_{name}"] = auc(p[:, number], label == number)
    return result


def per_person(p, label, person):
    """Mean probabilities, label and name of each person."""
    people, first, place = np.unique(person, return_index=True, return_inverse=True)
    total = np.zeros((len(people), p.shape[1]))
    np.add.at(total, place, p)
    return total / np.bincount(place)[:, None], label[first], people


def bootstrap(p, label, person, resamples=RESAMPLES, seed=RESAMPLE_SEED):
    """95 % intervals of `figures`, drawing whole people with replacement."""
    rows = [np.flatnonzero(person == name) for name in np.unique(person)]

    def drawn(picks):
        chosen = np.concatenate([rows[i] for i in picks])
        return figures(p[chosen], label[chosen])

    return intervals(len(rows), drawn, resamples, seed)


def level(p, label, person):
    """Figures with intervals and the confusion matrix, for rows as they are given."""
    spread = bootstrap(p, label, person)
    values = figures(p, label)
    result = {
        name: {"value": None if v is None else round(v, 4), "interval_95": spread[name]}
        for name, v in values.items()
    }
    return {**result, "confusion_matrix": confusion(label, p.argmax(axis=1)).tolist()}


def report(logits, label, person, temperature):
    """Both levels, after temperature scaling, with the calibration before it alongside."""
    before, after = softmax(logits), softmax(logits, temperature)
    people, people_label, names = per_person(after, label, person)
    people_before = per_person(before, label, person)[0]
    slices = level(after, label, person)
    persons = level(people, people_label, names)
    slices["calibration_error_before_scaling"] = round(calibration_error(before, label), 4)
    persons["calibration_error_before_scaling"] = round(
        calibration_error(people_before, people_label), 4
    )
    return {
        "people": len(names),
        "slices": len(label),
        "classes_present": [LABELS[i] for i in np.unique(label)],
        "per_slice": slices,
        "per_person": persons,
    }
