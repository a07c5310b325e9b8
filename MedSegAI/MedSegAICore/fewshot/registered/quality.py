"""How good an answer is likely to be, without knowing the truth."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ...engine.run import Run
from .alignment import align
from .grids import Float32
from .prior import gather_priors
from .query import RegisteredQuery, winners
from .scan import Scan
from .support_model import SupportModel


def reverse_dice(model: SupportModel, registered: RegisteredQuery, answer: Float32, run: Run) -> dict[str, float]:
    """Return for every structure how well the answer leads back to the first example.

    The query serves as the example and the example as the query: where the answer was wrong, its registered masks
    miss the example's own (reverse classification accuracy; Valindria et al., IEEE TMI 2017). Only registration is
    used on the way back, so the figure is lower than that of a good answer rather than higher.

    Parameters
    ----------
    model
        Of one or more examples.
    registered, answer
        The query, and the probability (structures, ...) of every structure on its box.
    run
        Progress and cancel.
    """
    run.step(0.0, "estimating the quality")
    drawn = sitk.GetImageFromArray(winners(answer).astype(np.uint8))
    drawn.CopyInformation(registered.fine)
    if not sitk.GetArrayViewFromImage(drawn).any():
        return dict.fromkeys(model.labels, 0.0)
    example = model.scans[0]
    query = Scan(registered.coarse, registered.fine, drawn)
    alignment = align(example.coarse, example.coarse, query, model.spacing, run)
    prior = gather_priors(example.fine, [query], [alignment], len(model.labels), run).weighted
    scores = label_dice(winners(prior), sitk.GetArrayViewFromImage(example.labels), len(model.labels))
    return dict(zip(model.labels, scores, strict=True))


def label_dice(answer: NDArray[np.integer], truth: NDArray[np.integer], labels: int) -> list[float]:
    """Return the Dice of the labels from 1 to `labels` of two label maps; 0 where both have none.

    An example shows every structure: one that its label map lacks was lost on the grid, which is no success.
    """
    scores = []
    for label in range(1, labels + 1):
        one, other = answer == label, truth == label
        total = int(one.sum()) + int(other.sum())
        scores.append(2 * int((one & other).sum()) / max(total, 1))
    return scores
