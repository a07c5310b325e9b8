"""A linear head that is fitted to the examples and to the query at once.

Source: Boudiaf et al., Few-Shot Segmentation Without Meta-Learning: A Good Transductive Inference Is All You Need?,
CVPR 2021 (RePRI).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

TEMPERATURE = 20.0
RATE = 0.025
STEPS = 49
"""The published 50 iterations count the start as the first."""

PRIOR_RENEWED_AFTER = 9
"""Steps after which the query's size is estimated again, and counts more."""

FLOOR = 1e-10


@dataclass(frozen=True, eq=False)
class LinearHead:
    """What tells structure from background: `sigmoid(20 * cosine(feature, prototype) - bias)`.

    Parameters
    ----------
    prototype
        (channels,).
    bias
        Scalar.
    """

    prototype: Tensor
    bias: Tensor

    def probability(self, features: Tensor) -> Tensor:
        """Return the probability (n,) of the structure at features (n, channels) of length 1."""
        return torch.sigmoid(self.logits(features) - self.bias)

    def logits(self, features: Tensor) -> Tensor:
        """Return the scaled cosines (n,); linear in the features, so that of their mean is their mean."""
        return TEMPERATURE * (features @ functional.normalize(self.prototype, dim=0))


@dataclass(frozen=True, eq=False)
class Pixels:
    """The features that a head is fitted to.

    Parameters
    ----------
    support
        (n, channels), of length 1, of all examples together.
    support_inside
        (n,) 1 in the structure, 0 outside, or the share of a feature that the structure covers.
    query
        (m, channels), of length 1.
    query_mean
        (channels,) mean feature of the whole query, also of what is left out of `query`; the bias starts from it.
    shots
        Number of examples.
    """

    support: Tensor
    support_inside: Tensor
    query: Tensor
    query_mean: Tensor
    shots: int


@dataclass(frozen=True, eq=False)
class LossTerms:
    """Cross entropy on the examples, and on the query the divergence of its size and the entropy."""

    cross_entropy: Tensor
    divergence: Tensor
    entropy: Tensor


@dataclass(frozen=True, eq=False)
class Fitted:
    """A head after some steps, and the shares of background and structure (2,) that it was held to."""

    head: LinearHead
    size_prior: Tensor


def pixels_at(features: Tensor, where: Tensor) -> Tensor:
    """Return the features (n, channels), of length 1, of maps (shots, channels, h, w) where (shots, h, w) is true."""
    return functional.normalize(features, dim=1).permute(0, 2, 3, 1)[where]


def first_head(pixels: Pixels) -> LinearHead:
    """Return the head at the start: the mean feature of the structure, and the query's mean logit as the bias."""
    total = pixels.support_inside @ pixels.support
    head = LinearHead(total / (pixels.support_inside.sum() + FLOOR), pixels.support.new_zeros(()))
    return replace(head, bias=head.logits(pixels.query_mean))


def size_of(head: LinearHead, query: Tensor) -> Tensor:
    """Return the shares [background, structure] (2,) of a query's features (m, channels)."""
    inside = head.probability(query).mean()
    return torch.stack([1 - inside, inside])


def loss_terms(head: LinearHead, pixels: Pixels, size_prior: Tensor) -> LossTerms:
    """Return the three parts of the loss."""
    inside = pixels.support_inside
    support, query = _two_classes(head.probability(pixels.support)), _two_classes(head.probability(pixels.query))
    marginal = query.mean(dim=0)
    targets = torch.stack([1 - inside, inside], dim=1)
    return LossTerms(
        -(targets * (support + FLOOR).log()).sum(dim=1).mean(),
        (marginal * ((marginal + FLOOR) / (size_prior + FLOOR)).log()).sum(),
        -(query * (query + FLOOR).log()).sum(dim=1).mean(),
    )


def fit_head(
    pixels: Pixels,
    size_prior: Tensor | None = None,
    steps: int = STEPS,
    check: Callable[[], None] = lambda: None,
) -> Fitted:
    """Return the head after gradient descent.

    Parameters
    ----------
    pixels
        What it is fitted to.
    size_prior
        Shares [background, structure] (2,) that are known of the query; None estimates them from the head
        itself, at the start and once more.
    steps
        Of gradient descent.
    check
        Called before each step; may raise to stop.
    """
    head = first_head(pixels)
    known = size_of(head, pixels.query) if size_prior is None else size_prior
    others = 1 / pixels.shots
    of_size = others
    for step in range(1, steps + 1):
        check()
        head = _descended(head, pixels, known, (1.0, of_size, others))
        if step == PRIOR_RENEWED_AFTER:
            known = size_of(head, pixels.query) if size_prior is None else known
            of_size += 1
    return Fitted(head, known)


def _descended(head: LinearHead, pixels: Pixels, size_prior: Tensor, weights: tuple[float, float, float]) -> LinearHead:
    """Return the head after one step."""
    with torch.enable_grad():
        prototype, bias = (part.detach().requires_grad_() for part in (head.prototype, head.bias))
        terms = loss_terms(LinearHead(prototype, bias), pixels, size_prior)
        parts = terms.cross_entropy, terms.divergence, terms.entropy
        loss = torch.stack([weight * part for weight, part in zip(weights, parts, strict=True)]).sum()
        slopes = torch.autograd.grad(loss, (prototype, bias))
    return LinearHead(*(part.detach() - RATE * slope for part, slope in zip((prototype, bias), slopes, strict=True)))


def _two_classes(inside: Tensor) -> Tensor:
    return torch.stack([1 - inside, inside], dim=1)
