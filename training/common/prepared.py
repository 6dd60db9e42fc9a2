"""What `gyrus preprocess` wrote."""

import json
from pathlib import Path

import numpy as np


def read_prepared(tensors):
    """The tensor file that `gyrus preprocess` wrote, and its sidecar's rows."""
    images = np.load(tensors, mmap_mode="r")
    rows = json.loads(Path(f"{tensors}.json").read_text())["rows"]
    if len(rows) != len(images):
        raise ValueError(f"{tensors}: {len(images)} tensors but {len(rows)} rows in its sidecar")
    return images, rows
