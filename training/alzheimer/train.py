"""Trains the classifier on one group of people and watches it on another.

Stopped at any moment it can be started again with the same command: every epoch ends with a
checkpoint, and every epoch's random numbers come from the seed and the epoch's number alone.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from training.alzheimer import data
from training.alzheimer.augment import augment
from training.alzheimer.network import Classifier, load_weights
from training.alzheimer.task import LABELS, NON_DEMENTED
from training.common.trainer import Trainer

BATCH = 16
SLICES_PER_PERSON = 16
WEIGHT_DECAY = 0.05
AVERAGING = 0.99
HALVINGS = {"full": 0, "half": 1}

# Dementia is a matter of degree (Non, VeryMild, Mild, Moderate), so a label's doubt goes to its
# neighbours in degree. Rows and columns in the order of LABELS.
SOFT_TARGETS = torch.tensor(
    [
        [0.90, 0.02, 0.01, 0.07],
        [0.07, 0.90, 0.01, 0.02],
        [0.01, 0.00, 0.90, 0.09],
        [0.05, 0.00, 0.05, 0.90],
    ]
)
# The share of the loss that asks only: demented or not?
BINARY_SHARE = 0.5


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tensors", required=True, help="what `gyrus preprocess` wrote")
    parser.add_argument("--data", default=data.DEFAULT_DATA, help="folder with index.csv")
    parser.add_argument("--folder", required=True, type=Path, help="where checkpoints go")
    parser.add_argument("--resolution", choices=HALVINGS, default="full")
    parser.add_argument("--fold", type=int, help="hold out this fold of all people, not val")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--rate", type=float, default=1.5e-3, help="highest learning rate")
    parser.add_argument("--init", help="weights to start from (.onnx or .pt)")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def images_of(slices, rows, resolution):
    """The rows' images in memory, at the wanted resolution."""
    images = torch.from_numpy(np.array(slices.images[rows]))
    for _ in range(HALVINGS[resolution]):
        images = functional.avg_pool2d(images, 2)
    return images


def class_weights(labels):
    """Rarer classes count more, by the root of their rarity; the rarest no more than the next.

    The cap is for the class of a single person: more weight would only teach that person.
    """
    counts = torch.bincount(labels, minlength=len(LABELS)).float()
    weights = (counts.sum() / counts.clamp(min=1)).sqrt()
    weights = weights.clamp(max=weights.sort().values[-2])
    return weights / weights[labels].mean()


def partners_of(position, order):
    """For each row of a batch, another row to blend with: the next one in anatomical height."""
    by_height = position[order].argsort()
    partners = torch.empty_like(by_height)
    partners[by_height] = by_height.roll(1)
    return partners


def draw_epoch(person, generator):
    """`SLICES_PER_PERSON` random slices of every person, shuffled, in full batches."""
    chosen = []
    for number in range(int(person.max()) + 1):
        rows = torch.nonzero(person == number).flatten()
        pick = torch.randperm(len(rows), generator=generator)[:SLICES_PER_PERSON]
        chosen.append(rows[pick])
    rows = torch.cat(chosen)
    rows = rows[torch.randperm(len(rows), generator=generator)]
    return rows[: len(rows) // BATCH * BATCH].view(-1, BATCH)


def loss_of(logits, targets, weights):
    """Cross-entropy over the classes, and over demented against not, with weighted targets."""
    log_p = functional.log_softmax(logits.float(), dim=1)
    weighted = targets * weights
    classes = -(weighted * log_p).sum(1).mean()
    demented = torch.arange(len(LABELS)) != NON_DEMENTED
    log_demented = torch.logsumexp(log_p[:, demented], dim=1)
    log_not = log_p[:, NON_DEMENTED]
    yes, no = weighted[:, demented].sum(1), weighted[:, NON_DEMENTED]
    binary = -(yes * log_demented + no * log_not).mean()
    return (1 - BINARY_SHARE) * classes + BINARY_SHARE * binary


def predict(model, images):
    """Logits of all images, as numpy."""
    model.eval()
    with torch.inference_mode():
        parts = [model(part.contiguous(memory_format=torch.channels_last))[0] for part in images.split(64)]
    return torch.cat(parts).numpy()


def log_loss(logits, labels):
    """Mean negative log-likelihood of the true classes."""
    return functional.cross_entropy(torch.from_numpy(logits), labels).item()


def train_epoch(trainer, images, slices, rows, batches):
    """Runs over the drawn batches; returns the mean loss."""
    labels = torch.from_numpy(slices.label[rows])
    position = torch.from_numpy(slices.position[rows])
    weights = class_weights(labels)
    losses = []
    for batch in batches:
        mixed, targets = augment(
            images[batch], SOFT_TARGETS[labels[batch]], partners_of(position, batch)
        )
        losses.append(trainer.step(mixed, lambda output: loss_of(output[0], targets, weights)))
    return float(np.mean(losses))


def train(options):
    """Trains to the last epoch, writing the averaged weights and the held-out people's logits.

    No epoch is picked: 24 val people are too few to tell epochs apart, and the schedule ends
    where the learning rate does.
    """
    options.folder.mkdir(parents=True, exist_ok=True)
    slices = data.load(options.tensors, options.data)
    people, held_out = data.partition(slices, options.fold)
    rows, watched = slices.rows_of(people), slices.rows_of(held_out)
    images, unseen = (images_of(slices, r, options.resolution) for r in (rows, watched))
    person = torch.from_numpy(np.unique(slices.person[rows], return_inverse=True)[1])
    truth = torch.from_numpy(slices.label[watched])
    per_epoch = len(draw_epoch(person, torch.Generator()))
    trainer = Trainer(
        Classifier,
        steps=options.epochs * per_epoch,
        rate=options.rate,
        weight_decay=WEIGHT_DECAY,
        averaging=AVERAGING,
        seed=options.seed,
        init=load_weights(options.init) if options.init else None,
    )

    def epoch_of(epoch, _):
        batches = draw_epoch(person, torch.default_generator)
        note = {"loss": train_epoch(trainer, images, slices, rows, batches)}
        # A fold is held out to be measured once, not to choose by.
        if options.fold is None or epoch + 1 == options.epochs:
            logits = predict(trainer.average, unseen)
            note["held_out"] = log_loss(logits, truth)
            np.savez(options.folder / "held_out.npz", rows=watched, logits=logits)
        return note

    trainer.run(options.folder, options.epochs, options.seed, epoch_of)


if __name__ == "__main__":
    train(arguments())
