"""Bodies that somebody has: slices of label maps without images, to be shown in contrasts by chance.

After SynthSeg (Billot et al., Medical Image Analysis 2023), which learned from such pictures alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...evaluation.datasets.dataset import load_dataset
from ...images import read_image
from ...volume import nonzero_bounds
from ..training_sets import LABEL_MAP_SETS, Group, check_training_set, training_subjects
from .canvas import LARGEST_LABEL, Template

_FEWEST_LABELS = 2
"""Slices show at least so many labels."""

_MARGIN = 0.08
"""Background around a body, as a share of its longer side."""


def read_templates(groups: Sequence[Group], data_folder: Path, slices: int = 15) -> tuple[Template, ...]:
    """Return slices of the label maps of some groups.

    Parameters
    ----------
    groups
        Kinds of images.
    data_folder
        Folder that holds the sets' folders.
    slices
        How many of each label map, over its three directions.

    Raises
    ------
    InvalidDataset
        A set is missing or may not be trained on.
    """
    templates: list[Template] = []
    for name in (name for group in groups for name in LABEL_MAP_SETS[group]):
        dataset = load_dataset(name, data_folder)
        check_training_set(dataset)
        for case in dataset.only(training_subjects(dataset)).cases:
            templates.extend(templates_of(read_image(case.source.files[0]).array, slices))
    return tuple(templates)


def templates_of(label_map: NDArray[np.generic], slices: int) -> Iterator[Template]:
    """Yield slices of a label map (k, j, i), spread over the middle of what is not background."""
    bounds = nonzero_bounds(label_map)
    if bounds is None:
        return
    body = label_map[bounds]
    for number in range(slices):
        axis, turn = number % 3, number // 3
        share = 0.2 + 0.6 * (turn + 0.5) / -(-slices // 3)
        labels = _in_square(np.take(body, int(share * body.shape[axis]), axis))
        values, dense = np.unique(labels, return_inverse=True)  # the background, 0, comes first
        if _FEWEST_LABELS < len(values) <= LARGEST_LABEL:
            yield Template(dense.reshape(labels.shape).astype(np.uint8), (0,) * len(values))


def _in_square(labels: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return labels in the middle of a square with background around them."""
    side = round(max(labels.shape) * (1 + 2 * _MARGIN))
    square = np.zeros((side, side), labels.dtype)
    row, column = ((side - length) // 2 for length in labels.shape)
    square[row : row + labels.shape[0], column : column + labels.shape[1]] = labels
    return square
