"""Where a network looks: a square on each slice around what the prompts point at, and the way back into the volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..errors import NoPositivePrompt
from ..geometry import Float64
from ..prompt.grid import ALONG, SliceGrid, cut_image, grid_of_plane, grid_of_slice
from ..prompt.on_slice import has_positive, prompts_on_slice
from ..prompt.segmenter import SlicePrompts
from ..prompts import BoxPrompt, LassoPrompt, Prompt
from ..request import IntensityWindow, SliceScope, VolumeScope
from ..volume import Bounds, ImageVolume, VolumePatch, combined

Float32 = NDArray[np.float32]

ROOM = 1.6
"""The square is larger than the structure's box by this factor at least."""

CONTEXT = 2.0
"""Without a window, the darkest and brightest pixel of a square so much larger are black and white, as in training."""


@dataclass(frozen=True, eq=False)
class Picture:
    """What the network sees of one slice.

    Parameters
    ----------
    pixels
        Intensities (size, size) float32, 0 black .. 1 white.
    told
        1 in the box that the prompts tell of the structure (size, size) float32, else 0.
    """

    pixels: Float32
    told: Float32


@dataclass(frozen=True, eq=False)
class Region:
    """A square of the same size and place on several slices.

    Parameters
    ----------
    image
        The canonical image.
    grids
        The slices.
    prompts
        What is told on each slice, in its pixels.
    middle
        (row, column) of the centre of the square, in pixels of the slices.
    side_mm
        Length of its sides [mm].
    """

    image: ImageVolume
    grids: tuple[SliceGrid, ...]
    prompts: tuple[SlicePrompts, ...]
    middle: Float64
    side_mm: float

    def window(self) -> IntensityWindow:
        """Return the darkest and the brightest pixel around the square on any slice."""
        low, high = np.inf, -np.inf
        for grid in self.grids:
            reach = CONTEXT * self.side_mm / 2 / np.array(grid.spacing_mm)
            first = np.clip(np.floor(self.middle - reach).astype(int), 0, np.array(grid.shape) - 1)
            last = np.clip(np.ceil(self.middle + reach).astype(int), 0, np.array(grid.shape) - 1)
            around = cut_image(self.image, grid)[first[0] : last[0] + 1, first[1] : last[1] + 1]
            low, high = min(low, float(around.min())), max(high, float(around.max()))
        return IntensityWindow(low, high if high > low else low + max(1.0, 1e-6 * abs(low)))

    def pictures(self, size: int, window: IntensityWindow) -> list[Picture]:
        """Return what a network of this size sees of each slice."""
        return [self._picture(number, size, window) for number in range(len(self.grids))]

    def _picture(self, number: int, size: int, window: IntensityWindow) -> Picture:
        grid = self.grids[number]
        scaled = (cut_image(self.image, grid) - window.lower) / np.float32(window.upper - window.lower)
        rows, columns = self._places(grid, size)
        coarse = self.side_mm / size / np.array(grid.spacing_mm)
        # pixels that are larger than the image's take the mean of what they cover
        smooth = ndimage.gaussian_filter(np.clip(scaled, 0, 1), np.maximum(coarse - 1, 0) / 2, mode="nearest")
        places = np.stack(np.meshgrid(rows, columns, indexing="ij"))
        pixels = ndimage.map_coordinates(smooth, places, order=1, mode="nearest")
        return Picture(pixels.astype(np.float32), _told(self.prompts[number], rows, columns))

    def _places(self, grid: SliceGrid, size: int) -> tuple[Float64, Float64]:
        """Return the row and column, in pixels of the slice, of each row and column of the square."""
        steps = (np.arange(size) - (size - 1) / 2) * self.side_mm / size
        row, column = grid.spacing_mm
        return self.middle[0] + steps / row, self.middle[1] + steps / column

    def back(self, probabilities: Float32) -> VolumePatch:
        """Return probabilities (slices, size, size) on the voxels of the canonical image, 0 beyond the square."""
        pasted = [
            grid.paste(self._enlarged(grid, picture)).tight()
            for grid, picture in zip(self.grids, probabilities, strict=True)
        ]
        found = [patch for patch in pasted if patch.array.size]
        return combined(found or pasted[:1], np.maximum)

    def seen(self, size: int) -> Bounds:
        """Return the box of the canonical image that a network of this size sees: all that it decides about."""
        return self.back(np.ones((len(self.grids), size, size), dtype=np.float32)).bounds

    def _enlarged(self, grid: SliceGrid, picture: Float32) -> Float32:
        """Return a square as a picture of the whole slice."""
        size = len(picture)
        pixel = self.side_mm / size / np.array(grid.spacing_mm)
        inside = [
            (np.arange(length) - middle) / step + (size - 1) / 2
            for length, middle, step in zip(grid.shape, self.middle, pixel, strict=True)
        ]
        met = [np.flatnonzero((places >= 0) & (places <= size - 1)) for places in inside]
        places = np.stack(np.meshgrid(*(line[used] for line, used in zip(inside, met, strict=True)), indexing="ij"))
        enlarged = np.zeros(grid.shape, dtype=np.float32)
        enlarged[np.ix_(*met)] = ndimage.map_coordinates(picture, places, order=1)
        return enlarged


def region_of(
    image: ImageVolume, prompts: tuple[Prompt, ...], scope: SliceScope | VolumeScope, pixel_mm: float | None, size: int
) -> Region:
    """Return where a network looks.

    Parameters
    ----------
    image
        The canonical image.
    prompts
        On the canonical grid.
    scope
        One slice, or all on which prompts lie.
    pixel_mm, size
        The network's pixels [mm] and how many a side has: the square has this size, or a larger one if the structure
        needs more room. None takes the whole slice.

    Raises
    ------
    NoPositivePrompt
        No prompt lies on a slice that is asked for.
    PromptOutsideImage
        The slice does not meet the image.
    """
    grids = _grids(image, prompts, scope)
    placed = [(grid, prompts_on_slice(prompts, grid)[0]) for grid in grids]
    used = [(grid, told) for grid, told in placed if has_positive(told)]
    if not used:
        message = "No prompt on this slice says where the structure is."
        raise NoPositivePrompt(message, "Draw a box around the structure, or choose a segment that shows it.")
    grids, told = tuple(grid for grid, _ in used), tuple(told for _, told in used)
    if pixel_mm is None:
        shape = np.array(grids[0].shape)
        return Region(image, grids, told, (shape - 1) / 2, float((shape * grids[0].spacing_mm).max()))
    extents = np.array([_extent(one) for one in told])
    low, high = extents[:, 0].min(axis=0), extents[:, 1].max(axis=0)
    needed = ROOM * float(((high - low + 1) * grids[0].spacing_mm).max())
    return Region(image, grids, told, (low + high) / 2, max(size * pixel_mm, needed))


def _grids(image: ImageVolume, prompts: Sequence[Prompt], scope: SliceScope | VolumeScope) -> tuple[SliceGrid, ...]:
    geometry = image.geometry
    if isinstance(scope, SliceScope):
        return (grid_of_plane(geometry, scope.plane),)
    flat = [p for p in prompts if isinstance(p, LassoPrompt) or (isinstance(p, BoxPrompt) and p.is_flat)]
    if scope.direction is not None:
        axis = ALONG[scope.direction]
    elif flat:
        axis = 2 - int(np.argmax(np.abs(flat[0].plane.normal_ras @ geometry.axes_ras)))
    else:
        axis = int(np.argmax(geometry.spacing_kji))
    first, last = 0, geometry.shape[axis] - 1
    if scope.range_ras is not None:
        ends = sorted(int(index) for index in geometry.voxels_at(scope.range_ras)[:, axis])
        first, last = max(first, ends[0]), min(last, ends[1])
    return tuple(grid_of_slice(geometry, axis, index) for index in range(first, last + 1))


def _extent(prompts: SlicePrompts) -> Float64:
    """Return first and last (row, column) (2, 2) of what the prompts of a slice show as inside."""
    corners = [prompts.points_xy[prompts.points_positive][:, ::-1]]
    if prompts.box_xyxy is not None:
        corners.append(prompts.box_xyxy.reshape(2, 2)[:, ::-1])
    guess = prompts.previous_mask
    for mask in (prompts.inside, None if guess is None else guess >= 0.5):
        if mask is not None and mask.any():
            corners.append(np.argwhere(mask).astype(np.float64))
    everything = np.concatenate(corners)
    return np.stack([everything.min(axis=0), everything.max(axis=0)])


def _told(prompts: SlicePrompts, rows: Float64, columns: Float64) -> Float32:
    """Return the box of the prompts on a slice, 1 inside; points alone tell of no box."""
    told = np.zeros((len(rows), len(columns)), dtype=np.float32)
    if prompts.box_xyxy is None and prompts.inside is None and prompts.previous_mask is None:
        return told
    low, high = _extent(prompts)
    told[
        np.ix_((rows >= low[0] - 0.5) & (rows <= high[0] + 0.5), (columns >= low[1] - 0.5) & (columns <= high[1] + 0.5))
    ] = 1
    return told
