"""Progress, previews and cancel of one run, as every long loop sees them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import Cancelled

if TYPE_CHECKING:
    from ..volume import VolumePatch

ProgressCallback = Callable[[float, str], None]

PreviewCallback = Callable[[Callable[[], "VolumePatch"]], None]
"""Called with what makes a preview, a probability on the grid of the image: it costs nothing unless it is made."""


class CancelToken:
    """Set by whoever waits, read by whoever works; safe across threads."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask the run to stop at its next step."""
        self._event.set()

    @property
    def is_cancelled(self) -> bool:
        """Whether the run should stop."""
        return self._event.is_set()


def _silent(_fraction: float, _message: str) -> None:
    """Ignore progress."""


def _unseen(_make: Callable[[], VolumePatch]) -> None:
    """Make no preview."""


@dataclass(frozen=True)
class Run:
    """What a running job reports to and listens to.

    Parameters
    ----------
    progress
        Called with a fraction [0, 1] and a few words.
    cancel
        The token that stops the job.
    preview
        Called when there is something new to see of what is becoming.
    """

    progress: ProgressCallback = _silent
    cancel: CancelToken = field(default_factory=CancelToken)
    preview: PreviewCallback = _unseen

    @classmethod
    def of(
        cls, progress: ProgressCallback | None, cancel: CancelToken | None, preview: PreviewCallback | None = None
    ) -> Run:
        """Return a run of which nobody needs to hear."""
        return cls(progress or _silent, cancel or CancelToken(), preview or _unseen)

    def step(self, fraction: float, message: str = "") -> None:
        """Report progress; raise `Cancelled` if the job should stop."""
        self.check()
        self.progress(min(max(fraction, 0.0), 1.0), message)

    def check(self) -> None:
        """Raise `Cancelled` if the job should stop."""
        if self.cancel.is_cancelled:
            message = "The run was cancelled."
            raise Cancelled(message)

    def part(self, start: float, end: float) -> Run:
        """Return a run whose 0..1 is `start`..`end` of this one."""

        def scaled(fraction: float, message: str) -> None:
            self.progress(start + (end - start) * fraction, message)

        return Run(scaled, self.cancel, self.preview)
