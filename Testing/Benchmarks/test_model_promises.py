"""What is promised about the speed of networks."""

from __future__ import annotations

import pytest
import torch
from Benchmarks.bench_models import FAMILIES, measure_batch, measure_family, types_of
from MedSegAICore.engine.device import plan_device

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def batch():
    found = measure_batch("cpu")
    print(found)
    return found


def test_a_batch_of_prompts_is_answered_as_they_are_one_by_one(batch):
    assert batch.difference < 1e-3


@pytest.mark.cuda
def test_a_batch_of_prompts_is_eight_times_faster_on_a_gpu():
    found = measure_batch("cuda", repeats=3)
    print(found)
    assert found.speedup >= 8


@pytest.mark.parametrize("name", [name for name in FAMILIES if name in ("mobile_sam", "lite_medsam", "sam_med2d")])
def test_the_type_that_is_chosen_for_this_processor_is_not_slower(name):
    faster = types_of("cpu")[-1]
    if faster == "float32":
        assert plan_device("cpu").dtype == "float32"
        return
    speeds = {dtype: measure_family(name, dtype, "cpu", repeats=2) for dtype in ("float32", faster)}
    print(*speeds.values(), sep="\n")
    torch.set_num_threads(1)
    assert speeds[faster].seconds < 1.1 * speeds["float32"].seconds
