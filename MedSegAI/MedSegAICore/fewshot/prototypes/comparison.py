"""How likely a structure is at each feature of a slice, by comparison with slices of examples: three ways, averaged."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from .anomaly import anomaly_score, foreground_probability
from .local_prototypes import (
    VALIDATION_WINDOW,
    global_prototype,
    local_scores,
    window_and_global_prototypes,
    window_prototypes,
)
from .pooling import masked_mean
from .shots import Seen
from .transduction import Pixels, fit_head, pixels_at

MOST_WINDOWS = 16
"""The background of an example is cut into no more windows along a side: as many as the paper's features have."""

MOST_PLACES = 6000
"""A head is fitted to about so many features of the examples, and as many of the query."""

LARGEST_TABLE = 4_000_000
"""Cosines that are kept at once."""

SURE_SIZE = 1e-3
"""A size prior is no nearer to nothing or everything than this."""

Check = Callable[[], None]


def compared(query: Tensor, region: Tensor, expected: float, seen: Sequence[Seen], check: Check) -> Tensor:
    """Return the probability (h, w) of a structure; 0 outside the region.

    Parameters
    ----------
    query
        Features (channels, h, w) of the query.
    region
        Where the structure may be: bool (h, w), somewhere true.
    expected
        Share of the region that it is expected to cover.
    seen
        The examples, at least one.
    check
        Called between the steps; may raise to stop.
    """
    ways = [
        by_local_prototypes(query, seen, check),
        by_one_prototype(query, seen),
        by_fitted_head(query, region, expected, seen, check),
    ]
    return torch.where(region, torch.stack(ways).mean(dim=0), 0.0)


def by_local_prototypes(query: Tensor, seen: Sequence[Seen], check: Check) -> Tensor:
    """Return the probability (h, w) by the prototypes of small windows and of whole masks (ALPNet)."""
    structure = [window_and_global_prototypes(one.features[None], one.covered[None], VALIDATION_WINDOW) for one in seen]
    outside = [window_prototypes(one.features[None], 1 - one.covered[None], _background_window(one)) for one in seen]
    foreground, background = torch.cat(structure), torch.cat(outside)
    if len(background) == 0:
        whole = [global_prototype(one.features[None], 1 - one.covered[None]) for one in seen]
        background = functional.normalize(torch.stack(whole), dim=1)
    rows = max(1, LARGEST_TABLE // (query.shape[2] * max(len(foreground), len(background))))
    parts = []
    for part in torch.split(query, rows, dim=1):
        check()
        scores = [local_scores(part[None], prototypes)[0] for prototypes in (background, foreground)]
        parts.append(torch.stack(scores).softmax(dim=0)[1])
    return torch.cat(parts)


def by_one_prototype(query: Tensor, seen: Sequence[Seen]) -> Tensor:
    """Return the probability (h, w) by likeness to the mean feature of the structure (ADNet).

    Where ADNet learns the threshold in training, this is half way between the mean scores of structure and
    background on the examples.
    """
    prototype = torch.stack([masked_mean(one.features[None], one.covered[None])[0] for one in seen]).mean(dim=0)
    inside, outside = [], []
    for one in seen:
        score = anomaly_score(one.features[None], prototype)[0]
        inside.append((score * one.covered).sum() / one.covered.sum().clamp_min(1e-6))
        outside.append((score * (1 - one.covered)).sum() / (1 - one.covered).sum().clamp_min(1e-6))
    threshold = (torch.stack(inside).mean() + torch.stack(outside).mean()) / 2
    return foreground_probability(anomaly_score(query[None], prototype), threshold)[0]


def by_fitted_head(query: Tensor, region: Tensor, expected: float, seen: Sequence[Seen], check: Check) -> Tensor:
    """Return the probability (h, w) by a head that is fitted to the examples and to the query (RePRI)."""
    support, covered = (
        torch.cat([_listed(one.features) for one in seen]),
        torch.cat([one.covered.flatten() for one in seen]),
    )
    of_query = _thinned(pixels_at(query[None], region[None]))
    support, covered = _thinned(support), _thinned(covered)
    share = min(max(expected, SURE_SIZE), 1 - SURE_SIZE)
    pixels = Pixels(support, covered, of_query, of_query.mean(dim=0), len(seen))
    head = fit_head(pixels, support.new_tensor([1 - share, share]), check=check).head
    return head.probability(_listed(query)).reshape(query.shape[1:])


def _background_window(seen: Seen) -> tuple[int, int]:
    rows, columns = (
        max(size, -(-length // MOST_WINDOWS))
        for size, length in zip(VALIDATION_WINDOW, seen.covered.shape, strict=True)
    )
    return rows, columns


def _thinned(values: Tensor) -> Tensor:
    """Return about `MOST_PLACES` of the values (n, ...), evenly spread, and always the same ones."""
    return values[:: max(1, round(len(values) / MOST_PLACES))]


def _listed(features: Tensor) -> Tensor:
    """Return features (channels, h, w) as (h * w, channels) of length 1."""
    return functional.normalize(features.flatten(1), dim=0).T
