"""What the commands that train the networks of MedSegAI share: their options, and what is drawn before a training."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import get_args

from ..engine.run import Run
from .bank_files import BankKind, BankPlan, Draws, MixedBank, filled_bank
from .prompt_sources import PromptSource, sources_of
from .training_sets import Group

AskerOf = Callable[[PromptSource, Path, int], Draws]
"""Returns what draws from a source, from the data folder and the side of the pictures [pixels]."""


def training_parser(module: str, description: str | None, drawn: str, count: int, size: int) -> argparse.ArgumentParser:
    """Return a parser with all options but `--steps` and `--batch`.

    Parameters
    ----------
    module
        Last name of the module that is run.
    description
        What it does.
    drawn
        What is drawn before the training: "questions" or "tasks".
    count
        How many of each source unless another number is asked for.
    size
        Side of their pictures unless another one is asked for [pixels].
    """
    parser = argparse.ArgumentParser(prog=f"python -m MedSegAICore.training.{module}", description=description)
    parser.add_argument("folder", type=Path, help="state, log and result; go on there if it holds a state")
    parser.add_argument(
        "--data-folder", type=Path, help="folder that holds the sets' folders; without it bodies are drawn"
    )
    parser.add_argument("--leave-out", choices=get_args(Group), help="group of images that is not learned from")
    parser.add_argument(
        f"--{drawn}", dest="count", type=int, default=count, help=f"{drawn} of each source, drawn before the training"
    )
    parser.add_argument(
        f"--{drawn}-folder",
        dest="bank_folder",
        type=Path,
        help=f"where they are; several trainings can share them (FOLDER/{drawn})",
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="processes that draw them")
    parser.add_argument("--size", type=int, default=size, help="side of the views [pixels]")
    parser.add_argument("--rate", type=float, default=2e-3, help="learning rate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--half", action="store_true", help="compute in bfloat16")
    return parser


def sources_for(asked: argparse.Namespace) -> list[PromptSource]:
    """Return what is learned from as a command line says."""
    return sources_of(tuple(group for group in get_args(Group) if asked.data_folder and group != asked.leave_out))


def drawn_before(
    bank: type[BankKind],
    asker_of: AskerOf,
    sources: Sequence[PromptSource],
    folder: Path,
    asked: argparse.Namespace,
    run: Run,
) -> MixedBank[BankKind]:
    """Return what is learned from of all sources, after what is missing was drawn.

    Parameters
    ----------
    bank
        Kind of the banks.
    asker_of
        A function of a module.
    sources
        What is learned from.
    folder
        Where the banks are unless the command line says otherwise.
    asked
        The command line.
    run
        Progress and cancel.
    """
    banks = []
    for number, source in enumerate(sources):
        asker = partial(asker_of, source, asked.data_folder or Path(), asked.size)
        plan = BankPlan(bank, asker, {"source": source.name, "size": asked.size}, asked.count, asked.seed)
        part = run.part(number / len(sources), (number + 1) / len(sources))
        banks.append(
            (filled_bank((asked.bank_folder or folder) / source.name, plan, asked.processes, part), source.share)
        )
    return MixedBank(banks)
