"""What is promised about SAM's speed, agreement and memory."""

from __future__ import annotations

import pytest
from Benchmarks.bench_sam import measure

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    found = measure(tmp_path_factory.mktemp("checkpoint"))
    print(found.table())
    return found


def test_fused_attention_is_faster_than_the_packages_and_agrees(figures):
    assert figures.fused_speedup >= 1.25
    assert figures.fused_logit_difference <= 1e-3


def test_bfloat16_pays_where_the_device_policy_chooses_it(figures):
    assert figures.bfloat16_mask_iou >= 0.99
    if figures.instructions == "AMX":
        assert figures.bfloat16_speedup >= 3
    if figures.instructions:
        assert figures.bfloat16_seconds <= figures.fused_seconds


def test_the_network_stays_within_its_memory(figures):
    assert max(figures.resident_megabytes.values()) < 1600


def test_a_second_prompt_costs_little(figures):
    assert max(figures.second_prompt_share.values()) <= 0.05
