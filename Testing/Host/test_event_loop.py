"""The event loop of the host starves Python threads as Slicer's does, so that nothing relies on them."""

from __future__ import annotations

import sys
import threading
import time

import pytest
import qt
from Host.waiting import wait, wait_until


@pytest.fixture
def counter():
    """Count in a background thread; return the counts per second while something else is done."""
    counts, ended = [0], threading.Event()

    def count() -> None:
        while not ended.is_set():
            counts[0] += 1

    thread = threading.Thread(target=count, daemon=True)
    thread.start()

    def rate_while(action) -> float:
        before, began = counts[0], time.perf_counter()
        action()
        return (counts[0] - before) / (time.perf_counter() - began)

    yield rate_while
    ended.set()
    thread.join()


def a_loop(milliseconds: int) -> None:
    loop = qt.QEventLoop()
    qt.QTimer.singleShot(milliseconds, loop.quit)
    loop.exec_()


def a_dialog(milliseconds: int) -> None:
    dialog = qt.QDialog()
    qt.QTimer.singleShot(milliseconds, dialog.accept)
    assert dialog.exec_() == qt.QDialog.Accepted


@pytest.mark.parametrize("idle", [a_loop, a_dialog])
def test_a_thread_starves_while_the_application_is_idle(counter, idle) -> None:
    free = counter(lambda: time.sleep(0.3))

    assert counter(lambda: idle(500)) < 0.2 * free  # 0.01 to 0.05, by what else the machine does


def test_waiting_runs_timers_and_ends_when_the_condition_holds() -> None:
    heard = []
    qt.QTimer.singleShot(20, lambda: heard.append(1))

    assert 0.01 < wait_until(lambda: heard, 5) < 2
    with pytest.raises(TimeoutError):
        wait_until(lambda: False, 0.05)


def test_methods_without_a_result_may_be_called_for_ever() -> None:
    timer = qt.QTimer()
    for _ in range(50_000):  # PySide6 takes None away from Python each time
        timer.setSingleShot(True)

    assert sys.getrefcount(None) > 1000


def test_processing_events_returns_at_once() -> None:
    heard = []
    qt.QTimer.singleShot(0, lambda: heard.append(1))
    qt.QTimer.singleShot(10_000, lambda: heard.append(2))
    qt.QApplication.processEvents()
    wait(0.05)

    assert heard == [1]
