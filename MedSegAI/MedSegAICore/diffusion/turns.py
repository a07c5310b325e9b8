"""Eight ways to lay a square picture: turned by right angles, and mirrored.

A network that saw its examples in all of them says a little something else in each. Of samples that look in different
ways the consensus is better, and the samples differ more as experts do: what is sure of the picture stays, what is the
network's own habit does not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

WAYS = 8


def ways_of(seed: int, samples: int) -> list[int]:
    """Return how each sample looks at the picture; every eight of them look in all ways, in an order from the seed."""
    order = np.random.default_rng([seed, WAYS]).permutation(WAYS)
    return [int(order[sample % WAYS]) for sample in range(samples)]


def turned(pictures: Tensor, ways: Sequence[int]) -> Tensor:
    """Return every picture (b, channels, side, side) laid its own way."""
    return torch.stack([_turned(picture, way) for picture, way in zip(pictures, ways, strict=True)])


def turned_back(pictures: Tensor, ways: Sequence[int]) -> Tensor:
    """Return pictures (b, channels, side, side) that lay their own ways as they were before."""
    return torch.stack([_turned_back(picture, way) for picture, way in zip(pictures, ways, strict=True)])


def _turned(picture: Tensor, way: int) -> Tensor:
    laid = torch.rot90(picture, way % 4, (-2, -1))
    return laid.flip(-1) if way >= WAYS // 2 else laid


def _turned_back(picture: Tensor, way: int) -> Tensor:
    upright = picture.flip(-1) if way >= WAYS // 2 else picture
    return torch.rot90(upright, -(way % 4), (-2, -1))
