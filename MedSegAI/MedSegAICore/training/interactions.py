"""What a prompt network learns from in a step: pictures that are prompted, answered and corrected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from .chance import step_generator
from .example import BoolArray, Example, ExampleSource, Float32, is_usable
from .simulated_prompts import PromptMaps, first_prompts, next_prompts

ROUNDS = (0.4, 0.25, 0.15, 0.1, 0.05, 0.05)
"""How often a step has 1, 2, ... interactions."""

CLOSE = 0.5
"""Share of the examples that are looked at closely."""

AROUND = (1.2, 3.0)
"""How much longer than its structure a close picture is, at least and at most."""

FEWEST_PIXELS = 20
"""A close picture is made of at least as many pixels along a side."""

UNCHANGED = 0.15
"""Share of the later interactions in which the network sees its own answer again, without another prompt."""


@dataclass(frozen=True)
class Interactions:
    """How examples are drawn and prompted.

    Parameters
    ----------
    size
        Side of the pictures [pixels].
    batch
        Examples in a step.
    seed
        Of all that is drawn.
    graded
        So many interactions at the end of a step are learned from; those before only lead there.
    """

    size: int = 96
    batch: int = 16
    seed: int = 1
    graded: int = 2


Loss = Callable[[nn.Module, int], Tensor]


def interaction_loss(source: ExampleSource, interactions: Interactions) -> Loss:
    """Return the loss of a step, whose chance comes from the seed and its number alone."""

    def loss(network: nn.Module, step: int) -> Tensor:
        device = next(network.parameters()).device
        chance = step_generator(interactions.seed, step)
        examples = [drawn(source, interactions.size, chance) for _ in range(interactions.batch)]
        rounds = 1 + int(chance.choice(len(ROUNDS), p=ROUNDS))
        masks = torch.from_numpy(np.stack([one.mask for one in examples])[:, None].astype(np.float32)).to(device)
        maps = [first_prompts(one.mask, chance) for one in examples]
        previous = torch.zeros_like(masks)
        total = torch.zeros((), device=device)
        for number in range(rounds):
            is_graded = number >= rounds - interactions.graded
            with torch.set_grad_enabled(is_graded and torch.is_grad_enabled()):
                logits = network(network_channels(examples, maps, previous)).float()
            if is_graded:
                total = total + segmentation_loss(logits, masks)
            previous = logits.detach().sigmoid()
            if number + 1 < rounds:
                maps = corrected(maps, examples, previous, chance)
        return total / min(rounds, interactions.graded)

    return loss


def drawn(source: ExampleSource, size: int, chance: np.random.Generator) -> Example:
    """Return an example: often what lies around the structure alone, turned by right angles and mirrored by chance."""
    example = source.draw(size, chance)
    if chance.random() < CLOSE:
        example = seen_closely(example, chance)
    turns, is_mirrored = int(chance.integers(4)), bool(chance.random() < 0.5)
    image, mask = (np.rot90(picture, turns) for picture in (example.image, example.mask))
    if is_mirrored:
        image, mask = image[:, ::-1], mask[:, ::-1]
    return Example(np.ascontiguousarray(image), np.ascontiguousarray(mask))


def seen_closely(example: Example, chance: np.random.Generator) -> Example:
    """Return a square around the structure, enlarged to the size of the example, as the network is shown it later.

    The example itself where its structure fills it already.
    """
    size, places = example.mask.shape[0], np.argwhere(example.mask)
    low, high = places.min(axis=0), places.max(axis=0)
    wanted = float((high - low + 1).max()) * np.exp(chance.uniform(*np.log(AROUND)))
    side = round(max(wanted, FEWEST_PIXELS))
    if side >= size:
        return example
    middle = (low + high + 1) / 2 + chance.uniform(-0.1, 0.1, 2) * side
    row, column = np.clip(np.rint(middle - side / 2), 0, size - side).astype(int).tolist()
    image, mask = (
        enlarged(picture[row : row + side, column : column + side], size) for picture in (example.image, example.mask)
    )
    close = Example(image, mask > 0.5)
    return close if is_usable(close.mask) else example


def enlarged(picture: NDArray[Any], size: int) -> Float32:
    """Return a square picture with `size` pixels along a side, interpolated."""
    values = torch.from_numpy(picture.astype(np.float32))[None, None]
    large: Float32 = functional.interpolate(values, (size, size), mode="bilinear")[0, 0].numpy()
    return large


def network_channels(examples: Sequence[Example], maps: Sequence[PromptMaps], previous: Tensor) -> Tensor:
    """Return the input (b, 5, size, size) of the network; `previous` (b, 1, size, size) is its answer before."""
    told = [
        np.stack([one.image, said.box, said.positive, said.negative]) for one, said in zip(examples, maps, strict=True)
    ]
    return torch.cat([torch.from_numpy(np.stack(told)).to(previous), previous], dim=1)


def corrected(
    maps: Sequence[PromptMaps], examples: Sequence[Example], previous: Tensor, chance: np.random.Generator
) -> list[PromptMaps]:
    """Return the prompts of every example with what a person adds who sees the answer, or none now and then."""
    predicted: BoolArray = (previous[:, 0] > 0.5).cpu().numpy()
    return [
        said if chance.random() < UNCHANGED else next_prompts(said, one.mask, answer, chance)
        for said, one, answer in zip(maps, examples, predicted, strict=True)
    ]


def segmentation_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Return cross entropy plus soft Dice of logits and masks (b, 1, rows, columns)."""
    entropy = functional.binary_cross_entropy_with_logits(logits, masks)
    probability = logits.sigmoid()
    common = (probability * masks).sum(dim=(1, 2, 3))
    both = probability.sum(dim=(1, 2, 3)) + masks.sum(dim=(1, 2, 3))
    return entropy + (1 - (2 * common + 1) / (both + 1)).mean()
