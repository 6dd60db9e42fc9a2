"""The driver's setting, which is tried for every engine that runs on the software adapter."""

import tempfile
import unittest
from pathlib import Path
from unittest import mock

from peers_bench import driver
from peers_bench.peers.peer import Peer

WIDTHS = {driver.VECTOR_BITS: [512, 256]}


class OnAdapter(Peer):
    runs_on = "software adapter"
    choices = {"threads": [2, 1]}


class OnCpu(OnAdapter):
    runs_on = "CPU"


class Driver(unittest.TestCase):
    def test_only_llvmpipe_on_a_cpu_with_more_has_a_choice(self):
        name = "llvmpipe (LLVM 15.0.6, 512 bits)"
        self.assertEqual(driver.choices(name, "AVX2, AVX-512"), WIDTHS)
        self.assertEqual(driver.choices(name, "AVX2"), {})
        self.assertEqual(driver.choices("SwiftShader Device (Subzero)", "AVX2, AVX-512"), {})

    def test_engines_on_the_adapter_are_tried_at_every_width(self):
        with mock.patch.object(driver, "choices", lambda adapter: WIDTHS):
            tried = [(c["threads"], c[driver.VECTOR_BITS]) for c in OnAdapter().combinations("any")]
            self.assertEqual(tried, [(2, 512), (2, 256), (1, 512), (1, 256)])
            self.assertEqual(OnCpu().combinations("any"), [{"threads": 2}, {"threads": 1}])

    def test_each_width_has_its_own_shaders(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        with mock.patch.object(driver, "SHADERS", Path(folder.name)):
            narrow, wide = (driver.environment({"threads": 1, driver.VECTOR_BITS: bits}) for bits in [256, 512])
        self.assertEqual((narrow["LP_NATIVE_VECTOR_WIDTH"], wide["LP_NATIVE_VECTOR_WIDTH"]), ("256", "512"))
        self.assertNotEqual(narrow["MESA_SHADER_CACHE_DIR"], wide["MESA_SHADER_CACHE_DIR"])
        self.assertEqual(driver.environment({"threads": 1}), {})


if __name__ == "__main__":
    unittest.main()
