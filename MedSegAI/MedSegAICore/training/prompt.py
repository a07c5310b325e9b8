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

import sys
from collections.abc import Sequence
from dataclasses import asdict

import torch

from ..engine.run import Run
from ..models.trained_file import write_trained
from ..networks.prompt_unet import SHIPPED, PromptArchitecture, PromptUNet
from .command import drawn_before, sources_for, training_parser
from .interactions import Interactions, interaction_loss
from .loop import LoopSettings, print_progress, train
from .prompt_sources import asker_of
from .question_bank import QuestionBank

SIDE = 96
"""Of the pictures that are learned from unless others are asked for [pixels]: smaller than those shown later, which
takes less time.
"""


def network_for(seed: int, architecture: PromptArchitecture = SHIPPED) -> PromptUNet:
    """Return the network with the weights of a seed, laid out as convolutions are fastest."""
    torch.manual_seed(seed)
    network = PromptUNet(architecture)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as the command line says."""
    parser = training_parser("prompt", __doc__, "questions", 2000, SIDE)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=16)
    asked = parser.parse_args(arguments)
    sources, run = sources_for(asked), Run(print_progress)
    bank = drawn_before(QuestionBank, asker_of, sources, asked.folder / "questions", asked, run)
    interactions = Interactions(asked.batch, asked.seed)
    settings = LoopSettings(asked.steps, rate=asked.rate, device=asked.device, half=asked.half)
    described = {"questions": asked.count, "size": asked.size, **asdict(interactions)}
    described |= {"sources": {source.name: source.share for source in sources}}
    described |= {"architecture": asdict(SHIPPED) | {"widths": list(SHIPPED.widths)}}
    loss = interaction_loss(bank, interactions)
    weights = train(network_for(asked.seed), loss, settings, described, asked.folder, run)
    write_trained(asked.folder / "model.safetensors", weights, {"training": described | asdict(settings)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
