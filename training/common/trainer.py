"""One training run: weights, their running average, optimiser and schedule."""

import json
import time

import torch

WARM_UP = 0.15


def has_fast_bf16():
    """Whether this CPU multiplies bf16 in hardware; emulated, it is slower than f32."""
    capabilities = torch.cpu.get_capabilities()
    return capabilities.get("avx512_bf16", False) or capabilities.get("amx_bf16", False)


class Trainer:
    """Model, its running average, optimiser and schedule: all that a checkpoint holds."""

    def __init__(self, network, steps, rate, weight_decay, averaging, seed, init=None):
        """`network` makes an untrained network; `init` is a state dict to start from."""
        torch.manual_seed(seed)
        self.model = network().to(memory_format=torch.channels_last)
        if init:
            self.model.load_state_dict(init)
        self.average = network().to(memory_format=torch.channels_last)
        self.averaging = averaging
        self.average.load_state_dict(self.model.state_dict())
        self.optimizer = torch.optim.AdamW(self.model.parameters(), weight_decay=weight_decay)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, rate, total_steps=steps, pct_start=WARM_UP
        )
        self.parts = {
            "model": self.model,
            "average": self.average,
            "optimizer": self.optimizer,
            "schedule": self.schedule,
        }
        self.bf16 = has_fast_bf16()

    def step(self, images, loss_of):
        """One batch; `loss_of` makes a loss of the network's output. Returns the loss."""
        self.model.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            output = self.model(images.contiguous(memory_format=torch.channels_last))
        loss = loss_of(output)
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
        keep = min(self.averaging, (1 + done) / (10 + done))
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

    def run(self, folder, epochs, seed, epoch_of):
        """Trains to the last epoch and writes the averaged weights; `epoch_of(epoch, seed)` trains one and returns what
        is to be noted of it.

        Stopped at any moment, the same call goes on: every epoch ends with a checkpoint, and every epoch's random numbers
        come from the seed and the epoch's number alone.
        """
        checkpoint = folder / "checkpoint.pt"
        history = self.restore(checkpoint) if checkpoint.exists() else []
        for epoch in range(len(history), epochs):
            started = time.time()
            own_seed = seed * 10_000 + epoch
            torch.manual_seed(own_seed)
            history.append(epoch_of(epoch, own_seed))
            self.save(checkpoint, history)
            note = {"epoch": epoch + 1, **history[-1], "seconds": round(time.time() - started)}
            print(json.dumps(note), flush=True)
        torch.save(self.average.state_dict(), folder / "weights.pt")
