"""Where the structure may be when nothing but a stroke says so: what stands out on the slice of the stroke."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...engine.run import Run
from ...geometry import VolumeGeometry
from ...volume import VolumePatch
from .arrays import Float64
from .click_region import region_of_click
from .evidence import Evidence
from .region import LARGEST


def with_first_guess(evidence: Evidence, array: NDArray[Any], geometry: VolumeGeometry, run: Run) -> Evidence:
    """Return the evidence with a guess from its first strokes, if it has neither enclosure nor guess.

    Parameters
    ----------
    evidence
        What the prompts say.
    array, geometry
        The volume (k, j, i) and its grid. The guess lies on one slice: across the coarsest axis, or the only one.
    run
        Cancel.
    """
    if evidence.enclosures or evidence.guess is not None:
        return evidence
    first = evidence.strokes[: evidence.first_strokes]
    voxel_mm = geometry.spacing_kji
    axis = array.shape.index(1) if 1 in array.shape else int(np.argmax(voxel_mm))
    clicked = _voxels(first[-1].positions_mm, array.shape, voxel_mm)
    middle = clicked[len(clicked) // 2]
    negative = [np.empty((0, 3), dtype=np.int64)]
    negative += [_voxels(stroke.positions_mm, array.shape, voxel_mm) for stroke in first[:-1]]
    outside = np.concatenate(negative)
    shut_out = np.delete(outside[outside[:, axis] == middle[axis]], axis, axis=1)
    pixels = np.clip(np.take(array, middle[axis], axis).astype(np.float64), -LARGEST, LARGEST)
    row, column = (int(index) for index in np.delete(middle, axis))
    probability = region_of_click(pixels, (row, column), shut_out, run)
    if probability is None:
        return evidence
    inside = np.expand_dims(probability >= 0.5, axis)
    offset = [0, 0, 0]
    offset[axis] = int(middle[axis])
    patch = VolumePatch(inside.astype(np.float32), (offset[0], offset[1], offset[2]), geometry)
    return replace(evidence, guess=patch.tight(), guess_strokes=len(first))


def _voxels(positions_mm: Float64, shape: tuple[int, ...], voxel_mm: Float64) -> NDArray[np.int64]:
    nearest = np.floor(positions_mm / voxel_mm + 0.5).astype(np.int64)
    return np.asarray(np.clip(nearest, 0, np.array(shape) - 1))
