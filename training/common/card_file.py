"""A card as TOML text."""

import hashlib
import json
from pathlib import Path


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def toml_value(value):
    """A TOML value; nested lists get one line an inner list."""
    if isinstance(value, list) and value and isinstance(value[0], (list, str)):
        return "[\n" + "".join(f"  {toml_value(v)},\n" for v in value) + "]"
    if isinstance(value, list):
        return "[" + ", ".join(toml_value(v) for v in value) + "]"
    if isinstance(value, str):
        # JSON's string escapes are TOML's too.
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(value) if isinstance(value, bool) else repr(value)


def toml_table(name, table):
    """A table, then its sub-tables."""
    head = f"\n[{name}]\n" if name else ""
    plain = {k: v for k, v in table.items() if not isinstance(v, dict)}
    text = head + "".join(f"{k} = {toml_value(v)}\n" for k, v in plain.items())
    inner = {k: v for k, v in table.items() if isinstance(v, dict)}
    prefix = f"{name}." if name else ""
    return text + "".join(toml_table(prefix + k, v) for k, v in inner.items())
