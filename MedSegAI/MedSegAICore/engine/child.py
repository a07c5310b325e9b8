"""Entry of the engine process: `python -u child.py`, with messages on standard input and output.

It is started by its path and finds its packages from there, so that no environment variable is needed.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main(make_engine: Callable[..., Any] | None = None) -> None:
    """Serve the application that started this process until it closes the pipe.

    Parameters
    ----------
    make_engine
        Builds the engine from a device, checkpoint files and the size of its cache; None takes `Engine`.
    """
    # before anything else is imported: libraries print, and their words must not run into the messages
    pipes = take_pipes()
    faulthandler.enable()  # a crash in native code leaves its place in the log
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is meant for the application

    from MedSegAICore.engine.threads import spare_one_core

    spare_one_core()  # before NumPy is imported

    from MedSegAICore.engine.engine import Engine
    from MedSegAICore.engine.service import Channel, Service

    Service(Channel(*pipes), make_engine or Engine).run()


def take_pipes() -> tuple[int, int]:
    """Return handles of standard input and output, which from now on are the null device and standard error."""
    pipes = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return pipes


def find_packages() -> None:
    """Make the packages beside this one importable, and keep this folder's files from posing as packages."""
    here = Path(__file__).resolve().parent
    sys.path[:] = [str(here.parents[1]), *(entry for entry in sys.path if Path(entry).resolve() != here)]


if __name__ == "__main__":
    find_packages()
    main()
