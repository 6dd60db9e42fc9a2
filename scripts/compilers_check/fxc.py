"""Microsoft's compiler for shader model 5: what wgpu takes on Direct3D 12 where no dxcompiler.dll is found."""

from .compiler import TOOLS, Compiler, DidNotRun, Missing, said
from .dawn import PACKAGE
from .driver import Driver

PROGRAM = TOOLS / "fxc/fxc_driver.exe"
LIBRARY = TOOLS / "fxc/d3dcompiler_47.dll"
WINE = TOOLS / "wine64"
# Wine has a library of that name too, which is another compiler.
ENVIRONMENT = {
    "WINEPREFIX": str(TOOLS / "wine"),
    "WINEDEBUG": "-all",
    "WINEDLLOVERRIDES": "d3dcompiler_47=n;mscoree,mshtml=",
}
INSTALL = "scripts/compilers (as root or with sudo; it installs wine64 and g++-mingw-w64-x86-64-win32)"
MAKER = "Microsoft (R) HLSL Shader Compiler"


class Fxc(Compiler):
    key, name = "fxc", "FXC"
    stands_for = "Direct3D 12 by wgpu, where no dxcompiler.dll is found"
    ending = "hlsl51"
    sources = ["driver.hpp", "fxc_driver.cpp"]
    broken = {
        "undeclared_name": b"[numthreads(1, 1, 1)] void main() { missing = 1; }",
        # What DXC takes, or a library that is not Microsoft's.
        "wave_operation": b"RWByteAddressBuffer y : register(u0);"
        b" [numthreads(1, 1, 1)] void main() { y.Store(0, WaveActiveSum(1)); }",
    }

    def __init__(self):
        self.driver = Driver([WINE, PROGRAM], ENVIRONMENT)

    def version(self):
        if not WINE.exists():
            raise Missing("wine64 is missing", INSTALL)
        for part in [PROGRAM, LIBRARY]:
            if not part.is_file():
                raise Missing(f"{part.name} is missing", INSTALL)
        try:
            greeting = self.driver.greeting()
        except DidNotRun as problem:
            raise Missing(f"FXC under wine {problem}", f"rm -r target/compilers && {INSTALL}") from problem
        if not greeting["maker"].startswith(MAKER):
            raise Missing(f"d3dcompiler_47.dll is of {greeting['maker'] or 'nobody'}", INSTALL)
        return greeting["version"]

    def how(self):
        wine = said([WINE, "--version"], ENVIRONMENT) or "wine"
        return f"d3dcompiler_47.dll of npm {PACKAGE} under {wine.split()[0]}, cs_5_1 with wgpu's flags"

    def is_given(self, variant):
        return bool(variant.entry.get(self.ending))

    def must_take(self, variant):
        return variant.portable

    def answers(self, folder, variants, heard):
        return self.driver.verdicts({one.id: self.line(one) for one in variants}, folder, heard)
