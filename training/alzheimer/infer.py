"""Runs the exported classifier."""

from training.common import infer


def run(path, images):
    """Logits and pooled features of prepared images."""
    return infer.run(path, images, ["logits", "features"])
