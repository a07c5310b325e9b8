"""Questions that are drawn once, before a training, and seen many times in it: turned, mirrored and lit anew.

The adaptive model takes longer for a question than the network, so drawing each one anew would leave the trainer
waiting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .augmentation import relit
from .bank_files import write_arrays
from .questions import Question

_ARRAYS = ("pictures", "guesses", "drawn", "masks")
_PICTURE, _GUESS = 0, 5
_MAPS = slice(1, 4)


@dataclass(frozen=True, eq=False)
class QuestionBank:
    """Questions in memory, about 30 kB each.

    Parameters
    ----------
    pictures
        (n, size, size) float16.
    guesses
        (n, size, size) uint8, probability of 0 to 255.
    drawn
        (n, 3, bytes) uint8: bits of box, marks inside, marks outside.
    masks
        (n, bytes) uint8: bits of what is wanted.
    """

    pictures: NDArray[np.float16]
    guesses: NDArray[np.uint8]
    drawn: NDArray[np.uint8]
    masks: NDArray[np.uint8]

    @classmethod
    def of(cls, questions: Sequence[Question]) -> QuestionBank:
        """Pack questions of one size."""
        channels = np.stack([question.channels for question in questions])
        masks = np.stack([question.mask for question in questions])
        count = len(questions)
        return cls(
            channels[:, _PICTURE].astype(np.float16),
            np.rint(channels[:, _GUESS] * 255).astype(np.uint8),
            np.packbits(channels[:, _MAPS].reshape(count, 3, -1) > 0, axis=2),
            np.packbits(masks.reshape(count, -1), axis=1),
        )

    @classmethod
    def read(cls, files: Sequence[Path]) -> QuestionBank:
        """Read the files of a bank."""
        parts = [np.load(file) for file in files]
        return cls(*(np.concatenate([part[name] for part in parts]) for name in _ARRAYS))

    def write(self, file: Path) -> None:
        """Write all to one file, whole or not at all."""
        write_arrays(file, pictures=self.pictures, guesses=self.guesses, drawn=self.drawn, masks=self.masks)

    def __len__(self) -> int:
        return len(self.pictures)

    def question(self, index: int) -> Question:
        """Return a question as it was asked."""
        shape = self.pictures.shape[1:]
        maps = np.unpackbits(self.drawn[index], axis=1).reshape(3, *shape)
        channels = np.zeros((6, *shape), np.float32)
        channels[_PICTURE], channels[_MAPS], channels[_GUESS] = self.pictures[index], maps, self.guesses[index]
        channels[_GUESS] /= 255
        return Question(channels, np.unpackbits(self.masks[index]).reshape(shape) > 0)

    def draw(self, chance: np.random.Generator) -> Question:
        """Return one of the questions, turned by right angles, mirrored and lit by chance."""
        question = self.question(int(chance.integers(len(self))))
        channels, turns, is_mirrored = question.channels, int(chance.integers(4)), bool(chance.random() < 0.5)
        channels[_PICTURE] = relit(channels[_PICTURE], chance)
        channels, mask = np.rot90(channels, turns, (1, 2)), np.rot90(question.mask, turns)
        if is_mirrored:
            channels, mask = channels[:, :, ::-1], mask[:, ::-1]
        return Question(np.ascontiguousarray(channels), np.ascontiguousarray(mask))
