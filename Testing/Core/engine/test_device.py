"""Where a network runs."""

from __future__ import annotations

import pytest
import torch
from MedSegAICore.engine.device import Hardware, plan_device, probe_hardware
from MedSegAICore.errors import DeviceUnavailable

PLAIN = Hardware((), mps=False, cpu_bfloat16="")
GPUS = Hardware((("New GPU", (9, 0)), ("Old GPU", (7, 5))), mps=False, cpu_bfloat16="AMX")


@pytest.mark.parametrize(
    ("requested", "hardware", "device", "dtype"),
    [
        ("auto", PLAIN, "cpu", "float32"),
        ("auto", Hardware((), False, "AMX"), "cpu", "bfloat16"),
        ("auto", Hardware((), True, ""), "mps", "float32"),
        ("auto", GPUS, "cuda:0", "bfloat16"),
        ("cuda", GPUS, "cuda:0", "bfloat16"),
        ("cuda:1", GPUS, "cuda:1", "float16"),
        ("CPU", GPUS, "cpu", "bfloat16"),
        ("mps", Hardware((), True, ""), "mps", "float32"),
    ],
)
def test_the_plan_follows_the_request_and_the_hardware(requested, hardware, device, dtype):
    plan = plan_device(requested, hardware)
    assert (plan.device, plan.dtype) == (device, dtype)


@pytest.mark.parametrize("requested", ["cuda:2", "cuda:-1", "cuda:x", "mps", "tpu", "", "cpu:0"])
def test_a_device_that_does_not_exist_is_refused_by_name(requested):
    with pytest.raises(DeviceUnavailable, match=f"'{requested}'"):
        plan_device(requested, GPUS)


def test_the_reason_names_what_was_found():
    assert "AMX" in plan_device("cpu", GPUS).reason
    assert "Old GPU" in plan_device("cuda:1", GPUS).reason
    assert "slower" in plan_device("cpu", PLAIN).reason


def test_this_computer_can_run_its_own_plan():
    plan = plan_device("auto")
    ones = torch.ones(4, 4, device=plan.device, dtype=getattr(torch, plan.dtype))
    assert float((ones @ ones).sum()) == 64


def test_bfloat16_on_the_processor_needs_instructions_for_it():
    features = torch.cpu.get_capabilities()
    fast = features.get("amx_tile", False) or features.get("avx512_bf16", False)
    assert not probe_hardware().cpu_bfloat16 or fast
