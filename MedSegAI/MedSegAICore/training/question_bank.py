"""Questions that are drawn once, before a training, and seen many times in it: turned, mirrored and lit anew.

The adaptive model takes longer for a question than the network, so drawing each one anew would leave the trainer
waiting.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..disk import move_into_place
from ..engine.run import Run
from ..errors import WeightsMismatch
from .augmentation import relit
from .chance import step_generator
from .questions import Asker, Question

SHARD = 64
"""Questions of a file: what an interruption loses at most, for each process, about ten seconds."""

SETTINGS_FILE = "settings.json"

_ARRAYS = ("pictures", "guesses", "drawn", "masks")
_POLL_SECONDS = 0.5
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
        unfinished = file.with_name(file.name + ".part")
        with unfinished.open("wb") as stream:
            np.savez(stream, pictures=self.pictures, guesses=self.guesses, drawn=self.drawn, masks=self.masks)
        move_into_place(unfinished, file)

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


class MixedBank:
    """Questions of several banks.

    Parameters
    ----------
    banks
        Banks and how often each is drawn from; these shares need not sum to 1.
    """

    def __init__(self, banks: Sequence[tuple[QuestionBank, float]]) -> None:
        shares = np.array([share for _, share in banks])
        self._banks = [bank for bank, _ in banks]
        self._shares = shares / shares.sum()

    def draw(self, chance: np.random.Generator) -> Question:
        """Return a question of one of the banks."""
        return self._banks[int(chance.choice(len(self._banks), p=self._shares))].draw(chance)


@dataclass(frozen=True)
class BankPlan:
    """Which questions a bank holds.

    Parameters
    ----------
    asker
        Returns what asks; it is sent to every process, so it must be a function of a module, perhaps with
        arguments (`functools.partial`).
    described
        What the questions depend on beside the seed, as plain data.
    count
        Number of questions.
    seed
        Of everything that is drawn.
    """

    asker: Callable[[], Asker]
    described: dict[str, Any]
    count: int
    seed: int


def filled_bank(folder: Path, plan: BankPlan, processes: int, run: Run) -> QuestionBank:
    """Return a bank from its folder, after its missing questions were drawn.

    Parameters
    ----------
    folder
        Its files; the same call goes on there after an interruption.
    plan
        What it holds.
    processes
        How many draw at once.
    run
        Progress and cancel.

    Raises
    ------
    WeightsMismatch
        The folder holds other questions.
    Cancelled
        The run was stopped; complete files are kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _check_settings(folder / SETTINGS_FILE, {**plan.described, "seed": plan.seed, "count": plan.count})
    numbers = range(-(-plan.count // SHARD))
    files = [folder / f"questions_{number:05d}.npz" for number in numbers]
    missing = [number for number in numbers if not files[number].is_file()]
    for done in _written(plan, files, missing, processes):
        left = len(missing) - done
        run.step(
            1 - left / len(files), f"Drawing questions for '{folder.name}': {len(files) - left} of {len(files)} files"
        )
    return QuestionBank.read(files)


def _check_settings(file: Path, settings: dict[str, Any]) -> None:
    text = json.dumps(settings, sort_keys=True, indent=1)
    if not file.is_file():
        file.write_text(text, encoding="utf-8")
    elif file.read_text(encoding="utf-8") != text:
        message = f"'{file.parent.name}' holds questions that were drawn with other settings."
        raise WeightsMismatch(message, "Choose another folder, or go on with the settings that it was begun with.")


def _written(plan: BankPlan, files: Sequence[Path], missing: Sequence[int], processes: int) -> Iterator[int]:
    """Write the missing files; yield how many are written, again and again while that goes on."""
    with _workers(min(processes, len(missing))) as workers:
        waiting = {
            workers.submit(
                _write_shard, plan, range(number * SHARD, min((number + 1) * SHARD, plan.count)), files[number]
            )
            for number in missing
        }
        while waiting:
            yield len(missing) - len(waiting)
            finished, waiting = wait(waiting, _POLL_SECONDS, FIRST_COMPLETED)
            for one in finished:
                one.result()


@contextmanager
def _workers(count: int) -> Iterator[ProcessPoolExecutor]:
    workers = ProcessPoolExecutor(max(count, 1), multiprocessing.get_context("spawn"), torch.set_num_threads, (1,))
    try:
        yield workers
    finally:
        workers.shutdown(cancel_futures=True)


def _write_shard(plan: BankPlan, numbers: range, file: Path) -> None:
    """Draw the questions of one file; all chance comes from the seed and the number of a question."""
    asker = plan.asker()
    QuestionBank.of([asker.ask(step_generator(plan.seed, number)) for number in numbers]).write(file)
