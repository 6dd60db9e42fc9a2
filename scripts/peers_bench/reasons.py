"""Why a peer failed, in one line that may be committed."""

import re

LONGEST = 160


def without_paths(text):
    """Paths of the machine shortened to the names of their files."""
    return re.sub(r"(?:/[\w.@+-]+)+/([\w.@+-]+)", r"\1", text)


def last_words(log):
    """What a program said of its failure: the message of a panic, a line that says error, or the last line."""
    lines = [line.strip() for line in log.splitlines() if line.strip() and not line.startswith("note: ")]
    for i, line in enumerate(lines[:-1]):
        if "panicked at" in line:
            return short(lines[i + 1])
    errors = [line for line in lines if re.match(r"error(\[\w+\])?: ", line)]
    return short((errors or lines or ["it said nothing"])[0 if errors else -1])


def short(text):
    text = " ".join(without_paths(text).split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
