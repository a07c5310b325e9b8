"""What an in-context network learns from in a step: tasks, one member asked about, the others its examples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from .bank_files import MixedBank
from .chance import step_generator, torch_generator
from .context_tasks import MEMBERS
from .interactions import segmentation_loss
from .simulated_answers import simulated_answer
from .task_bank import TaskBank

MOST_SUPPORTS = MEMBERS - 1
"""A step has 1 to so many examples, each number equally often."""


@dataclass(frozen=True)
class ContextSteps:
    """How tasks are drawn.

    Parameters
    ----------
    batch
        Tasks in a step.
    seed
        Of all that is drawn.
    """

    batch: int = 6
    seed: int = 1


def context_loss(tasks: MixedBank[TaskBank], steps: ContextSteps) -> Callable[[nn.Module, int], Tensor]:
    """Return the loss of a step, whose chance comes from the seed and its number alone."""

    def loss(network: nn.Module, step: int) -> Tensor:
        device = next(network.parameters()).device
        chance, noise = step_generator(steps.seed, step), torch_generator(steps.seed, step)
        members = 2 + int(chance.integers(MOST_SUPPORTS))
        drawn = [tasks.chosen(chance).draw(members, chance) for _ in range(steps.batch)]
        images = torch.from_numpy(np.stack([task.images for task in drawn]))
        masks = torch.from_numpy(np.stack([task.masks for task in drawn]).astype(np.float32))
        expected = simulated_answer(images[:, :1], masks[:, :1], chance, noise)
        target = torch.cat([images[:, :1], expected], dim=1).to(device)
        supports = torch.stack([images[:, 1:], masks[:, 1:]], dim=2).to(device)
        return segmentation_loss(network(target, supports).float(), masks[:, :1].to(device))

    return loss
