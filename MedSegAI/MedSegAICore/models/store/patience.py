"""Wait for a server without being deaf to a cancel."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from ...engine.run import Run
from .connection import Answer, Connection

BLINK_SECONDS = 0.1
"""How often whoever waits looks whether the run should stop."""
READ_AHEAD = 32
"""How many chunks may wait to be written."""


class PatientConnection:
    """A `Connection` that a thread of its own waits for; answer and chunks come as they do from that.

    The thread also reads on while the last chunk is written. It ends by itself after `close`, at the latest when the
    server has said nothing for too long.

    Parameters
    ----------
    connect
        Opens the connection.
    run
        Cancelling it ends every wait with `Cancelled`.
    """

    def __init__(self, connect: Callable[[], Connection], run: Run) -> None:
        self._connect, self._run = connect, run
        self._arrived: queue.Queue[Any] = queue.Queue(READ_AHEAD)
        self._is_closed = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def answer(self) -> Answer:
        """Return what the server says about the bytes; raises what `Connection` raises."""
        answer: Answer = self._next()
        return answer

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes."""
        while (chunk := self._next()) is not None:
            yield chunk

    def close(self) -> None:
        """Want nothing more."""
        self._is_closed.set()

    def _next(self) -> Any:
        while True:
            self._run.check()
            try:
                item = self._arrived.get(timeout=BLINK_SECONDS)
            except queue.Empty:
                continue
            if isinstance(item, BaseException):
                raise item
            return item

    def _read(self) -> None:
        try:
            connection = self._connect()
        except Exception as error:  # noqa: BLE001  whatever it is, it is raised where it is waited for
            self._put(error)
            return
        try:
            self._put(connection.answer)
            for chunk in connection.chunks():
                if not self._put(chunk):
                    return
            self._put(None)
        except Exception as error:  # noqa: BLE001
            self._put(error)
        finally:
            connection.close()

    def _put(self, item: object) -> bool:
        while not self._is_closed.is_set():
            try:
                self._arrived.put(item, timeout=BLINK_SECONDS)
            except queue.Full:
                continue
            return True
        return False


def wait(seconds: float, run: Run) -> None:
    """Wait, or less if the run is cancelled."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        run.check()
        time.sleep(min(BLINK_SECONDS, seconds))
