"""Images as stacks of slices for networks that look at one slice at a time.

A volume is cut into axial slices, seen as radiologists see them: rows run towards posterior, columns towards left. A
slice by itself may lie in any direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ..errors import InvalidImage
from ..geometry import VolumeGeometry
from ..volume import ImageVolume, VolumePatch

Size = tuple[int, int]


@dataclass(frozen=True, eq=False)
class SliceStack:
    """The slices of an image.

    Parameters
    ----------
    array
        Intensities (slices, rows, columns), a view of the image.
    axis
        Which axis (k, j, i) of the canonical view counts the slices.
    lowest, highest
        Intensities of the whole image, which become 0 and 1.
    spacing
        Distance between rows and between columns [mm].
    is_single
        The image is one slice, not a volume.
    """

    array: NDArray[Any]
    axis: int
    lowest: float
    highest: float
    spacing: tuple[float, float]
    is_single: bool

    @classmethod
    def of(cls, image: ImageVolume) -> SliceStack:
        """Return the slices of an image.

        Raises
        ------
        InvalidImage
            The image is a line or a point.
        """
        view = image.canonical()
        axis, is_single = _slice_axis(view.geometry)
        rows, columns = np.delete(view.geometry.spacing_kji, axis).tolist()
        array = np.moveaxis(view.array, axis, 0)
        return cls(array, axis, float(array.min()), float(array.max()), (rows, columns), is_single)

    @property
    def size(self) -> Size:
        """Rows and columns of a slice."""
        return self.array.shape[1], self.array.shape[2]

    def size_at(self, spacing: tuple[float, float]) -> Size:
        """Return rows and columns of the slices with another spacing [mm]."""
        rows, columns = (
            max(1, round(length * own / other))
            for length, own, other in zip(self.size, self.spacing, spacing, strict=True)
        )
        return rows, columns

    def pixels(self, places: Sequence[int], size: Size) -> Tensor:
        """Return some slices as float32 (n, 1, rows, columns) from 0 to 1, resampled to a size if theirs differs."""
        values = self.array[list(places)].astype(np.float64)
        span = self.highest / 2 - self.lowest / 2  # halves: the whole may be more than a number can hold
        scaled = (values / 2 - self.lowest / 2) / span if span > 0 else np.zeros_like(values)
        return resized(torch.from_numpy(scaled.astype(np.float32))[:, None], size)

    def in_place(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return values (slices, rows, columns) as an array (k, j, i) of the canonical view."""
        return np.moveaxis(values, 0, self.axis)

    def mask(self, patch: VolumePatch) -> NDArray[np.bool_]:
        """Return a mask of the image as bool (slices, rows, columns)."""
        mask: NDArray[np.bool_] = np.moveaxis(patch.canonical().full(), self.axis, 0).astype(np.bool_)
        return mask


def resized(maps: Tensor, size: Size) -> Tensor:
    """Return maps (n, c, rows, columns) over the same field with another number of rows and columns."""
    if tuple(maps.shape[2:]) == size:
        return maps
    return functional.interpolate(maps, size, mode="bilinear", align_corners=False, antialias=True)


def framed(maps: Tensor, size: Size) -> Tensor:
    """Return maps (n, c, rows, columns) in the middle of larger ones that are 0 around them."""
    top, left = _margins(tuple(maps.shape[2:]), size)
    bottom, right = size[0] - maps.shape[2] - top, size[1] - maps.shape[3] - left
    return functional.pad(maps, (left, right, top, bottom))


def unframed(maps: Tensor, size: Size) -> Tensor:
    """Return the middle of maps (n, c, rows, columns): what `framed` was given."""
    top, left = _margins(size, tuple(maps.shape[2:]))
    return maps[..., top : top + size[0], left : left + size[1]]


def common_frame(sizes: Sequence[Size], multiple: int) -> Size:
    """Return the smallest rows and columns that hold all `sizes` and are multiples of a number."""
    rows, columns = (-(-max(lengths) // multiple) * multiple for lengths in zip(*sizes, strict=True))
    return rows, columns


def _margins(inner: Sequence[int], outer: Sequence[int]) -> Size:
    return (outer[0] - inner[0]) // 2, (outer[1] - inner[1]) // 2


def _slice_axis(geometry: VolumeGeometry) -> tuple[int, bool]:
    """Return the axis (k, j, i) that counts the slices of a canonical volume, and whether there is one slice only."""
    flat = [axis for axis, length in enumerate(geometry.shape) if length == 1]
    if len(flat) > 1:
        message = f"The image has {' x '.join(map(str, geometry.shape[::-1]))} voxels and is no slice."
        raise InvalidImage(message, "Choose a slice or a volume.")
    return (flat[0], True) if flat else (0, False)
