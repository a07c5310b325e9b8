"""How many threads the numeric libraries use."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

THREADS_VARIABLE = "OMP_NUM_THREADS"
"""What torch, NumPy and SciPy read when they are first imported."""

LINEAR_ALGEBRA_VARIABLE = "OPENBLAS_NUM_THREADS"
"""What NumPy's and SciPy's linear algebra reads before the one above."""


def spare_one_core() -> None:
    """Let the numeric libraries of this process leave one core to the application.

    Works only before they are imported; what the user has set stays.
    """
    os.environ.setdefault(THREADS_VARIABLE, str(max(1, physical_cores() - 1)))
    # as `one_linear_algebra_thread`, but its other threads are not even started
    os.environ.setdefault(LINEAR_ALGEBRA_VARIABLE, "1")


@contextmanager
def one_linear_algebra_thread() -> Iterator[None]:
    """Let the linear algebra of NumPy and SciPy use one thread inside the block, in the whole process.

    Matrices of a few columns are so small that more threads only wait for each other, long where the computer is
    busy; and the last bits of a sum depend on their number. Without threadpoolctl, which Slicer does not bring
    itself, the number stays as it is.
    """
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        yield
        return
    with threadpool_limits(1, user_api="blas"):
        yield


@contextmanager
def one_network_thread() -> Iterator[None]:
    """Let torch use one thread inside the block.

    The layers of a small network take so little that more threads gain hardly anything, and where a core has other
    things to do all of them wait for that one, after every layer.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def physical_cores() -> int:
    """Return the number of cores that this process may use; two hardware threads of one core count once."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    topology = Path("/sys/devices/system/cpu").glob("cpu[0-9]*/topology/thread_siblings_list")
    cores = {siblings.read_text() for siblings in topology}
    if cores:
        return min(usable, len(cores))
    two_threads_per_core = platform.machine().lower() not in ("arm64", "aarch64")
    return max(1, usable // 2) if two_threads_per_core else usable


def threads_in_use() -> int:
    """Return the number of threads that the numeric libraries of this process work with."""
    torch = sys.modules.get("torch")
    if torch is not None:
        return int(torch.get_num_threads())
    chosen = os.environ.get(THREADS_VARIABLE, "")
    return int(chosen) if chosen.isdecimal() else os.cpu_count() or 1
