"""What is promised about the adaptive model's speed, memory and time to stop."""

from __future__ import annotations

from statistics import median

import pytest
from Benchmarks.bench_adaptive import MEMORY_LIMIT, peak_megabytes, slice_seconds, stop_seconds, unwatched
from Benchmarks.large_ct import large_case

pytestmark = pytest.mark.slow

WITH_ROOM_FOR_A_BUSY_MACHINE = 0.6
"""Twice what is promised [s]: where other programs run, one step takes longer."""

CLICK_SECONDS = 0.4
"""More than the promised .25 s of a processor: where other programs share its core, the same work takes longer."""


@pytest.fixture(scope="module")
def large(shared):
    return large_case("liver")


def test_a_click_on_a_slice_is_answered_at_once(shared, machine_pace):
    seconds = slice_seconds(repeats=3)
    print(seconds)
    assert max(seconds.values()) <= CLICK_SECONDS * machine_pace


@pytest.mark.parametrize("prompts", ["click", "box and clicks"])
def test_a_large_volume_fits_into_memory(shared, prompts):
    assert peak_megabytes(prompts) <= MEMORY_LIMIT


def test_a_run_looks_at_its_cancel_token_all_the_time(large):
    longest, where = unwatched(large, prompts=2)
    print(longest, where)
    assert longest <= WITH_ROOM_FOR_A_BUSY_MACHINE, where


def test_a_cancelled_run_stops_at_once(large):
    stops = stop_seconds(large, stops=8)
    assert stops, "every run ended before it was cancelled"
    print(sorted(stops))
    assert median(stops) <= 0.3
    assert max(stops) <= WITH_ROOM_FOR_A_BUSY_MACHINE
