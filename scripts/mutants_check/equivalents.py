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

    def unused(self):
        """Entries for mutants that do not survive, or are no more."""
        return [entry for number, entry in enumerate(self.entries) if number not in self.used]


def is_of(entry, mutant):
    if entry["shader"] != mutant["shader"] or mutant["code"] not in entry["lines"]:
        return False
    changes = entry.get("changes")
    return changes is None or f"{mutant['from']} -> {mutant['to']}" in changes
