"""The prompts as the adaptive model uses them: on the axes of the volume, in millimetres.

Positions are millimetres along the volume's axes (k, j, i), counted from the centre of its first voxel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...geometry import VolumeGeometry
from ...prompts import BoxPrompt, LassoPrompt, MaskPrompt, PointPrompt, Prompt, ScribblePrompt
from ...volume import VolumePatch, combined
from ..grid import SliceGrid, grid_of_plane
from ..on_slice import dense_path, polygon_mask
from ..segmenter import SlicePrompts
from .arrays import Float64

CLICK_EXTENT_MM = 50.0
"""Size that a structure is taken to have when only clicks say where it is [mm]."""


@dataclass(frozen=True, eq=False)
class Enclosure:
    """A box or lasso around the structure.

    Parameters
    ----------
    centre_mm
        Centre (3,).
    axes
        Unit directions of its sides as columns (3, 3); the third is the normal of a flat one.
    half_mm
        Half its sides (3,); the third is 0 if it is flat.
    half_thickness_mm
        How far a flat one's slice reaches to both sides of its plane.
    drawn
        Voxels that a lasso encloses, as (n, 3) positions; None for a box, which encloses all of itself.
    """

    centre_mm: Float64
    axes: Float64
    half_mm: Float64
    half_thickness_mm: float
    drawn_mm: Float64 | None = None

    @property
    def is_flat(self) -> bool:
        """Whether it lies on one slice."""
        return bool(self.half_mm[2] == 0)

    @property
    def extent_mm(self) -> float:
        """Geometric mean of its sides; of the two of a flat one."""
        sides = 2 * self.half_mm[self.half_mm > 0]
        return float(np.prod(sides) ** (1 / len(sides)))


@dataclass(frozen=True, eq=False)
class Stroke:
    """A click or a scribble.

    Parameters
    ----------
    positions_mm
        Positions (n, 3) [mm].
    positive
        Whether they are inside.
    depth_mm
        How deep they lay in the error that they correct: the distance to the border of the answer that the
        user saw [mm]; None for a stroke that was made before there was an answer.
    """

    positions_mm: Float64
    positive: bool
    depth_mm: float | None = None


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that the prompts say.

    Parameters
    ----------
    enclosures
        Boxes and lassos.
    strokes
        Clicks and scribbles in the order in which they were made.
    guess
        A first answer: probability patch of the volume, or None.
    guess_strokes
        How many of the first strokes the guess was made from.
    forbidden
        Voxels that are outside: bool patch, or None.
    """

    enclosures: tuple[Enclosure, ...] = ()
    strokes: tuple[Stroke, ...] = ()
    guess: VolumePatch | None = None
    forbidden: VolumePatch | None = None
    guess_strokes: int = 0

    @property
    def first_strokes(self) -> int:
        """How many strokes a first answer takes: those of the guess, none with an enclosure, else to a positive one."""
        if self.enclosures or self.guess is not None:
            return self.guess_strokes
        return 1 + next(index for index, stroke in enumerate(self.strokes) if stroke.positive)

    def until(self, strokes: int) -> Evidence:
        """Return what was known after so many strokes."""
        return replace(self, strokes=self.strokes[:strokes])

    def positive_strokes(self) -> tuple[Stroke, ...]:
        """Return the strokes that are inside."""
        return tuple(stroke for stroke in self.strokes if stroke.positive)

    def negative_strokes(self) -> tuple[Stroke, ...]:
        """Return the strokes that are outside."""
        return tuple(stroke for stroke in self.strokes if not stroke.positive)

    def extent_mm(self, voxel_mm: Float64) -> float:
        """Return the size of the structure as far as the prompts tell [mm]."""
        if self.enclosures:
            return max(enclosure.extent_mm for enclosure in self.enclosures)
        if self.guess is not None and self.guess.array.size:
            sides = np.array(self.guess.array.shape) * voxel_mm
            return float(np.prod(np.sort(sides)[1:]) ** 0.5)
        positions = np.concatenate([stroke.positions_mm for stroke in self.positive_strokes()])
        return max(CLICK_EXTENT_MM, 1.2 * float(np.ptp(positions, axis=0).max()))


def evidence_in_volume(prompts: tuple[Prompt, ...], geometry: VolumeGeometry) -> Evidence:
    """Return the evidence of prompts in a canonical volume."""
    enclosures: list[Enclosure] = []
    strokes: list[Stroke] = []
    guesses: list[MaskPrompt] = []
    forbidden: list[MaskPrompt] = []
    for prompt in prompts:
        if isinstance(prompt, PointPrompt):
            strokes.append(Stroke(_positions(prompt.position_ras, geometry), prompt.positive))
        elif isinstance(prompt, ScribblePrompt):
            strokes.append(_scribble(prompt, geometry))
        elif isinstance(prompt, BoxPrompt):
            enclosures.append(_box(prompt, geometry))
        elif isinstance(prompt, LassoPrompt):
            lasso = _lasso(prompt, geometry)
            if not prompt.positive and lasso.drawn_mm is not None:
                strokes.append(Stroke(lasso.drawn_mm, positive=False))
            elif prompt.positive:
                enclosures.append(lasso)
        else:
            (guesses if prompt.positive else forbidden).append(prompt)
    return Evidence(tuple(enclosures), tuple(strokes), _union(guesses), _union(forbidden))


def evidence_on_slice(prompts: SlicePrompts, shape: tuple[int, int], geometry: VolumeGeometry) -> Evidence:
    """Return the evidence of prompts on a slice that is seen as a volume of one layer.

    Parameters
    ----------
    prompts
        The prompts in pixels.
    shape
        Number of (rows, columns).
    geometry
        Grid of the layer: (1, rows, columns).
    """
    voxel_mm = geometry.spacing_kji
    strokes = []
    enclosed = prompts.enclosed
    drawn = prompts.inside if prompts.inside is None or enclosed is None else prompts.inside & ~enclosed
    for picture, positive in ((drawn, True), (prompts.outside, False)):
        if picture is not None and picture.any():
            strokes.append(Stroke(np.argwhere(picture[None]) * voxel_mm, positive))
    for (column, row), positive in zip(prompts.points_xy, prompts.points_positive, strict=True):
        strokes.append(Stroke(np.round(np.array([[0.0, row, column]]) * voxel_mm, 6), bool(positive)))
    enclosures = []
    if prompts.box_xyxy is not None and prompts.previous_mask is None:
        enclosures.append(_rows_and_columns(prompts.box_xyxy[:2][::-1], prompts.box_xyxy[2:][::-1], voxel_mm))
    if enclosed is not None and enclosed.any():
        voxels = np.argwhere(enclosed[None])
        lasso = _rows_and_columns(voxels.min(axis=0)[1:], voxels.max(axis=0)[1:], voxel_mm)
        enclosures.append(replace(lasso, drawn_mm=voxels * voxel_mm))
    guess = None
    if prompts.previous_mask is not None and (prompts.previous_mask >= 0.5).any():
        guess = VolumePatch(prompts.previous_mask.reshape(1, *shape), (0, 0, 0), geometry).tight()
    return Evidence(tuple(enclosures), tuple(strokes), guess)


def _rows_and_columns(first: NDArray[Any], last: NDArray[Any], voxel_mm: Float64) -> Enclosure:
    """Return the flat enclosure of the pixels from `first` to `last` (row, column) of a layer."""
    centre, half = np.array([0.0, *(first + last) / 2]), (last - first + 1) / 2 * voxel_mm[1:]
    axes = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]], dtype=np.float64)
    return Enclosure(centre * voxel_mm, axes, np.array([*half, 0.0]), voxel_mm[0] / 2)


def _positions(ras: Float64, geometry: VolumeGeometry) -> Float64:
    # rounded, so that rounding errors of differently stored copies of an image make no difference
    return np.round(geometry.to_ijk(ras)[:, ::-1] * geometry.spacing_kji, 6)


def _directions(axes_ras: Float64, geometry: VolumeGeometry) -> Float64:
    """Return world directions (columns) along the volume's axes (k, j, i)."""
    return np.round((geometry.axes_ras.T @ axes_ras)[::-1], 9)


def _box(box: BoxPrompt, geometry: VolumeGeometry) -> Enclosure:
    grid_thickness = float(np.abs(box.plane.normal_ras @ geometry.axes_ras) @ geometry.spacing_ijk) / 2
    axes = _directions(np.asarray(box.axes_ras), geometry)
    return Enclosure(_positions(box.center_ras, geometry)[0], axes, box.size_mm / 2, grid_thickness)


def _lasso(lasso: LassoPrompt, geometry: VolumeGeometry) -> Enclosure:
    grid = grid_of_plane(geometry, lasso.plane)
    enclosed = grid.paste(polygon_mask(grid.pixels_of(lasso.points_ras), grid.shape))
    voxels = np.argwhere(enclosed.array) + np.array(enclosed.offset)
    centre, half = _rectangle(lasso, grid)
    axes = np.stack([*(grid.steps_ras / grid.spacing_mm).T, grid.plane.normal_ras], axis=1)
    return Enclosure(
        _positions(centre, geometry)[0],
        _directions(axes, geometry),
        half,
        grid.half_thickness_mm,
        voxels * geometry.spacing_kji if len(voxels) else None,
    )


def _rectangle(lasso: LassoPrompt, grid: SliceGrid) -> tuple[Float64, Float64]:
    """Return the centre (RAS) and half sides (rows, columns, 0) of the rectangle around a lasso [mm]."""
    pixels = grid.pixels_of(lasso.points_ras)[:, ::-1]  # row, column
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    centre = grid.origin_ras + grid.steps_ras @ ((low + high) / 2)
    return centre, np.array([*((high - low) / 2 * grid.spacing_mm), 0.0])


def _scribble(scribble: ScribblePrompt, geometry: VolumeGeometry) -> Stroke:
    """Return the voxels within the pen's radius; at least those that the stroke passes through."""
    step = float(geometry.spacing_kji.min()) / 2
    path = dense_path(scribble.points_ras, step)
    reach = np.arange(-scribble.radius_mm, scribble.radius_mm + step, max(step, scribble.radius_mm / 3))
    ball = np.stack(np.meshgrid(reach, reach, reach), axis=-1).reshape(-1, 3)
    ball = np.concatenate([np.zeros((1, 3)), ball[np.linalg.norm(ball, axis=1) <= scribble.radius_mm]])
    voxels = np.unique(np.concatenate([geometry.voxels_at(path + offset) for offset in ball]), axis=0)
    inside = (voxels >= 0).all(axis=1) & (voxels < np.array(geometry.shape)).all(axis=1)
    return Stroke(voxels[inside] * geometry.spacing_kji, scribble.positive)


def _union(prompts: list[MaskPrompt]) -> VolumePatch | None:
    if not prompts:
        return None
    return combined([prompt.patch.tight() for prompt in prompts], np.maximum)
