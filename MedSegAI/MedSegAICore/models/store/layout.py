"""Where the store keeps what belongs to a checkpoint: on the same disk, out of the user's sight."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HIDDEN = ".store"
"""Folder beside the checkpoints, so that a finished file only needs a new name."""
INCOMING = ".incoming"


@dataclass(frozen=True)
class Layout:
    """The places of one checkpoint in one folder.

    Parameters
    ----------
    folder
        The weights folder.
    filename
        Name of the checkpoint in it.
    """

    folder: Path
    filename: str

    @property
    def file(self) -> Path:
        """The checkpoint itself."""
        return self.folder / self.filename

    @property
    def part(self) -> Path:
        """What has come so far of a download; it stays when the download is stopped."""
        return self._beside(".part")

    @property
    def incoming(self) -> Path:
        """A copy that is being made; it never outlives the copying."""
        return self._beside(INCOMING)

    @property
    def record(self) -> Path:
        """What was seen of the checkpoint when it came."""
        return self._beside(".json")

    @property
    def lock(self) -> Path:
        """Held by whoever changes the checkpoint."""
        return self._beside(".lock")

    def _beside(self, ending: str) -> Path:
        return self.folder / HIDDEN / f"{self.filename}{ending}"
