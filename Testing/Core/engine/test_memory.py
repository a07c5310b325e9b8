"""One more try when memory runs out."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import torch
from MedSegAICore.engine.memory import is_out_of_memory, with_one_retry
from MedSegAICore.errors import Cancelled, OutOfDeviceMemory

PIBIBYTE = 1 << 50


def too_much_for_torch():
    return torch.empty(PIBIBYTE, dtype=torch.uint8)


def too_much_for_numpy():
    return np.empty(PIBIBYTE, dtype=np.uint8)


def fails(error):
    def job():
        raise error

    return job


@pytest.mark.parametrize("job", [too_much_for_torch, too_much_for_numpy])
def test_real_allocations_that_fail_are_recognised(job):
    with pytest.raises((MemoryError, RuntimeError)) as caught:
        job()
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("MPS backend out of memory (MPS allocated: 5.00 GB)"),
        RuntimeError("[enforce fail] data. DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes."),
        RuntimeError("[enforce fail] data. DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_the_wording_of_every_device_is_recognised(error):
    assert is_out_of_memory(error)


@pytest.mark.parametrize("error", [RuntimeError("shapes do not match"), ValueError("out of memory"), Cancelled("")])
def test_other_errors_are_not_about_memory(error):
    assert not is_out_of_memory(error)


def test_without_trouble_there_is_no_warning():
    assert with_one_retry(lambda: 1, lambda: 2, "smaller") == (1, ())


def test_the_second_try_is_said_aloud():
    assert with_one_retry(too_much_for_torch, lambda: 2, "smaller") == (2, ("smaller",))


def test_two_failures_are_a_named_error():
    with pytest.raises(OutOfDeviceMemory):
        with_one_retry(too_much_for_torch, too_much_for_numpy, "smaller")


@pytest.mark.parametrize("error", [RuntimeError("shapes do not match"), Cancelled("stopped")])
def test_other_errors_pass_through_from_both_tries(error):
    with pytest.raises(type(error), match=str(error.args[0])):
        with_one_retry(fails(error), lambda: 2, "smaller")
    with pytest.raises(type(error), match=str(error.args[0])):
        with_one_retry(too_much_for_torch, fails(error), "smaller")


def test_the_second_try_starts_with_the_memory_of_the_first_given_back():
    held: list[weakref.ref] = []

    def first():
        large = torch.zeros(10)
        held.append(weakref.ref(large))
        return large + too_much_for_torch()

    def retry():
        gc.collect()
        return held[0]()

    assert with_one_retry(first, retry, "smaller") == (None, ("smaller",))
