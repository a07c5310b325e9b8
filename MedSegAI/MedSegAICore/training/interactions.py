"""What a prompt network learns from in a step: pictures that are prompted, answered and corrected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..prompt.prompt_maps import PromptMaps
from .bank_files import MixedBank
from .chance import step_generator
from .question_bank import QuestionBank
from .simulated_prompts import next_prompts

ROUNDS = (0.4, 0.25, 0.15, 0.1, 0.05, 0.05)
"""How often a step has 1, 2, ... interactions."""

UNCHANGED = 0.15
"""Share of the later interactions in which the network sees its own answer again, without another prompt."""


@dataclass(frozen=True)
class Interactions:
    """How questions are drawn and corrected.

    Parameters
    ----------
    batch
        Questions in a step.
    seed
        Of all that is drawn.
    graded
        So many interactions at the end of a step are learned from; those before only lead there.
    """

    batch: int = 16
    seed: int = 1
    graded: int = 2


Loss = Callable[[nn.Module, int], Tensor]


def interaction_loss(bank: MixedBank[QuestionBank], interactions: Interactions) -> Loss:
    """Return the loss of a step, whose chance comes from the seed and its number alone."""

    def loss(network: nn.Module, step: int) -> Tensor:
        device = next(network.parameters()).device
        chance = step_generator(interactions.seed, step)
        questions = [bank.chosen(chance).draw(chance) for _ in range(interactions.batch)]
        rounds = 1 + int(chance.choice(len(ROUNDS), p=ROUNDS))
        channels = torch.from_numpy(np.stack([one.channels for one in questions])).to(device)
        masks = torch.from_numpy(np.stack([one.mask for one in questions])[:, None].astype(np.float32)).to(device)
        total = torch.zeros((), device=device)
        for number in range(rounds):
            is_graded = number >= rounds - interactions.graded
            with torch.set_grad_enabled(is_graded and torch.is_grad_enabled()):
                logits = network(channels).float()
            if is_graded:
                total = total + segmentation_loss(logits, masks)
            if number + 1 < rounds:
                channels = corrected(channels, masks, logits.detach().sigmoid(), chance)
        return total / min(rounds, interactions.graded)

    return loss


def corrected(channels: Tensor, masks: Tensor, previous: Tensor, chance: np.random.Generator) -> Tensor:
    """Return the channels after an answer, with what a person adds who sees it, or nothing new now and then.

    The guess stays that of the first prompts.

    Parameters
    ----------
    channels
        (b, 6, rows, columns) that were answered.
    masks
        (b, 1, rows, columns) what is wanted, 0 or 1.
    previous
        (b, 1, rows, columns) the answer, as probability.
    chance
        Draws.
    """
    said = channels[:, 1:4].cpu().numpy()
    wanted, found = ((part[:, 0] > 0.5).cpu().numpy() for part in (masks, previous))
    for number, maps in enumerate(said):
        if chance.random() >= UNCHANGED:
            after = next_prompts(PromptMaps(*maps), wanted[number], found[number], chance)
            said[number] = np.stack([after.box, after.positive, after.negative])
    prompts = torch.from_numpy(said).to(channels)
    return torch.cat([channels[:, :1], prompts, previous.to(channels), channels[:, 5:]], dim=1)


def segmentation_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Return cross entropy plus soft Dice of logits and masks (b, 1, rows, columns)."""
    entropy = functional.binary_cross_entropy_with_logits(logits, masks)
    probability = logits.sigmoid()
    common = (probability * masks).sum(dim=(1, 2, 3))
    both = probability.sum(dim=(1, 2, 3)) + masks.sum(dim=(1, 2, 3))
    return entropy + (1 - (2 * common + 1) / (both + 1)).mean()
