"""The record of looks at the test people."""

import datetime
import subprocess
from pathlib import Path

from training.common.card_file import sha256


def revision():
    """The git revision of the recipe."""
    command = ["git", "rev-parse", "--short=12", "HEAD"]
    return subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True).stdout.strip()


def record(purpose, model=None):
    """An entry for `test_evaluations`; no model for the cross-validation's, which are not kept."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "revision": revision(),
        "model_sha256": sha256(model) if model else None,
        "purpose": purpose,
    }
