"""What registered examples and a classifier of voxels would say of a structure, without registering anything.

A registration leaves the masks of examples displaced and bent; a classifier moves that towards what is as bright as the
examples were. Both are made from the mask itself, more or less wrong.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

EXAMPLES = 3
"""So many displaced masks are averaged at most."""

USUAL_ERROR, SPREAD, ERRORS = 0.12, 0.8, (0.02, 0.7)
"""Displacement as a share of the root of the area: its median, the deviation of its logarithm, and its limits."""

_LOST, _ALONE, _UNCLASSIFIED = 0.03, 0.3, 0.3
"""Shares: nothing is expected; a single example expects; no classifier was asked."""

_GRAINS = (3, 4, 6, 9)
"""Knots along a side that a bend has."""

_BINS, _NEIGHBOURHOOD = 16, 21
"""Grey levels whose likelihood is told apart, and the side of the surroundings they are counted in [pixels]."""


def simulated_prior(masks: Tensor, chance: np.random.Generator, noise: torch.Generator) -> Tensor:
    """Return what registered examples expect (b, 1, rows, columns): displaced masks on average.

    Parameters
    ----------
    masks
        (b, 1, side, side): 1 inside and 0 outside, none of them empty.
    chance, noise
        Draw.
    """
    count, side = masks.shape[0], masks.shape[-1]
    extent = masks.sum((1, 2, 3)).sqrt()
    share = torch.exp(torch.randn(count, generator=noise) * SPREAD + np.log(USUAL_ERROR)).clamp(*ERRORS)
    pixels = (share * extent).view(count, 1, 1, 1, 1)
    grain = _GRAINS[int(chance.integers(len(_GRAINS)))]
    together = 0.7 * torch.randn(count, 1, 2, 1, 1, generator=noise) + 0.5 * _fields(count, 1, 4, side, noise)
    own = 0.5 * torch.randn(count, EXAMPLES, 2, 1, 1, generator=noise)
    own = own + 0.6 * _fields(count, EXAMPLES, grain, side, noise)
    deviation = torch.randn(count, EXAMPLES, 1, 1, 1, generator=noise)
    scale = (1 + 0.5 * deviation * share.view(count, 1, 1, 1, 1)).clamp(0.6, 1.6)
    rows, columns = torch.meshgrid(torch.arange(side).float(), torch.arange(side).float(), indexing="ij")
    grid = torch.stack([columns, rows])
    weights = masks / masks.sum((2, 3), keepdim=True)
    middle = torch.stack([(weights * axis).sum((1, 2, 3)) for axis in grid], 1).view(count, 1, 2, 1, 1)
    places = (grid - middle) * scale + middle + (together + own) * pixels
    relative = (places * 2 / (side - 1) - 1).permute(0, 1, 3, 4, 2).reshape(count * EXAMPLES, side, side, 2)
    moved = functional.grid_sample(masks.repeat_interleave(EXAMPLES, 0), relative, align_corners=True)
    weight = torch.rand(count, EXAMPLES, 1, 1, generator=noise) ** 2 + 0.02
    if chance.random() < _ALONE:
        weight[:, 1:] = 0
    prior = (moved.view(count, EXAMPLES, side, side) * weight).sum(1, keepdim=True) / weight.sum(1, keepdim=True)
    is_lost = torch.rand(count, 1, 1, 1, generator=noise) < _LOST
    return torch.where(is_lost, torch.zeros_like(prior), prior)


def simulated_answer(images: Tensor, masks: Tensor, chance: np.random.Generator, noise: torch.Generator) -> Tensor:
    """Return what examples say (b, 1, rows, columns) after a classifier, or sometimes without it.

    Parameters
    ----------
    images
        (b, 1, side, side) from 0 to 1.
    masks, chance, noise
        As for `simulated_prior`.
    """
    prior = simulated_prior(masks, chance, noise)
    soft = _softened(prior, float(np.exp(chance.uniform(np.log(0.7), np.log(4))))).clamp(0.01, 0.95)
    share = 0.9 * torch.rand(len(images), 1, 1, 1, generator=noise)
    told = torch.sigmoid(torch.logit(soft) + share * _likelihood(images, masks, noise).clamp(-3, 3))
    told = torch.where(soft > 0.03, told, torch.zeros_like(told))
    is_unclassified = torch.rand(len(images), 1, 1, 1, generator=noise) < _UNCLASSIFIED
    return torch.where(is_unclassified, prior, told)


def _likelihood(images: Tensor, masks: Tensor, noise: torch.Generator) -> Tensor:
    """Return how much likelier each grey level is inside than around, as a logarithm, known more or less well."""
    levels = (images * (_BINS - 0.01)).long().clamp(0, _BINS - 1)
    shown = functional.one_hot(levels[:, 0], _BINS).permute(0, 3, 1, 2).float()
    near = functional.max_pool2d(masks, _NEIGHBOURHOOD, 1, _NEIGHBOURHOOD // 2)
    inside, around = ((shown * where).sum((2, 3)) + 0.5 for where in (masks, (near - masks).clamp(0)))
    ratio = (inside / inside.sum(1, keepdim=True)).log() - (around / around.sum(1, keepdim=True)).log()
    ratio = ratio + 0.4 * torch.randn(ratio.shape, generator=noise)
    values = torch.gather(ratio, 1, levels.flatten(1)).view_as(images)
    return functional.avg_pool2d(values, 3, 1, 1, count_include_pad=False)


def _fields(count: int, several: int, knots: int, side: int, noise: torch.Generator) -> Tensor:
    """Return smooth displacements (count, several, 2, side, side) with a root mean square of 1."""
    coarse = torch.randn(count * several, 2, knots, knots, generator=noise)
    fields = functional.interpolate(coarse, size=(side, side), mode="bicubic", align_corners=True)
    fields = fields / fields.pow(2).mean((1, 2, 3), keepdim=True).sqrt()
    return fields.view(count, several, 2, side, side)


def _softened(maps: Tensor, deviation: float) -> Tensor:
    """Return maps (b, 1, rows, columns) after a Gaussian filter [pixels]."""
    reach = int(3 * deviation) + 1
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1).float() / deviation) ** 2)
    kernel = kernel / kernel.sum()
    rows = functional.conv2d(maps, kernel.view(1, 1, -1, 1), padding=(reach, 0))
    return functional.conv2d(rows, kernel.view(1, 1, 1, -1), padding=(0, reach))
