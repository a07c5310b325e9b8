"""Starts the interpreter as its own child, as the launcher of an installed Slicer does."""

from __future__ import annotations

import subprocess
import sys

sys.exit(1 if subprocess.run([sys.executable, "-u", *sys.argv[1:]], check=False).returncode else 0)
