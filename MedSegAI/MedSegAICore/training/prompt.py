"""Train the small interactive network that comes with MedSegAI.

python -m MedSegAICore.training.prompt FOLDER --data-folder data --leave-out mr --steps 6000 --half

The same command goes on where it was stopped. FOLDER then holds `model.safetensors`, the moving average of the weights.
It learns from drawn bodies and, with `--data-folder`, from the images that the project may train on. With `--leave-out`
it sees no image of one group, on which it can be tested then with `Testing/Benchmarks/prompt_network_table.py`.

To ship it, its file goes into Resources/Weights, and into Resources/Models a description of the paradigm "prompt" that
names the file, the architecture "prompt_unet" and the entry "MedSegAICore.prompt.interactive_network:build". It has no
input: the segmenter itself takes views of the slice.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import torch

from ..engine.run import Run
from ..models.trained_file import write_trained
from ..networks.prompt_unet import SHIPPED, PromptArchitecture, PromptUNet
from .example import ExampleSource
from .interactions import Interactions, interaction_loss
from .labelled import LabelledSource
from .loop import LoopSettings, print_progress, train
from .mixture import MixedSource
from .superpixels import SuperpixelSource, read_pictures
from .synthetic.label_maps import read_templates
from .synthetic.source import SyntheticSource
from .training_sets import Group

DRAWN, GROWN, LABELLED = 0.35, 0.25, 0.4
"""Shares of drawn bodies, of superpixels of real images, and of labelled structures."""


def network_for(seed: int, architecture: PromptArchitecture = SHIPPED) -> PromptUNet:
    """Return the network with the weights of a seed, laid out as convolutions are fastest."""
    torch.manual_seed(seed)
    network = PromptUNet(architecture)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def source_of(groups: Sequence[Group], data_folder: Path | None) -> ExampleSource:
    """Return the examples of some groups of images; only drawn bodies without a folder that holds the sets."""
    if data_folder is None or not groups:
        return SyntheticSource()
    sources: list[tuple[ExampleSource, float]] = [(SyntheticSource(read_templates(groups, data_folder)), DRAWN)]
    sources.append((SuperpixelSource(read_pictures(groups, data_folder)), GROWN))
    sources += [(LabelledSource(group, data_folder), LABELLED / len(groups)) for group in groups]
    return MixedSource(sources)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as the command line says."""
    asked = _parser().parse_args(arguments)
    groups = [group for group in get_args(Group) if asked.data_folder and group != asked.leave_out]
    interactions = Interactions(asked.size, asked.batch, asked.seed)
    settings = LoopSettings(asked.steps, rate=asked.rate, device=asked.device, half=asked.half)
    shares = {"drawn": DRAWN, "grown": GROWN, "labelled": LABELLED}
    described: dict[str, Any] = {"groups": groups, "shares": shares, **asdict(interactions)}
    described["architecture"] = asdict(SHIPPED) | {"widths": list(SHIPPED.widths)}
    loss = interaction_loss(source_of(groups, asked.data_folder), interactions)
    weights = train(network_for(asked.seed), loss, settings, described, asked.folder, Run(print_progress))
    write_trained(asked.folder / "model.safetensors", weights, {"training": described | asdict(settings)})
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m MedSegAICore.training.prompt", description=__doc__)
    parser.add_argument("folder", type=Path, help="state, log and result; go on there if it holds a state")
    parser.add_argument(
        "--data-folder", type=Path, help="folder that holds the sets' folders; without it bodies are drawn"
    )
    parser.add_argument("--leave-out", choices=get_args(Group), help="group of images that is not learned from")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", type=int, default=96, help="side of the pictures [pixels]")
    parser.add_argument("--rate", type=float, default=2e-3, help="learning rate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--half", action="store_true", help="compute in bfloat16")
    return parser


if __name__ == "__main__":
    sys.exit(main())
