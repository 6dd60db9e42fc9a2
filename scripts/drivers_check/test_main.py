"""What starts the check."""

import os
import subprocess
import sys
import unittest
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[1]


class Start(unittest.TestCase):
    def test_it_needs_nothing_beside_python(self):
        code = "import sys; sys.modules.update(numpy=None, onnx=None); import drivers_check.__main__"
        done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(SCRIPTS)}, check=False)
        self.assertEqual(done.returncode, 0)


if __name__ == "__main__":
    unittest.main()
