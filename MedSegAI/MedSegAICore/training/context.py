"""Train the small in-context network that comes with MedSegAI.

python -m MedSegAICore.training.context FOLDER --data-folder data --leave-out mr --steps 3000 --half

The same command goes on where it was stopped. It first draws the tasks that the network learns from, into FOLDER/tasks
unless `--tasks-folder` names another, and then trains. FOLDER then holds `model.safetensors`, the moving average of the
weights. It learns from drawn bodies and, with `--data-folder`, from the images that the project may train on. With
`--leave-out` it sees no image of one group, on which it can be tested then with
`Testing/Benchmarks/slice_examples_table.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path

import torch

from ..engine.run import Run
from ..models.trained_file import write_trained
from ..networks.context_unet import CHANNELS, SIDE, ContextUNet
from .command import drawn_before, sources_for, training_parser
from .context_steps import ContextSteps, context_loss
from .context_tasks import LabelledTasks, PaintedTasks, RegionTasks, TaskAsker
from .labelled import LabelledSource
from .loop import LoopSettings, print_progress, train
from .prompt_sources import PromptSource
from .superpixels import SuperpixelSource, read_pictures
from .synthetic.label_maps import read_templates
from .task_bank import TaskBank


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
    parser = training_parser("context", __doc__, "tasks", 1200, SIDE)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=6)
    asked = parser.parse_args(arguments)
    sources, run = sources_for(asked), Run(print_progress)
    tasks = drawn_before(TaskBank, asker_of, sources, asked.folder / "tasks", asked, run)
    steps = ContextSteps(asked.batch, asked.seed)
    settings = LoopSettings(asked.steps, rate=asked.rate, device=asked.device, half=asked.half)
    described = {"tasks": asked.count, "size": asked.size, "channels": CHANNELS, **asdict(steps)}
    described |= {"sources": {source.name: source.share for source in sources}}
    loss = context_loss(tasks, steps)
    weights = train(network_for(asked.seed), loss, settings, described, asked.folder, run)
    write_trained(asked.folder / "model.safetensors", weights, {"training": described | asdict(settings)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
