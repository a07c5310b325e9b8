"""How likely a structure is at each feature of a slice, by comparison with slices of examples: several ways."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
from .masked_average import Prototypes, class_scores, prototypes_of
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

Way = Callable[["Question"], Tensor]
"""Says how likely a structure is at each feature: (h, w)."""


@dataclass(frozen=True, eq=False)
class Question:
    """What is compared.

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

    query: Tensor
    region: Tensor
    expected: float
    seen: Sequence[Seen]
    check: Check


def compared(question: Question, ways: Sequence[Way]) -> Tensor:
    """Return the probability (h, w) of a structure, averaged over ways to compare; 0 outside the region."""
    found = [way(question) for way in ways]
    return torch.where(question.region, torch.stack(found).mean(dim=0), 0.0)


def by_masked_average(question: Question) -> Tensor:
    """Return the probability (h, w) by likeness to the mean features of the structure and of the background (PANet)."""
    prototypes = [prototypes_of(one.features[None], one.covered[None]) for one in question.seen]
    background, foreground = (
        torch.stack(means).mean(dim=0)
        for means in ([one.background for one in prototypes], [one.foreground for one in prototypes])
    )
    return class_scores(question.query[None], Prototypes(background, foreground)).softmax(dim=1)[0, 1]


def by_local_prototypes(question: Question) -> Tensor:
    """Return the probability (h, w) by the prototypes of small windows and of whole masks (ALPNet)."""
    query, seen = question.query, question.seen
    structure = [window_and_global_prototypes(one.features[None], one.covered[None], VALIDATION_WINDOW) for one in seen]
    outside = [window_prototypes(one.features[None], 1 - one.covered[None], _background_window(one)) for one in seen]
    foreground, background = torch.cat(structure), torch.cat(outside)
    if len(background) == 0:
        whole = [global_prototype(one.features[None], 1 - one.covered[None]) for one in seen]
        background = functional.normalize(torch.stack(whole), dim=1)
    rows = max(1, LARGEST_TABLE // (query.shape[2] * max(len(foreground), len(background))))
    parts = []
    for part in torch.split(query, rows, dim=1):
        question.check()
        scores = [local_scores(part[None], prototypes)[0] for prototypes in (background, foreground)]
        parts.append(torch.stack(scores).softmax(dim=0)[1])
    return torch.cat(parts)


def by_one_prototype(question: Question) -> Tensor:
    """Return the probability (h, w) by likeness to the mean feature of the structure (ADNet).

    Where ADNet learns the threshold in training, this is half way between the mean scores of structure and
    background on the examples.
    """
    query, seen = question.query, question.seen
    prototype = torch.stack([masked_mean(one.features[None], one.covered[None])[0] for one in seen]).mean(dim=0)
    inside, outside = [], []
    for one in seen:
        score = anomaly_score(one.features[None], prototype)[0]
        inside.append((score * one.covered).sum() / one.covered.sum().clamp_min(1e-6))
        outside.append((score * (1 - one.covered)).sum() / (1 - one.covered).sum().clamp_min(1e-6))
    threshold = (torch.stack(inside).mean() + torch.stack(outside).mean()) / 2
    return foreground_probability(anomaly_score(query[None], prototype), threshold)[0]


def by_fitted_head(question: Question) -> Tensor:
    """Return the probability (h, w) by a head that is fitted to the examples and to the query (RePRI)."""
    query, seen = question.query, question.seen
    support, covered = (
        torch.cat([_listed(one.features) for one in seen]),
        torch.cat([one.covered.flatten() for one in seen]),
    )
    of_query = _thinned(pixels_at(query[None], question.region[None]))
    support, covered = _thinned(support), _thinned(covered)
    share = min(max(question.expected, SURE_SIZE), 1 - SURE_SIZE)
    pixels = Pixels(support, covered, of_query, of_query.mean(dim=0), len(seen))
    head = fit_head(pixels, support.new_tensor([1 - share, share]), check=question.check).head
    return head.probability(_listed(query)).reshape(query.shape[1:])


TOGETHER: tuple[Way, ...] = (by_local_prototypes, by_one_prototype, by_fitted_head)
"""What is usually asked: three ways that err differently."""


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
