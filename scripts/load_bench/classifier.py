"""What the card of the shipped classifier says, for servers that do not read it, and the pictures that are sent."""

import tomllib

from peers_bench.networks import ROOT

FOLDER = ROOT / "weights/alzheimer"
CARD = tomllib.loads((FOLDER / "card.toml").read_text())
WEIGHTS = str(FOLDER / CARD["model"]["file"])
LABELS = CARD["output"]["labels"]
TEMPERATURE = CARD["output"]["temperature"]
PERCENTILE = CARD["input"]["percentile"]
# Scans alone, so that each answer holds probabilities.
PICTURES = sorted((ROOT / "samples/slices").glob("icbm152_*.png"))
