"""The SPIR-V tools' own validator, for what drivers of Vulkan get."""

import re
import subprocess

from .compiler import Compiler, Missing, Verdict, first_error, said

OPTIONS = ["--target-env", "vulkan1.1"]
# naga decorates arrays of workgroups with a stride, which validators since 2025 refuse: naga's, and of no effect. In
# the words of 2025.5 and of those before, which name the variable and not the decoration.
WAIVED = re.compile(
    r"VUID-StandaloneSpirv-None-10684\][^\n]*(?:"
    r"the Workgroup storage class has an explicit layout from the ArrayStride decoration"
    r"|on type for operand[^\n]*\n[^\n]*OpVariable[^\n]* Workgroup)"
)
# A header that promises a module, and nothing of one behind it.
HEADER = [0x07230203, 0x00010300, 0, 1, 0]


class SpirvVal(Compiler):
    key = name = "spirv-val"
    stands_for = "Vulkan (Linux, Windows, Android)"
    ending = "spv"
    broken = {"empty_module": b"".join(word.to_bytes(4, "little") for word in HEADER)}

    def version(self):
        text = said(["spirv-val", "--version"])
        if not text or not text.startswith("SPIRV-Tools"):
            raise Missing("spirv-val is missing", "apt-get install spirv-tools")
        return text.split()[1]

    def how(self):
        return " ".join(["spirv-val", *OPTIONS])

    def answers(self, folder, variants, _heard):
        return {one.id: validated(folder, one.file(self.ending)) for one in variants}


def validated(folder, file):
    done = subprocess.run(["spirv-val", *OPTIONS, file], capture_output=True, text=True, check=False, cwd=folder)
    return verdict(done.returncode, done.stdout + done.stderr)


def verdict(code, text):
    """It ends at the first error, so what is waived was not looked at behind that."""
    if code == 0:
        return Verdict()
    return Verdict(first_error(text), is_waived=bool(WAIVED.search(text)))
