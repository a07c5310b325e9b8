"""Prompts placed by rule: the next click lies where the error is thickest.

The rule is that of the interactive-segmentation field (RITM, Sofiiuk et al. 2021): of all missed and all
wrongly added voxels, the one farthest from the border of its error region; the image's border counts as edge.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..geometry import Triple, VolumeGeometry
from ..prompts import BoxPrompt, PointPrompt, SlicePlane
from ..volume import nonzero_bounds

Mask = NDArray[np.bool_]


def first_box(truth: Mask, geometry: VolumeGeometry, axis: int = 0) -> BoxPrompt:
    """Return the tight flat box around a structure on its middle slice.

    Parameters
    ----------
    truth
        The structure (k, j, i) bool; it has at least one voxel.
    geometry
        Its grid.
    axis
        Array axis of the slices: 0 for k.

    Raises
    ------
    ValueError
        The structure is empty.
    """
    bounds = nonzero_bounds(truth)
    if bounds is None:
        message = "An empty structure has no box."
        raise ValueError(message)
    used = np.flatnonzero(truth.any(axis=tuple(other for other in range(3) if other != axis)))
    middle = int(used[np.argmin(np.abs(used - (used[0] + used[-1]) / 2))])
    slab: list[Any] = [slice(None)] * 3
    slab[axis] = slice(middle, middle + 1)
    on_slice = nonzero_bounds(truth[tuple(slab)])
    assert on_slice is not None  # noqa: S101  the slice was chosen because it has voxels
    first = np.array([cut.start for cut in on_slice], dtype=np.float64) - 0.5
    last = np.array([cut.stop for cut in on_slice], dtype=np.float64) - 0.5
    first[axis] = last[axis] = middle
    plane = SlicePlane.of_slice(geometry, axis, middle)
    corner, opposite = geometry.to_ras(np.stack([first, last])[:, ::-1])
    return BoxPrompt.on_plane(plane, corner, opposite)


def next_click(
    prediction: Mask, truth: Mask, geometry: VolumeGeometry, random: np.random.Generator | None = None
) -> PointPrompt | None:
    """Return the click that a careful user would place next, or None if nothing is wrong.

    Parameters
    ----------
    prediction, truth
        Masks (k, j, i) bool on one grid.
    geometry
        Their grid; distances are in mm.
    random
        Draws among equally deep voxels; None takes the middle one of them.
    """
    missed = _deepest(truth & ~prediction, geometry, random)
    added = _deepest(prediction & ~truth, geometry, random)
    if missed is None and added is None:
        return None
    positive = added is None or (missed is not None and missed[0] >= added[0])
    chosen = missed if positive else added
    assert chosen is not None  # noqa: S101  one of the two exists, see above
    return PointPrompt(geometry.to_ras(chosen[1][::-1])[0], positive)


def _deepest(error: Mask, geometry: VolumeGeometry, random: np.random.Generator | None) -> tuple[float, Triple] | None:
    """Return the depth [mm] and the voxel (k, j, i) farthest from the border of the error regions."""
    bounds = nonzero_bounds(error)
    if bounds is None:
        return None
    padded = np.pad(error[bounds], 1)  # the image's border counts as edge
    depth = ndimage.distance_transform_edt(padded, sampling=geometry.spacing_kji)
    deepest = float(depth.max())
    ties = np.argwhere(depth >= deepest - 1e-6)
    chosen = ties[len(ties) // 2 if random is None else random.integers(len(ties))]
    k, j, i = (int(index) - 1 + cut.start for index, cut in zip(chosen, bounds, strict=True))
    return deepest, (k, j, i)
