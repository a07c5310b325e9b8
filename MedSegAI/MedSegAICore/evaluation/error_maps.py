"""Where a segmentation is wrong, as something to look at."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidRequest
from ..geometry import VolumeGeometry
from ..segmentation_file import NamedMask, write_segmentation
from ..volume import VolumePatch, nonzero_bounds
from .report.evaluation import Evaluation
from .work import CaseRecord

Mask = NDArray[np.bool_]

CORRECT, FALSE_POSITIVE, FALSE_NEGATIVE = 1, 2, 3
KINDS = (
    (CORRECT, "Correct", (0.0, 0.62, 0.45)),
    (FALSE_POSITIVE, "False positive", (0.90, 0.62, 0.0)),
    (FALSE_NEGATIVE, "False negative", (0.0, 0.45, 0.70)),
)
"""Value, name and colour of each kind of voxel; colour-blind readers tell them apart (Okabe and Ito 2008)."""


def error_map(prediction: Mask, truth: Mask) -> NDArray[np.uint8]:
    """Return for every voxel (k, j, i) whether it is correct, false positive or false negative; 0 elsewhere."""
    labels = np.zeros(truth.shape, np.uint8)
    labels[prediction & truth] = CORRECT
    labels[prediction & ~truth] = FALSE_POSITIVE
    labels[truth & ~prediction] = FALSE_NEGATIVE
    return labels


def combined_error_map(pairs: Iterable[tuple[Mask, Mask]]) -> NDArray[np.uint8]:
    """Return one error map (k, j, i) for the predictions and truths of several structures of one image.

    A voxel that is wrong for one structure is shown as wrong; one that was given to another structure than its own is
    false positive.

    Raises
    ------
    InvalidRequest
        There is no structure.
    """
    shown: NDArray[np.uint8] | None = None
    for prediction, truth in pairs:
        shown = np.zeros(truth.shape, np.uint8) if shown is None else shown
        bounds = nonzero_bounds(prediction | truth)
        if bounds is None:
            continue
        labels, part = error_map(prediction[bounds], truth[bounds]), shown[bounds]
        part[(labels == CORRECT) & (part == 0)] = CORRECT
        part[(labels == FALSE_NEGATIVE) & (part != FALSE_POSITIVE)] = FALSE_NEGATIVE
        part[labels == FALSE_POSITIVE] = FALSE_POSITIVE
    if shown is None:
        message = "There is no structure to show errors of."
        raise InvalidRequest(message, "Compare label maps that hold at least one structure.")
    return shown


def write_error_map(path: Path, prediction: Mask, truth: Mask, geometry: VolumeGeometry) -> None:
    """Write a segmentation file whose three segments are what is correct, false positive and false negative."""
    labels = error_map(prediction, truth)
    segments = [
        NamedMask(name, VolumePatch.whole(labels == value, geometry).tight(), color) for value, name, color in KINDS
    ]
    write_segmentation(path, segments)


def worst_first(evaluation: Evaluation) -> tuple[CaseRecord, ...]:
    """Return the records by their first quantity, the worst first, and by name where that is equal."""
    quantity = evaluation.quantities[0]

    def badness(record: CaseRecord) -> float:
        value = record.values[quantity.name]
        return abs(value) if quantity.higher_is_better is None else -value if quantity.higher_is_better else value

    return tuple(sorted(evaluation.records, key=lambda record: (-badness(record), record.item, record.method)))
