"""What a training tells of itself while it runs: lines in a file, and curves where TensorBoard is installed."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

LOG_FILE = "log.jsonl"


class Journal:
    """Adds to what earlier runs of the same training have written.

    Parameters
    ----------
    folder
        Where `log.jsonl` is; `tensorboard --logdir FOLDER` shows the curves.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._curves: SummaryWriter | None = None

    def write(self, step: int, **values: float) -> None:
        """Add values of one step; numbers are kept to six digits."""
        line = {"step": step, **{name: float(f"{value:.6g}") for name, value in values.items()}}
        with (self._folder / LOG_FILE).open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        if self._curves is None:
            self._curves = _curves(self._folder)
        if self._curves is not None:
            for name, value in values.items():
                self._curves.add_scalar(name, value, step)
            self._curves.flush()

    def close(self) -> None:
        """End the curves of this run."""
        if self._curves is not None:
            self._curves.close()


def _curves(folder: Path) -> SummaryWriter | None:
    if find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder))
