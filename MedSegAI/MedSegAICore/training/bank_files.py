"""What is drawn once, before a training, and seen many times in it: files of a folder, drawn by several processes."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import numpy as np
import torch

from ..disk import move_into_place
from ..engine.run import Run
from ..errors import WeightsMismatch
from .chance import step_generator

if TYPE_CHECKING:
    from typing_extensions import Self

SHARD = 64
"""Members of a file: what an interruption loses at most, for each process, about ten seconds."""

SETTINGS_FILE = "settings.json"

_POLL_SECONDS = 0.5


class Bank(Protocol):
    """What was drawn, in memory."""

    @classmethod
    def of(cls, drawn: Sequence[Any]) -> Self:
        """Pack what was drawn."""
        ...

    @classmethod
    def read(cls, files: Sequence[Path]) -> Self:
        """Read files."""
        ...

    def write(self, file: Path) -> None:
        """Write all to one file, whole or not at all."""
        ...


BankKind = TypeVar("BankKind", bound=Bank)


class MixedBank(Generic[BankKind]):
    """Several banks.

    Parameters
    ----------
    banks
        Banks and how often each is drawn from; these shares need not sum to 1.
    """

    def __init__(self, banks: Sequence[tuple[BankKind, float]]) -> None:
        shares = np.array([share for _, share in banks])
        self._banks = [bank for bank, _ in banks]
        self._shares = shares / shares.sum()

    def chosen(self, chance: np.random.Generator) -> BankKind:
        """Return one of the banks."""
        return self._banks[int(chance.choice(len(self._banks), p=self._shares))]


class Draws(Protocol):
    """Draws members of a bank."""

    def ask(self, chance: np.random.Generator) -> Any:
        """Return one that depends on `chance` alone."""
        ...


@dataclass(frozen=True)
class BankPlan(Generic[BankKind]):
    """What a bank holds.

    Parameters
    ----------
    bank
        Packs and reads.
    asker
        Returns what draws; it is sent to every process, so it must be a function of a module, perhaps with
        arguments (`functools.partial`).
    described
        What the members depend on beside the seed, as plain data.
    count
        Number of members.
    seed
        Of everything that is drawn.
    """

    bank: type[BankKind]
    asker: Callable[[], Draws]
    described: dict[str, Any]
    count: int
    seed: int


def filled_bank(folder: Path, plan: BankPlan[BankKind], processes: int, run: Run) -> BankKind:
    """Return a bank from its folder, after its missing members were drawn.

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
        The folder holds other members.
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
    return plan.bank.read(files)


def write_arrays(file: Path, **arrays: Any) -> None:
    """Write arrays to one file, whole or not at all."""
    unfinished = file.with_name(file.name + ".part")
    with unfinished.open("wb") as stream:
        np.savez(stream, **arrays)
    move_into_place(unfinished, file)


def _check_settings(file: Path, settings: dict[str, Any]) -> None:
    text = json.dumps(settings, sort_keys=True, indent=1)
    if not file.is_file():
        file.write_text(text, encoding="utf-8")
    elif file.read_text(encoding="utf-8") != text:
        message = f"'{file.parent.name}' holds questions that were drawn with other settings."
        raise WeightsMismatch(message, "Choose another folder, or go on with the settings that it was begun with.")


def _written(plan: BankPlan[Any], files: Sequence[Path], missing: Sequence[int], processes: int) -> Iterator[int]:
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


def _write_shard(plan: BankPlan[Any], numbers: range, file: Path) -> None:
    """Draw the members of one file; all chance comes from the seed and the number of a member."""
    asker = plan.asker()
    plan.bank.of([asker.ask(step_generator(plan.seed, number)) for number in numbers]).write(file)
