"""Dawn, which takes WGSL in Chrome and Edge, on its own null backend."""

import json
from pathlib import Path

from .compiler import TOOLS, Compiler, DidNotRun, Missing, said
from .driver import Driver

SCRIPT = Path(__file__).with_name("dawn.mjs")
MODULE = TOOLS / "node_modules/webgpu"
VERSION = "0.6"
PACKAGE = f"webgpu {VERSION}"
INSTALL = f"npm install --prefix target/compilers webgpu@{VERSION}"


class Dawn(Compiler):
    key, name = "dawn", "Dawn"
    stands_for = "WebGPU in Chrome and Edge"
    ending = "wgsl"
    broken = {
        "undeclared_name": b"@compute @workgroup_size(1) fn main() { missing = 1; }",
        # Accepted by naga; a browser wants `enable subgroups;` in front of it.
        "not_enabled": b"@compute @workgroup_size(32) fn main() { _ = subgroupAdd(1u); }",
        "group_too_large": b"@compute @workgroup_size(65536) fn main() {}",
    }

    def __init__(self):
        self.driver = Driver(["node", SCRIPT, TOOLS])

    def version(self):
        if not said(["node", "--version"]):
            raise Missing("node is missing", "apt-get install nodejs npm")
        package = MODULE / "package.json"
        found = json.loads(package.read_text())["version"] if package.is_file() else None
        if not found:
            raise Missing("npm webgpu is missing", INSTALL)
        if not f"{found}.".startswith(f"{VERSION}."):
            raise Missing(f"npm webgpu is {found} and not {VERSION}", INSTALL)
        try:
            self.driver.greeting()
        except DidNotRun as problem:
            raise Missing(f"npm webgpu {found} {problem}", f"rm -r target/compilers && {INSTALL}") from problem
        return f"of npm webgpu {found}"

    def how(self):
        return "backend=null, createComputePipelineAsync with the constants, `enable subgroups;` where they are used"

    def answers(self, folder, variants, heard):
        return self.driver.verdicts({one.id: self.line(one) for one in variants}, folder, heard)

    def line(self, variant):
        about = {"id": variant.id, "file": variant.file(self.ending), "subgroups": variant.subgroups}
        return json.dumps({**about, "constants": variant.constants})
