"""What a person points at, in the words that SAM-Med3D knows: points inside and outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..geometry import Float64, VolumeGeometry
from ..prompts import BoxPrompt, LassoPrompt, MaskPrompt, PointPrompt, Prompt, ScribblePrompt
from ..volume import VolumePatch
from .grid import grid_of_plane
from .on_slice import dense_path, polygon_mask
from .sam_med3d_lattice import Index, Lattice
from .segmenter import Mask
from .stroke_points import stroke_points

POINTS_PER_PROMPT = 5
"""A stroke or an area becomes at most so many points."""

_LARGEST_SEARCH = 2_000_000  # voxels in which the deepest one is looked for, about; larger masks are thinned out
_SHALLOWEST = 0.5  # of the deepest: the rim of a mask may not belong to the structure


@dataclass(frozen=True, eq=False)
class Clicks:
    """Points (n, 3) of a lattice, and whether each (n,) is inside the structure."""

    positions: Index
    positive: Mask

    def within(self, start: Index, size: int) -> Clicks:
        """Return those in the cube of `size` points from `start` on, counted from there."""
        positions = self.positions - start
        here = ((positions >= 0) & (positions < size)).all(axis=1)
        return Clicks(positions[here], self.positive[here])


def joined(clicks: Sequence[Clicks]) -> Clicks:
    """Return the clicks of all."""
    positions = np.concatenate([np.empty((0, 3), np.int64), *(part.positions for part in clicks)])
    return Clicks(positions, np.concatenate([np.empty(0, np.bool_), *(part.positive for part in clicks)]))


def clicks_of(prompts: tuple[Prompt, ...], lattice: Lattice) -> tuple[tuple[Clicks, ...], tuple[str, ...]]:
    """Return the clicks of each prompt in the order in which they were placed, masks first, and what to say of it.

    A box becomes its centre, a scribble points along it, lassos and masks points deep inside.
    """
    ordered = sorted(prompts, key=lambda prompt: not isinstance(prompt, MaskPrompt))
    steps = []
    for prompt in ordered:
        positions = np.unique(lattice.points_at(_positions(prompt, lattice)), axis=0)
        steps.append(Clicks(positions, np.full(len(positions), prompt.positive)))
    kinds = {type(prompt).__name__.removesuffix("Prompt").lower() for prompt in prompts} - {"point"}
    if not kinds:
        return tuple(steps), ()
    names = ", ".join(sorted(kinds))
    return tuple(steps), (f"This model knows points only, so each of these became points inside it: {names}.",)


def _positions(prompt: Prompt, lattice: Lattice) -> Float64:
    """Return positions (n, 3) in the world [mm] that stand for a prompt."""
    geometry = lattice.geometry
    if isinstance(prompt, PointPrompt):
        return prompt.position_ras[None]
    if isinstance(prompt, BoxPrompt):
        return prompt.center_ras[None]
    if isinstance(prompt, ScribblePrompt):
        path = dense_path(prompt.points_ras, min(lattice.spacing_mm, float(geometry.spacing_ijk.min())) / 2)
        path = path[geometry.contains(path)]
        return path[spread_out(path, len(path) // 2)]
    if isinstance(prompt, LassoPrompt):
        return _inside_lasso(prompt, geometry)
    return deep_positions(prompt.patch)


def _inside_lasso(lasso: LassoPrompt, geometry: VolumeGeometry) -> Float64:
    grid = grid_of_plane(geometry, lasso.plane)
    drawn = polygon_mask(grid.pixels_of(lasso.points_ras), grid.shape)
    if not drawn.any():  # too narrow to enclose the centre of a pixel
        middle: Float64 = lasso.points_ras.mean(axis=0)
        return middle[None]
    positions: Float64 = grid.origin_ras + stroke_points(drawn)[:, ::-1] @ grid.steps_ras.T
    return positions


def deep_positions(mask: VolumePatch) -> Float64:
    """Return a few positions (n, 3) [mm] deep inside a mask that is not empty, well apart, the deepest first."""
    mask = mask.tight()
    step = max(1, int(np.ceil((mask.array.size / _LARGEST_SEARCH) ** (1 / 3))))
    thinned = mask.array[::step, ::step, ::step] > 0
    if not thinned.any():
        thinned, step = mask.array > 0, 1
    depth = ndimage.distance_transform_edt(np.pad(thinned, 1), sampling=mask.geometry.spacing_kji)[1:-1, 1:-1, 1:-1]
    candidates = np.argwhere(depth >= _SHALLOWEST * depth.max())
    ras = mask.geometry.to_ras((candidates * step + np.array(mask.offset))[:, ::-1])
    deepest = int(np.argmax(depth[tuple(candidates.T)]))
    return ras[spread_out(ras, deepest, least_mm=2 * step * float(depth.max()))]


def spread_out(positions: Float64, first: int, least_mm: float = 0.0) -> NDArray[np.int64]:
    """Return which of positions (n, 3) to take: `first`, then each time the farthest from those taken (Gonzalez 1985).

    There are five at most, and none nearer than `least_mm` to another.
    """
    chosen = [first]
    distance = np.linalg.norm(positions - positions[first], axis=1)
    while len(chosen) < POINTS_PER_PROMPT and distance.max() > least_mm:
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.linalg.norm(positions - positions[chosen[-1]], axis=1))
    return np.array(chosen)
