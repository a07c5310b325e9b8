"""Train the small interactive network that comes with MedSegAI.

python -m MedSegAICore.training.prompt FOLDER --data-folder data --leave-out mr --steps 6000 --half

The same command goes on where it was stopped. It first draws the questions that the network learns from, into
FOLDER/questions unless `--questions-folder` names another, and then trains. FOLDER then holds `model.safetensors`, the
moving average of the weights. It learns from drawn bodies and, with `--data-folder`, from the images that the project
may train on. With `--leave-out` it sees no image of one group, on which it can be tested then with
`Testing/Benchmarks/prompt_network_table.py`.

The one that comes with MedSegAI is `Resources/Weights/interactive.safetensors`; its card beside it holds the log of
runs. To use another one, name its file as weights of the model `interactive` (`--weights` of the command line).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import get_args

import torch

from ..engine.run import Run
from ..models.trained_file import write_trained
from ..networks.prompt_unet import SHIPPED, PromptArchitecture, PromptUNet
from .bank_files import BankPlan, filled_bank
from .interactions import Interactions, interaction_loss
from .loop import LoopSettings, print_progress, train
from .prompt_sources import PromptSource, asker_of, sources_of
from .question_bank import MixedBank, QuestionBank
from .training_sets import Group


def network_for(seed: int, architecture: PromptArchitecture = SHIPPED) -> PromptUNet:
    """Return the network with the weights of a seed, laid out as convolutions are fastest."""
    torch.manual_seed(seed)
    network = PromptUNet(architecture)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as the command line says."""
    asked = _parser().parse_args(arguments)
    groups = tuple(group for group in get_args(Group) if asked.data_folder and group != asked.leave_out)
    sources, run = sources_of(groups), Run(print_progress)
    bank = _questions(sources, asked, run)
    interactions = Interactions(asked.batch, asked.seed)
    settings = LoopSettings(asked.steps, rate=asked.rate, device=asked.device, half=asked.half)
    described = {"questions": asked.questions, "size": asked.size, **asdict(interactions)}
    described |= {"sources": {source.name: source.share for source in sources}}
    described |= {"architecture": asdict(SHIPPED) | {"widths": list(SHIPPED.widths)}}
    loss = interaction_loss(bank, interactions)
    weights = train(network_for(asked.seed), loss, settings, described, asked.folder, run)
    write_trained(asked.folder / "model.safetensors", weights, {"training": described | asdict(settings)})
    return 0


def _questions(sources: Sequence[PromptSource], asked: argparse.Namespace, run: Run) -> MixedBank:
    """Return the questions of all sources, after the missing ones were drawn."""
    folder = asked.folder / "questions" if asked.questions_folder is None else asked.questions_folder
    banks = []
    for number, source in enumerate(sources):
        asker = partial(asker_of, source, asked.data_folder or Path(), asked.size)
        plan = BankPlan(QuestionBank, asker, {"source": source.name, "size": asked.size}, asked.questions, asked.seed)
        part = run.part(number / len(sources), (number + 1) / len(sources))
        banks.append((filled_bank(folder / source.name, plan, asked.processes, part), source.share))
    return MixedBank(banks)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m MedSegAICore.training.prompt", description=__doc__)
    parser.add_argument("folder", type=Path, help="state, log and result; go on there if it holds a state")
    parser.add_argument(
        "--data-folder", type=Path, help="folder that holds the sets' folders; without it bodies are drawn"
    )
    parser.add_argument("--leave-out", choices=get_args(Group), help="group of images that is not learned from")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument(
        "--questions", type=int, default=2000, help="questions of each source, drawn before the training"
    )
    parser.add_argument(
        "--questions-folder", type=Path, help="where they are; several trainings can share them (FOLDER/questions)"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="processes that draw them")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", type=int, default=96, help="side of the views [pixels]")
    parser.add_argument("--rate", type=float, default=2e-3, help="learning rate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--half", action="store_true", help="compute in bfloat16")
    return parser


if __name__ == "__main__":
    sys.exit(main())
