"""Tasks in memory, seen many times in a training: each time another member is asked about, turned and lit anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .bank_files import write_arrays
from .context_tasks import ContextTask

_INVERTED = 0.3
"""Share of the tasks that are seen as negatives."""


@dataclass(frozen=True, eq=False)
class TaskBank:
    """Tasks, about 60 kB each.

    Parameters
    ----------
    images
        (n, members, size, size) uint8: 0 to 255.
    masks
        (n, members, size, bytes) uint8: bits.
    """

    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]

    @classmethod
    def of(cls, drawn: Sequence[ContextTask]) -> TaskBank:
        """Pack tasks of one size, which is a multiple of 8."""
        images = np.stack([task.images for task in drawn])
        masks = np.stack([task.masks for task in drawn])
        return cls(np.rint(255 * images).astype(np.uint8), np.packbits(masks, axis=-1))

    @classmethod
    def read(cls, files: Sequence[Path]) -> TaskBank:
        """Read the files of a bank."""
        parts = [np.load(file) for file in files]
        return cls(*(np.concatenate([part[name] for part in parts]) for name in ("images", "masks")))

    def write(self, file: Path) -> None:
        """Write all to one file, whole or not at all."""
        write_arrays(file, images=self.images, masks=self.masks)

    def __len__(self) -> int:
        return len(self.images)

    def task(self, index: int) -> ContextTask:
        """Return a task as it was drawn."""
        images = self.images[index].astype(np.float32) / 255
        return ContextTask(images, np.unpackbits(self.masks[index], axis=-1).astype(np.bool_))

    def draw(self, members: int, chance: np.random.Generator) -> ContextTask:
        """Return so many members of one of the tasks, in any order; turned by right angles, mirrored, lit by chance."""
        task = self.task(int(chance.integers(len(self))))
        order = chance.permutation(len(task.images))[:members]
        turns, is_mirrored = int(chance.integers(4)), bool(chance.random() < 0.5)
        images, masks = (np.rot90(part[order], turns, (1, 2)) for part in (_relit(task.images, chance), task.masks))
        if is_mirrored:
            images, masks = images[..., ::-1], masks[..., ::-1]
        return ContextTask(np.ascontiguousarray(images), np.ascontiguousarray(masks))


def _relit(images: NDArray[np.float32], chance: np.random.Generator) -> NDArray[np.float32]:
    """Return pictures (members, size, size) from 0 to 1 with another gamma, each with a little of its own."""
    if chance.random() < _INVERTED:
        images = 1 - images
    own = (len(images), 1, 1)
    gamma = np.exp(chance.normal(0, 0.3) + chance.normal(0, 0.15, own))
    shown = images ** gamma.astype(np.float32) * (1 + chance.normal(0, 0.08, own)) + chance.normal(0, 0.03, own)
    return np.asarray(np.clip(shown, 0, 1), dtype=np.float32)
