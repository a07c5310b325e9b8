"""Prompts placed by rule: the next click lies where the error is thickest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..errors import InvalidRequest
from ..geometry import Float64, Triple, VolumeGeometry
from ..prompts import BoxPrompt, PointPrompt, SlicePlane
from ..volume import Bounds, nonzero_bounds

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class ClickRule:
    """Where the next click is placed.

    Parameters
    ----------
    error
        Which error it corrects.

        `thickest` is the rule of RITM (Sofiiuk et al. 2021, arXiv:2102.06583): of all missed and all wrongly added
        voxels, the one farthest from the border of its error; the image's border counts as edge, and voxels that
        were clicked before are passed over. Here depth is measured in mm, and of equal depths the missed one wins.
        An image of one slice is a picture: it has no border before and behind its voxels.

        `largest` is the rule of the interactive track of CVPR 2025's MedSegFM challenge: of the largest error with
        26-connected voxels, missed and wrongly added ones together, the voxel that is farthest from its border,
        measured in voxels.
    jitter
        By how much of the greatest depth [0, 1) a click may be less deep, as people do not hit the deepest voxel
        (RClicks, arXiv:2410.11722); it is drawn among all voxels that are deep enough. 0.5 is the rule of
        SAM-Med3D (arXiv:2310.15161).

    Raises
    ------
    InvalidRequest
        There is no such rule, or the jitter is not in its range.
    """

    error: Literal["thickest", "largest"] = "thickest"
    jitter: float = 0.0

    def __post_init__(self) -> None:
        if self.error not in ("thickest", "largest"):
            message = f"There is no rule '{self.error}' for clicks."
            raise InvalidRequest(message, "Choose 'thickest' or 'largest'.")
        if not 0 <= self.jitter < 1:
            message = f"The jitter of clicks is {self.jitter}."
            raise InvalidRequest(message, "Choose a jitter from 0 to below 1.")


THICKEST = ClickRule()


class _Depth(NamedTuple):
    """Distance of each voxel of a box from the border of the error, 0 outside it."""

    values: Float64
    bounds: Bounds

    @property
    def greatest(self) -> float:
        return float(self.values.max(initial=0.0))


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
    prediction: Mask,
    truth: Mask,
    geometry: VolumeGeometry,
    random: np.random.Generator | None = None,
    rule: ClickRule = THICKEST,
    clicked: Sequence[PointPrompt] = (),
) -> PointPrompt | None:
    """Return the click that a careful user would place next, or None if nothing is left to click.

    Parameters
    ----------
    prediction, truth
        Masks (k, j, i) bool on one grid.
    geometry
        Their grid.
    random
        Draws among the voxels that the rule finds equally good; None takes the middle one of them.
    rule
        Where the click goes.
    clicked
        Clicks that were placed before.
    """
    if rule.error == "largest":
        depth = _depth(_largest_part(truth != prediction), np.ones(3))
    else:
        before = [tuple(geometry.voxels_at(click.position_ras)[0].tolist()) for click in clicked]
        errors = (truth & ~prediction, prediction & ~truth)
        missed, added = (_depth(error, geometry.spacing_kji, before) for error in errors)
        depth = missed if missed.greatest >= added.greatest else added
    if depth.greatest == 0.0:
        return None
    good = np.argwhere(depth.values >= depth.greatest * (1.0 - rule.jitter) - 1e-6)
    good = good[depth.values[tuple(good.T)] > 0]
    chosen = good[len(good) // 2 if random is None else random.integers(len(good))]
    voxel = tuple(int(index) + cut.start for index, cut in zip(chosen, depth.bounds, strict=True))
    return PointPrompt(geometry.to_ras(voxel[::-1])[0], bool(truth[voxel]))


def _depth(error: Mask, spacing_kji: Float64, clicked: Sequence[Triple] = ()) -> _Depth:
    bounds = nonzero_bounds(error)
    if bounds is None:
        return _Depth(np.zeros((0, 0, 0)), (slice(0, 0), slice(0, 0), slice(0, 0)))
    # the image's border counts as edge, but a picture has none before and behind it: all would be equally deep
    margins = [(0, 0) if count == 1 else (1, 1) for count in error.shape]
    depth = ndimage.distance_transform_edt(np.pad(error[bounds], margins), sampling=spacing_kji)
    values = depth[tuple(slice(margin, -margin or None) for margin, _ in margins)]
    for voxel in clicked:
        if all(cut.start <= index < cut.stop for index, cut in zip(voxel, bounds, strict=True)):
            values[tuple(index - cut.start for index, cut in zip(voxel, bounds, strict=True))] = 0.0
    return _Depth(values, bounds)


def _largest_part(error: Mask) -> Mask:
    """Return the largest part of a mask with 26-connected voxels; the first of equally large ones."""
    parts, _ = ndimage.label(error, np.ones((3, 3, 3)))
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return np.asarray((parts == sizes.argmax()) & error, dtype=np.bool_)
