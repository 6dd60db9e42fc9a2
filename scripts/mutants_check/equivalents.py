"""Why mutants that survive do no harm: what people have looked at, by the line of code and the change."""

import tomllib


# Found out by the program, not looked at by anybody.
SAME = "drivers are given the same code: plans always name the constant, or nothing calls it"


class Equivalents:
    def __init__(self, entries):
        self.entries = entries
        self.used = set()

    @classmethod
    def read(cls, path):
        return cls(tomllib.loads(path.read_text()).get("equivalent", []))

    def reason(self, mutant):
        """None where nobody has said why."""
        if mutant["fate"] == "same":
            return SAME
        for number, entry in enumerate(self.entries):
            if is_of(entry, mutant):
                self.used.add(number)
                return entry["reason"]
        return None

    def excess(self, killed):
        """Entries that excuse what is killed as well: should it survive one day, nobody would hear of it."""
        return [entry for entry in self.entries if any(is_of(entry, mutant) for mutant in killed)]

    def unused(self):
        """Entries for mutants that do not survive, or are no more."""
        return [entry for number, entry in enumerate(self.entries) if number not in self.used]


def is_of(entry, mutant):
    if entry["shader"] != mutant["shader"] or mutant["code"] not in entry["lines"]:
        return False
    changes = entry.get("changes")
    change = f"{mutant['from']} -> {mutant['to']}"
    return changes is None or change in changes or f"{change} at {place(mutant)}" in changes


def place(mutant):
    """Line and column, as its name has them."""
    where, *_ = mutant["id"].split(" ")
    return where.split(":", 1)[1]
