"""What prompts say of every pixel without anything learned: how alike it is to what they point at, and connected to it.

A network that was trained on a few kinds of images learns what those look like. That a structure looks like the pixels
that were clicked, and hangs together with them, holds for all kinds: so it is computed, and the network is shown it.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

CUES = 4
"""Pictures that `cue_maps` makes: the image normalised, difference, likelihood, connection."""

_CUT_OFF = (0.01, 0.99)  # quantiles of the image that are its darkest and brightest
_BINS, _FINE_BINS = 32, 256
_REACH = 3.0  # deviations from the mean that the bins cover on either side
_KERNEL = (0.06, 0.24, 0.4, 0.24, 0.06)
_FLOOR = 0.003  # probability mass of a bin that was never seen
_LARGEST_RATIO = 3.0
_LEAST_SPREAD = 0.12
_FAR = 6.0  # more than any difference between two normalised intensities that matters
_ROUNDS = 2


@torch.no_grad()
def cue_maps(channels: Tensor) -> Tensor:
    """Return what prompts say of every pixel (b, CUES, rows, columns) float32.

    Parameters
    ----------
    channels
        (b, 5 or more, rows, columns): image of any scale, and 0..1 for what is in the box, marked inside, marked
        outside, and in the answer before. What was not drawn is 0. Rows and columns are even.
    """
    image, box, positive, negative, previous = (channels.float()[:, at : at + 1] for at in range(5))
    normal = normalised(image)
    soft = functional.avg_pool2d(functional.pad(normal, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    ellipse = _ellipse(box)
    found = previous * (previous > 0.5)
    inside = _share(positive) + 0.5 * _share(ellipse) + 0.5 * _share(found)
    beyond = (1 - box) * (box.amax(dim=(2, 3), keepdim=True) > 0)
    left = (1 - previous) * (previous.amax(dim=(2, 3), keepdim=True) > 0)
    outside = 0.1 * _share(torch.ones_like(soft)) + _share(negative) + _share(beyond) + 0.5 * _share(left)
    inside, outside = _share(inside), _share(outside)
    centre = _median(soft, inside)
    spread = ((soft - centre).abs() * inside).sum(dim=(2, 3), keepdim=True)
    difference = ((soft - centre) / (spread + _LEAST_SPREAD)).clamp(-4, 4) / 2
    seeds = torch.where(positive.amax(dim=(2, 3), keepdim=True) > 0, positive, (ellipse > 0.7).float())
    connected = _connection((soft - centre).abs(), torch.maximum(seeds, found), negative)
    return torch.cat([normal, difference, _likelihood(soft, inside, outside), connected], dim=1)


def normalised(image: Tensor) -> Tensor:
    """Return pictures (b, 1, rows, columns) with mean 0 and deviation 1, without their few darkest and brightest."""
    some = image[:, :, ::2, ::2]  # sorting all would take longer than all else here
    low, high = torch.quantile(some.flatten(1), torch.tensor(_CUT_OFF, device=image.device), dim=1)
    cut = torch.minimum(torch.maximum(image, low[:, None, None, None]), high[:, None, None, None])
    deviation, mean = torch.std_mean(cut, dim=(2, 3), keepdim=True)
    return (cut - mean) / deviation.clamp_min(1e-6)


def _share(weights: Tensor) -> Tensor:
    """Return weights that sum to 1 over each picture, or to 0 where there are none."""
    return weights / weights.sum(dim=(2, 3), keepdim=True).clamp_min(1e-6)


def _ellipse(box: Tensor) -> Tensor:
    """Return 1 in the middle of each box that falls to its sides, 0 outside."""
    falling = torch.zeros_like(box)
    for dim in (2, 3):
        side = box.amax(dim=5 - dim, keepdim=True)
        places = torch.arange(box.shape[dim], device=box.device, dtype=box.dtype)
        places = places.view(1, 1, -1, 1) if dim == 2 else places.view(1, 1, 1, -1)
        length = side.sum(dim=dim, keepdim=True).clamp_min(1)
        middle = (side * places).sum(dim=dim, keepdim=True) / length
        falling = falling + ((places - middle) / (length / 2)).square()
    return torch.exp(-1.5 * falling) * (box > 0.5)


def _likelihood(soft: Tensor, inside: Tensor, outside: Tensor) -> Tensor:
    """Return how much likelier an intensity is inside than outside, as a share of the largest log ratio."""
    kernel = torch.tensor(_KERNEL, device=soft.device).view(1, 1, -1)
    smooth = [
        functional.conv1d(_histogram(soft, weights, _BINS)[:, None], kernel, padding=len(_KERNEL) // 2)[:, 0] + _FLOOR
        for weights in (inside, outside)
    ]
    ratio = (smooth[0].log() - smooth[1].log()).clamp(-_LARGEST_RATIO, _LARGEST_RATIO) / _LARGEST_RATIO
    return ratio.gather(1, _places(soft, _BINS)).view_as(soft)


def _median(soft: Tensor, weights: Tensor) -> Tensor:
    """Return the intensity (b, 1, 1, 1) that half of the weight lies below."""
    below = _histogram(soft, weights, _FINE_BINS).cumsum(dim=1)
    place = (below < 0.5 * below[:, -1:]).sum(dim=1) + 0.5
    return (place * (2 * _REACH / _FINE_BINS) - _REACH).view(-1, 1, 1, 1)


def _histogram(soft: Tensor, weights: Tensor, bins: int) -> Tensor:
    """Return how much weight each intensity has (b, bins)."""
    counts = torch.zeros(len(soft), bins, device=soft.device)
    return counts.scatter_add_(1, _places(soft, bins), weights.flatten(1))


def _places(soft: Tensor, bins: int) -> Tensor:
    """Return the bin of each pixel (b, pixels)."""
    return ((soft + _REACH) * (bins / (2 * _REACH))).long().clamp(0, bins - 1).flatten(1)


def _connection(difference: Tensor, seeds: Tensor, negative: Tensor) -> Tensor:
    """Return how well each pixel hangs together with the seeds: 1 there, less behind what differs from them.

    The path to the seeds whose largest difference is smallest counts, found by sweeps to all four sides on pixels of
    twice the size.
    """
    cost = functional.avg_pool2d(difference, 2)
    cost = torch.where(functional.max_pool2d(negative, 2) > 0.5, _FAR, cost)[:, 0]
    reached = torch.where(functional.max_pool2d(seeds, 2)[:, 0] > 0.5, cost, _FAR)
    for _ in range(_ROUNDS):
        for axis in (1, 2):
            lines, costs = list(reached.unbind(axis)), cost.unbind(axis)
            for order in (range(1, len(lines)), range(len(lines) - 2, -1, -1)):
                before = order.start - order.step
                for at in order:
                    lines[at] = torch.minimum(lines[at], torch.maximum(lines[before], costs[at]))
                    before = at
            reached = torch.stack(lines, dim=axis)
    return functional.interpolate(torch.exp(-2 * reached)[:, None], scale_factor=2, mode="bilinear")
