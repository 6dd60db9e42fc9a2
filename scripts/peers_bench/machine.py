"""What the figures were measured on and with."""

import datetime
import os
import platform
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def describe(gyrus, adapter):
    """The record that opens a file of results."""
    return {
        "kind": "run",
        "date": datetime.date.today().isoformat(),
        "cores": os.cpu_count(),
        "cpu": cpu_class(),
        "system": f"{platform.system()} {platform.machine()}",
        "adapter": adapter,
        "gyrus": said([gyrus, "--version"]).removeprefix("gyrus "),
        "commit": said(["git", "-C", ROOT, "describe", "--always", "--dirty", "--exclude", "*"]),
    }


def said(command):
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def cpu_class():
    """The widest vectors that matter for speed, in words."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            flags = next((set(line.split()) for line in file if line.startswith("flags")), set())
    except OSError:
        return platform.machine()
    return vectors(flags)


def vectors(flags):
    known = [("avx2", "AVX2"), ("avx512f", "AVX-512"), ("amx_tile", "AMX")]
    return ", ".join(words for flag, words in known if flag in flags) or "neither AVX2 nor AVX-512"
