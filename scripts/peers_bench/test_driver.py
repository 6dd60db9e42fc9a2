"""The driver's setting, which is tried for every engine that runs on the software adapter."""

import unittest
from unittest import mock

from peers_bench import driver
from peers_bench.peers.peer import Peer


class OnAdapter(Peer):
    runs_on = "software adapter"
    choices = {"threads": [2, 1]}


class OnCpu(OnAdapter):
    runs_on = "CPU"


WIDTHS = {driver.VECTOR_BITS: [512, 256]}


class Driver(unittest.TestCase):
    def test_engines_on_the_adapter_are_tried_at_every_width(self):
        with mock.patch.object(driver, "CHOICES", WIDTHS):
            tried = [(c["threads"], c[driver.VECTOR_BITS]) for c in OnAdapter().combinations()]
            self.assertEqual(tried, [(2, 512), (2, 256), (1, 512), (1, 256)])
            self.assertEqual(OnCpu().combinations(), [{"threads": 2}, {"threads": 1}])
        with mock.patch.object(driver, "CHOICES", {}):
            self.assertEqual(OnAdapter().combinations(), OnCpu().combinations())

    def test_each_width_has_its_own_shaders(self):
        narrow, wide = (driver.environment({"threads": 1, driver.VECTOR_BITS: bits}) for bits in [256, 512])
        self.assertEqual((narrow["LP_NATIVE_VECTOR_WIDTH"], wide["LP_NATIVE_VECTOR_WIDTH"]), ("256", "512"))
        self.assertNotEqual(narrow["MESA_SHADER_CACHE_DIR"], wide["MESA_SHADER_CACHE_DIR"])
        self.assertEqual(driver.environment({"threads": 1}), {})


if __name__ == "__main__":
    unittest.main()
