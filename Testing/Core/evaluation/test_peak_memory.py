"""The most memory during a block."""

from __future__ import annotations

import sys

import numpy as np
from MedSegAICore.evaluation.peak_memory import PeakMemory


def test_what_a_block_takes_is_seen():
    with PeakMemory() as memory:
        np.ones(25_000_000)  # 200 MB, gone before the block ends
    assert memory.megabytes >= 200


def test_the_peak_of_a_block_is_its_own_where_the_system_can_forget():
    with PeakMemory() as large:
        np.ones(40_000_000)
    with PeakMemory() as small:
        np.ones(10)
    assert large.is_exact == small.is_exact == (sys.platform == "linux")
    assert large.megabytes - small.megabytes > (250 if large.is_exact else -1)
