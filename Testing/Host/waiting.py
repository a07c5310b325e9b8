"""Waiting while the application goes on, in the host and in Slicer."""

from __future__ import annotations

import time
from collections.abc import Callable

import qt


def wait_until(condition: Callable[[], object], seconds: float = 20) -> float:
    """Run the event loop until `condition` holds; return the seconds it took.

    Raises
    ------
    TimeoutError
        It did not come to hold in time.
    """
    began = time.monotonic()
    loop, timer = qt.QEventLoop(), qt.QTimer()

    def look() -> None:
        if condition() or time.monotonic() - began > seconds:
            loop.quit()

    timer.connect("timeout()", look)
    timer.start(5)
    loop.exec_()
    timer.stop()
    if not condition():
        message = f"nothing happened in {seconds} s"
        raise TimeoutError(message)
    return time.monotonic() - began


def wait(seconds: float) -> None:
    """Run the event loop for some seconds."""
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= end, seconds + 20)
