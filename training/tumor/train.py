"""Trains the segmentation network on the train patients and watches it on the val patients.

Stopped at any moment it can be started again with the same command: every epoch ends with a
checkpoint, and every epoch's random numbers come from the seed and the epoch's number alone.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from training.common.trainer import Trainer
from training.tumor import data, scores
from training.tumor.augment import augment
from training.tumor.network import SIDE, Network, load_weights

BATCH = 24
POSITIVE_SHARE = 0.6
WEIGHT_DECAY = 0.02
AVERAGING = 0.995
FOCUS = 2.0
FOCAL_WEIGHT = 10.0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tensors", required=True, help="what `gyrus preprocess` wrote")
    parser.add_argument("--data", default=data.DEFAULT_DATA, help="folder with index.csv and the masks")
    parser.add_argument("--folder", required=True, type=Path, help="where checkpoints go")
    parser.add_argument("--side", type=int, default=SIDE, help="of the crops trained on, a multiple of 16")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--draws", type=int, default=1608, help="slices drawn an epoch")
    parser.add_argument("--rate", type=float, default=3e-3, help="highest learning rate")
    parser.add_argument("--init", help="weights to start from (.onnx or .pt)")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def draw_epoch(masks, patient, draws, generator):
    """Row numbers in batches: patients in turn count equally, slices with tumour more than their share."""
    positive = masks.any(axis=(1, 2))
    chosen = []
    for rows, wanted in ((positive, POSITIVE_SHARE), (~positive, 1 - POSITIVE_SHARE)):
        rows = np.flatnonzero(rows)
        _, owner, sizes = np.unique(patient[rows], return_inverse=True, return_counts=True)
        # By the root of a patient's slices: few slices of a patient would otherwise be seen too often.
        weight = 1 / np.sqrt(sizes[owner])
        chosen.append(generator.choice(rows, round(draws * wanted), p=weight / weight.sum()))
    rows = generator.permutation(np.concatenate(chosen))
    return torch.from_numpy(rows[: len(rows) // BATCH * BATCH]).view(-1, BATCH)


def dice_loss(p, masks, axes):
    """1 - soft Dice over the given axes; 1 is added to both terms, so that empty against empty is 0."""
    both = (p * masks).sum(axes)
    return 1 - (2 * both + 1) / (p.sum(axes) + masks.sum(axes) + 1)


def loss_of(logits, masks):
    """Focal loss, Dice over the batch as one volume, and Dice of each slice that has tumour."""
    p = torch.sigmoid(logits)
    cross_entropy = functional.binary_cross_entropy_with_logits(logits, masks, reduction="none")
    missed = torch.where(masks > 0.5, 1 - p, p)
    focal = (missed**FOCUS * cross_entropy).mean()
    whole = dice_loss(p, masks, (0, 1, 2, 3))
    per_slice = dice_loss(p, masks, (1, 2, 3))
    positive = (masks.sum((1, 2, 3)) > 0).float()
    each = (per_slice * positive).sum() / positive.sum().clamp(min=1)
    return FOCAL_WEIGHT * focal + whole + 0.5 * each


def predict(model, images):
    """Probabilities [N, H, W] of prepared images, as numpy."""
    model.eval()
    with torch.inference_mode():
        parts = [
            torch.sigmoid(model(part.contiguous(memory_format=torch.channels_last))[0])[:, 0]
            for part in images.split(32)
        ]
    return torch.cat(parts).numpy()


def train_epoch(trainer, images, masks, batches, side):
    """Runs over the drawn batches; returns the mean loss."""
    room = 1 - side / SIDE
    losses = []
    for batch in batches:
        centres = (torch.rand(len(batch), 2) * 2 - 1) * room
        drawn = torch.from_numpy(images[batch.numpy()]), torch.from_numpy(masks[batch.numpy()]).float()
        changed, truth = augment(drawn[0], drawn[1][:, None], centres, side)
        losses.append(trainer.step(changed, lambda output: loss_of(output[0].float(), truth)))
    return float(np.mean(losses))


def watch(trainer, slices, rows):
    """Mean, median and worst Dice of the held-out patients, by the averaged weights."""
    p = predict(trainer.average, torch.from_numpy(np.asarray(slices.images[rows])))
    stacks = scores.stacks(p > 0.5, slices.masks[rows], slices.patient[rows])
    dice = [scores.dice(stack.found, stack.truth) for stack in stacks]
    return {"val_dice": float(np.mean(dice)), "val_median": float(np.median(dice)), "val_worst": min(dice)}


def train(options):
    """Trains to the last epoch and writes the averaged weights.

    No epoch is picked: 13 val patients are too few to tell epochs apart, and the schedule ends
    where the learning rate does.
    """
    options.folder.mkdir(parents=True, exist_ok=True)
    slices = data.load(options.tensors, options.data)
    rows, watched = slices.rows_of("train"), slices.rows_of("val")
    images, masks, patient = np.asarray(slices.images[rows]), slices.masks[rows], slices.patient[rows]

    def draw(seed):
        return draw_epoch(masks, patient, options.draws, np.random.default_rng(seed))

    trainer = Trainer(
        Network,
        steps=options.epochs * len(draw(0)),
        rate=options.rate,
        weight_decay=WEIGHT_DECAY,
        averaging=AVERAGING,
        seed=options.seed,
        init=load_weights(options.init) if options.init else None,
    )

    def epoch_of(epoch, seed):
        note = {"loss": train_epoch(trainer, images, masks, draw(seed), options.side)}
        if epoch % 4 == 3 or epoch + 1 == options.epochs:
            note.update(watch(trainer, slices, watched))
        return note

    trainer.run(options.folder, options.epochs, options.seed, epoch_of)


if __name__ == "__main__":
    train(arguments())
