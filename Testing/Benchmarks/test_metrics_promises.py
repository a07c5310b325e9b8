"""What is promised about the speed and memory of the metrics."""

from __future__ import annotations

import pytest
from Benchmarks.large_label_maps import LABELS, timed_in_a_fresh_process
from machine_pace import pace


@pytest.mark.slow
def test_all_metrics_of_a_large_label_map_take_less_than_a_minute_and_3_gb(machine_pace):
    figures = timed_in_a_fresh_process()
    print(figures)
    assert figures["labels"] == len(LABELS) == 20
    assert 0.3 < figures["lowest_dice"] < figures["highest_dice"] < 1
    assert figures["seconds"] < 60 * max(machine_pace, pace())  # other programs may have begun meanwhile
    assert figures["peak_mb"] < 3000
