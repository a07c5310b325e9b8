"""What to do when a device runs out of memory: one more try that needs less, said aloud."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ..errors import OutOfDeviceMemory

Answer = TypeVar("Answer")

# How the allocators of torch word it, where they raise a plain RuntimeError.
_COMPLAINTS = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "failed to allocate",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether `error` says that memory ran out: Python's, numpy's, or torch's on any device."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _COMPLAINTS)


def with_one_retry(
    first: Callable[[], Answer], retry: Callable[[], Answer], warning: str
) -> tuple[Answer, tuple[str, ...]]:
    """Return what `first` returns or, if memory runs out, what `retry` returns.

    Parameters
    ----------
    first, retry
        The job, and the job done smaller or on the processor.
    warning
        What the user should know if `retry` was needed.

    Returns
    -------
    answer, warnings
        The answer; `warning` alone if it took the retry, otherwise nothing.

    Raises
    ------
    OutOfDeviceMemory
        Memory ran out both times.
    """
    try:
        return first(), ()
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
    # outside the handler: the error's traceback would keep the tensors of the first try alive
    try:
        return retry(), (warning,)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        message = "The device ran out of memory twice."
        raise OutOfDeviceMemory(message) from error
