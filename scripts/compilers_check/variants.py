"""What Gyrus wrote for compilers: every kernel as plans specialise it, in each language."""

import json
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class Variant:
    """A kernel with the values of its constants, which are filled in everywhere but in the WGSL."""

    id: str
    kernel: str
    subgroups: bool
    # To be taken by the compiler that every Windows has.
    portable: bool
    constants: dict
    # The name of the entry point, by the ending of the file.
    entry: dict

    def file(self, ending):
        return f"{self.id}.{ending}"


def read(folder):
    """What was written by what, and the variants."""
    index = json.loads((folder / "index.json").read_text())
    if not index["variants"]:
        raise ValueError("no variants")
    found = in_turns([variant(one) for one in index["variants"]])
    return {key: index[key] for key in ["gyrus", "naga"]}, found


def in_turns(variants):
    """One of each kernel first, so that a run that is broken off has seen something of all."""
    seen = Counter()
    turns = {}
    for one in variants:
        turns[one.id] = seen[one.kernel]
        seen[one.kernel] += 1
    return sorted(variants, key=lambda one: turns[one.id])


def variant(one):
    return Variant(one["id"], one["kernel"], one["subgroups"], one["portable"], one["constants"], one["entry"])


def written(folder, variants, ending):
    """Those of which there is something in this language."""
    files = [(one, folder / one.file(ending)) for one in variants]
    return [one for one, file in files if file.is_file() and file.stat().st_size > 0]
