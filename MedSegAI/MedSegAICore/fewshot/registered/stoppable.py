"""Filters of ITK that stop soon after a run is cancelled, however large the images are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import SimpleITK as sitk

from ...engine.run import Run


def executed(process: Any, run: Run | None, *images: sitk.Image) -> sitk.Image:
    """Return what a filter makes of images.

    A filter tells of its progress after every hundredth of its work or so, and a cancelled run stops it there.

    Raises
    ------
    Cancelled
        The run was stopped.
    """
    with stoppable(process, run or Run()):
        made: sitk.Image = process.Execute(*images)
    return made


@contextmanager
def stoppable(process: Any, run: Run, event: int = sitk.sitkProgressEvent) -> Iterator[None]:
    """Stop a process at its next event once the run is cancelled.

    Parameters
    ----------
    process
        A filter or a registration; it is executed inside the block.
    run
        Cancel.
    event
        What the process tells of often.

    Raises
    ------
    Cancelled
        The run was stopped.
    """
    run.check()

    def look() -> None:
        if run.cancel.is_cancelled:
            process.Abort()

    process.AddCommand(event, look)
    try:
        yield
    except RuntimeError:
        run.check()  # a stopped filter may raise; Cancelled says why
        raise
    finally:
        process.RemoveAllCommands()
    run.check()
