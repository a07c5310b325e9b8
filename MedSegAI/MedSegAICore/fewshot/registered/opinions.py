"""One probability from what registration expects and what a voxel or a slice looks like."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit, logit

from .grids import Float32

PRIOR_SHARE = 0.4
"""Weight of the registered prior beside the classifier's probability."""

PAIR = 2
"""Of so many examples, registrations that went wrong in two ways leave a prior that is neither sharp nor right."""

PAIR_SHARE, PAIR_SOFTNESS, PAIR_LIMIT = 0.6, 2.0, 0.02
"""Weight of the prior of a pair, its softening [voxels], and the least that either opinion holds possible."""


def decided(prior: Float32, region: NDArray[np.bool_], classified: Float32, examples: int) -> Float32:
    """Return the probability of every structure (structures, n) where a query is looked at.

    Parameters
    ----------
    prior
        What the registered examples expect (structures, ...).
    region
        Where the query is looked at (...), n voxels.
    classified
        The classifier's probabilities there (n, structures + 1), the background first.
    examples
        How many were registered.
    """
    if examples != PAIR:
        return blended(prior[:, region], classified)
    soft = np.stack([ndimage.gaussian_filter(one, PAIR_SOFTNESS) for one in prior])[:, region]
    together = pooled(classified[:, 1:].T, soft, PAIR_SHARE, PAIR_LIMIT)
    return np.asarray(together / np.maximum(together.sum(axis=0), 1))


def blended(prior: Float32, classified: Float32) -> Float32:
    """Return the probability of every structure (structures, n), from the prior and from the classifier's
    probabilities (n, structures + 1).
    """
    return np.asarray(PRIOR_SHARE * prior + (1 - PRIOR_SHARE) * classified[:, 1:].T)


def pooled(probability: Float32, prior: Float32, share: float, limit: float) -> Float32:
    """Return what two opinions say together: the weighted mean of their log-odds as a probability.

    What one of them holds for all but impossible stays unlikely; neither is taken for surer than `limit` allows.

    Parameters
    ----------
    probability, prior
        The two opinions, of the same shape.
    share
        Weight [0, 1] of the prior.
    limit
        The least probability that counts.
    """
    odds = [logit(np.clip(one, limit, 1 - limit)) for one in (probability, prior)]
    return np.asarray(expit((1 - share) * odds[0] + share * odds[1]), dtype=np.float32)
