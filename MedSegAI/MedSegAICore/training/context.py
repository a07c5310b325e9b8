"""Train the small in-context network that comes with MedSegAI.

python -m MedSegAICore.training.context FOLDER --data-folder data --leave-out mr --steps 3000 --half

The same command goes on where it was stopped. It first draws the tasks that the network learns from, into FOLDER/tasks
unless `--tasks-folder` names another, and then trains. FOLDER then holds `model.safetensors`, the moving average of the
weights. It learns from drawn bodies and, with `--data-folder`, from the images that the project may train on. With
`--leave-out` it sees no image of one group, on which it can be tested then with
`Testing/Benchmarks/slice_examples_table.py`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import get_args

import torch

from ..engine.run import Run
from ..models.trained_file import write_trained
from ..networks.context_unet import CHANNELS, ContextUNet
from .bank_files import BankPlan, filled_bank
from .context_steps import ContextSteps, context_loss
from .context_tasks import LabelledTasks, PaintedTasks, RegionTasks, TaskAsker
from .labelled import LabelledSource
from .loop import LoopSettings, print_progress, train
from .prompt_sources import PromptSource, sources_of
from .superpixels import SuperpixelSource, read_pictures
from .synthetic.label_maps import read_templates
from .task_bank import MixedTasks, TaskBank
from .training_sets import Group


def network_for(seed: int, channels: int = CHANNELS) -> ContextUNet:
    """Return the network with the weights of a seed."""
    torch.manual_seed(seed)
    return ContextUNet(channels)


@cache  # a process asks for many files of tasks, and opening the sets takes seconds
def asker_of(source: PromptSource, data_folder: Path, size: int) -> TaskAsker:
    """Return what draws tasks of a source, with pictures of `size` x `size` pixels."""
    if source.group is None:
        return TaskAsker(PaintedTasks(), size)
    if source.kind == "painted":
        return TaskAsker(PaintedTasks(read_templates([source.group], data_folder)), size)
    if source.kind == "grown":
        return TaskAsker(RegionTasks(SuperpixelSource(read_pictures([source.group], data_folder))), size)
    return TaskAsker(LabelledTasks(LabelledSource(source.group, data_folder)), size)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as the command line says."""
    asked = _parser().parse_args(arguments)
    groups = tuple(group for group in get_args(Group) if asked.data_folder and group != asked.leave_out)
    sources, run = sources_of(groups), Run(print_progress)
    tasks = _tasks(sources, asked, run)
    steps = ContextSteps(asked.batch, asked.seed)
    settings = LoopSettings(asked.steps, rate=asked.rate, device=asked.device, half=asked.half)
    described = {"tasks": asked.tasks, "size": asked.size, "channels": CHANNELS, **asdict(steps)}
    described |= {"sources": {source.name: source.share for source in sources}}
    loss = context_loss(tasks, steps)
    weights = train(network_for(asked.seed), loss, settings, described, asked.folder, run)
    write_trained(asked.folder / "model.safetensors", weights, {"training": described | asdict(settings)})
    return 0


def _tasks(sources: Sequence[PromptSource], asked: argparse.Namespace, run: Run) -> MixedTasks:
    """Return the tasks of all sources, after the missing ones were drawn."""
    folder = asked.folder / "tasks" if asked.tasks_folder is None else asked.tasks_folder
    banks = []
    for number, source in enumerate(sources):
        asker = partial(asker_of, source, asked.data_folder or Path(), asked.size)
        plan = BankPlan(TaskBank, asker, {"source": source.name, "size": asked.size}, asked.tasks, asked.seed)
        part = run.part(number / len(sources), (number + 1) / len(sources))
        banks.append((filled_bank(folder / source.name, plan, asked.processes, part), source.share))
    return MixedTasks(banks)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m MedSegAICore.training.context", description=__doc__)
    parser.add_argument("folder", type=Path, help="state, log and result; go on there if it holds a state")
    parser.add_argument(
        "--data-folder", type=Path, help="folder that holds the sets' folders; without it bodies are drawn"
    )
    parser.add_argument("--leave-out", choices=get_args(Group), help="group of images that is not learned from")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--tasks", type=int, default=1200, help="tasks of each source, drawn before the training")
    parser.add_argument(
        "--tasks-folder", type=Path, help="where they are; several trainings can share them (FOLDER/tasks)"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="processes that draw them")
    parser.add_argument("--batch", type=int, default=6)
    parser.add_argument("--size", type=int, default=96, help="side of the pictures [pixels]")
    parser.add_argument("--rate", type=float, default=2e-3, help="learning rate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--half", action="store_true", help="compute in bfloat16")
    return parser


if __name__ == "__main__":
    sys.exit(main())
