"""Progress for whoever looks: a bar with the time left in a terminal, and lines that Slicer reads elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ..command_line import report_progress
from ..engine.run import ProgressCallback

BAR = "{percentage:3.0f}%|{bar}| {desc}"
LEAST_STEP = 0.001
"""Smaller steps of progress are not printed, unless their words are new."""


@contextmanager
def shown_progress() -> Iterator[ProgressCallback]:
    """Give what shows progress; a bar needs the package `tqdm`."""
    if sys.stdout.isatty():
        try:
            from tqdm import tqdm
        except ImportError:
            yield _lines()
            return
        with tqdm(total=1.0, bar_format=BAR, dynamic_ncols=True) as bar:

            def show(fraction: float, message: str) -> None:
                if message:
                    bar.set_description_str(message, refresh=False)
                bar.n = min(max(fraction, bar.n), 1.0)
                bar.refresh()

            yield show
        return
    yield _lines()


def _lines() -> ProgressCallback:
    last = (-1.0, "")

    def show(fraction: float, message: str) -> None:
        nonlocal last
        if fraction - last[0] >= LEAST_STEP or (message and message != last[1]):
            last = (fraction, message)
            report_progress(fraction, message)

    return show
