"""Microsoft's compiler for shader model 6, with its validator: what wgpu takes where it finds dxcompiler.dll."""

from .compiler import TOOLS, Compiler, DidNotRun, Missing
from .driver import Driver

LIBRARY = TOOLS / "dxc/libdxcompiler.so"
PROGRAM = TOOLS / "dxc_driver"
PACKAGE = "compushady 0.17.5"
VERSION = "1.7"
INSTALL = "scripts/compilers (as root or with sudo; it takes the library from PyPI and builds a program on it)"


class Dxc(Compiler):
    key, name = "dxc", "DXC"
    stands_for = "Direct3D 12 by wgpu, where dxcompiler.dll is found"
    ending = "hlsl60"
    sources = ["driver.hpp", "dxc_driver.cpp"]
    broken = {
        "undeclared_name": b"[numthreads(1, 1, 1)] void main() { missing = 1; }",
        # Well formed, and refused when it is made into DXIL or by the validator: more than 1024 invocations.
        "group_too_large": b"RWByteAddressBuffer y : register(u0); [numthreads(2048, 1, 1)] void main() { y.Store(0, 1); }",
    }

    def __init__(self):
        self.driver = Driver([PROGRAM, LIBRARY])

    def version(self):
        for part in [PROGRAM, LIBRARY]:
            if not part.is_file():
                raise Missing(f"{part.name} is missing", INSTALL)
        try:
            found = self.driver.greeting()["version"]
        except DidNotRun as problem:
            raise Missing(f"DXC {problem}", f"rm -r target/compilers && {INSTALL}") from problem
        if not found.startswith(f"{VERSION}."):
            raise Missing(f"DXC is {found} and not {VERSION}", f"rm -r target/compilers && {INSTALL}")
        return found

    def how(self):
        return f"libdxcompiler of {PACKAGE}, cs_6_2 with wgpu's options and -enable-16bit-types, then IDxcValidator"

    def answers(self, folder, variants, heard):
        return self.driver.verdicts({one.id: self.line(one) for one in variants}, folder, heard)
