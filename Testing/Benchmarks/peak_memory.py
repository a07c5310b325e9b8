"""The most memory that this process has used."""

from __future__ import annotations

import sys
from pathlib import Path


def peak_bytes() -> int:
    """Return the largest resident size so far [bytes]."""
    status = Path("/proc/self/status")
    if status.is_file():  # unlike ru_maxrss, it does not start from the memory of the process that forked this one
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
