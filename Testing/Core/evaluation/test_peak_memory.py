"""The most memory during a block."""

from __future__ import annotations

import mmap
import sys

import numpy as np
from MedSegAICore.evaluation.peak_memory import PeakMemory


def take(megabytes: int) -> None:
    """Take memory and give it back; pages of its own, since an allocator may hand out what it has kept of earlier."""
    with mmap.mmap(-1, megabytes * 10**6) as pages:
        np.frombuffer(pages, dtype=np.uint8).fill(1)


def test_what_a_block_takes_is_seen():
    with PeakMemory() as memory:
        take(200)  # gone before the block ends
    assert memory.megabytes >= 200


def test_the_peak_of_a_block_is_its_own_where_the_system_can_forget():
    kept = [bytes(1 << 20) for _ in range(400)]
    del kept  # the allocator may keep it
    with PeakMemory() as large:
        take(320)
    with PeakMemory() as small:
        take(1)
    assert large.is_exact == small.is_exact == (sys.platform == "linux")
    assert large.megabytes - small.megabytes > (250 if large.is_exact else -1)
