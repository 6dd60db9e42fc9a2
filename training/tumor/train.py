"""Trains the segmentation network on the train patients and watches it on the val patients.

Stopped at any moment it can be started again with the same command: every epoch ends with a
checkpoint, and every epoch's random numbers come from the seed and the epoch's number alone.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

import data
from augment import augment
from network import SIDE, Network, load_weights

BATCH = 24
POSITIVE_SHARE = 0.6
WEIGHT_DECAY = 0.02
WARM_UP = 0.15
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


def has_fast_bf16():
    """Whether this CPU multiplies bf16 in hardware; emulated, it is slower than f32."""
    capabilities = torch.cpu.get_capabilities()
    return capabilities.get("avx512_bf16", False) or capabilities.get("amx_bf16", False)


class Trainer:
    """Model, its running average, optimiser and schedule: all that a checkpoint holds."""

    def __init__(self, options, steps):
        torch.manual_seed(options.seed)
        self.model = Network().to(memory_format=torch.channels_last)
        if options.init:
            self.model.load_state_dict(load_weights(options.init))
        self.average = Network().to(memory_format=torch.channels_last)
        self.average.load_state_dict(self.model.state_dict())
        self.optimizer = torch.optim.AdamW(self.model.parameters(), weight_decay=WEIGHT_DECAY)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, options.rate, total_steps=steps, pct_start=WARM_UP
        )
        self.parts = {
            "model": self.model,
            "average": self.average,
            "optimizer": self.optimizer,
            "schedule": self.schedule,
        }
        self.bf16 = has_fast_bf16()

    def step(self, images, masks):
        """One batch; returns its loss."""
        self.model.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            logits, _ = self.model(images.contiguous(memory_format=torch.channels_last))
        loss = loss_of(logits.float(), masks)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        self._follow()
        return loss.item()

    def _follow(self):
        """Moves the averaged weights a little towards the current ones."""
        # Early weights are soon outdated, so the average is short at first.
        done = self.schedule.last_epoch
        keep = min(AVERAGING, (1 + done) / (10 + done))
        with torch.no_grad():
            for mean, now in zip(self.average.state_dict().values(), self.model.state_dict().values()):
                if mean.dtype.is_floating_point:
                    mean.lerp_(now, 1 - keep)

    def save(self, path, history):
        """Writes the checkpoint beside its final place first: a kill never leaves half a file."""
        content = {name: part.state_dict() for name, part in self.parts.items()}
        temporary = path.with_suffix(".tmp")
        torch.save({**content, "history": history}, temporary)
        temporary.replace(path)

    def restore(self, path):
        """Continues from a checkpoint; returns its history."""
        content = torch.load(path, weights_only=True)
        for name, part in self.parts.items():
            part.load_state_dict(content[name])
        return content["history"]


def train_epoch(trainer, images, masks, batches, side):
    """Runs over the drawn batches; returns the mean loss."""
    room = 1 - side / SIDE
    losses = []
    for batch in batches:
        centres = (torch.rand(len(batch), 2) * 2 - 1) * room
        drawn = torch.from_numpy(images[batch.numpy()]), torch.from_numpy(masks[batch.numpy()]).float()
        changed, truth = augment(drawn[0], drawn[1][:, None], centres, side)
        losses.append(trainer.step(changed, truth))
    return float(np.mean(losses))


def dice_per_patient(p, masks, patient, threshold=0.5):
    """Dice over each patient's stack."""
    result = {}
    for name in np.unique(patient):
        found, truth = p[patient == name] > threshold, masks[patient == name]
        result[str(name)] = float((2 * (found & truth).sum() + 1e-9) / (found.sum() + truth.sum() + 1e-9))
    return result


def watch(trainer, slices, rows):
    """Mean, median and worst Dice of the held-out patients, by the averaged weights."""
    p = predict(trainer.average, torch.from_numpy(np.asarray(slices.images[rows])))
    dice = dice_per_patient(p, slices.masks[rows], slices.patient[rows])
    values = sorted(dice.values())
    worst = {name[:12]: round(v, 2) for name, v in dice.items() if v in values[:3]}
    return {"val_dice": float(np.mean(values)), "val_median": float(np.median(values)), "worst": worst}


def train(options):
    """Trains to the last epoch and writes the averaged weights.

    No epoch is picked: 13 val patients are too few to tell epochs apart, and the schedule ends
    where the learning rate does.
    """
    options.folder.mkdir(parents=True, exist_ok=True)
    slices = data.load(options.tensors, options.data)
    rows, watched = slices.rows_of("train"), slices.rows_of("val")
    images, masks, patient = np.asarray(slices.images[rows]), slices.masks[rows], slices.patient[rows]
    draw = lambda seed: draw_epoch(masks, patient, options.draws, np.random.default_rng(seed))
    trainer = Trainer(options, options.epochs * len(draw(0)))
    checkpoint = options.folder / "checkpoint.pt"
    history = trainer.restore(checkpoint) if checkpoint.exists() else []
    for epoch in range(len(history), options.epochs):
        started = time.time()
        # One seed an epoch, so that a resumed run draws what an unbroken one would.
        seed = options.seed * 10_000 + epoch
        torch.manual_seed(seed)
        history.append({"loss": train_epoch(trainer, images, masks, draw(seed), options.side)})
        if epoch % 4 == 3 or epoch + 1 == options.epochs:
            history[-1].update(watch(trainer, slices, watched))
        trainer.save(checkpoint, history)
        note = {"epoch": epoch + 1, **history[-1], "seconds": round(time.time() - started)}
        print(json.dumps(note), flush=True)
    torch.save(trainer.average.state_dict(), options.folder / "weights.pt")


if __name__ == "__main__":
    train(arguments())
