"""Volumes and parts of volumes: voxels that know where they lie."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import GeometryMismatch, InvalidImage
from .geometry import Triple, VolumeGeometry, canonical_geometry, canonical_view, from_canonical

Bounds = tuple[slice, slice, slice]

PIECE_BYTES = 1 << 20
"""Voxels are read in pieces of about this size, a millisecond each; whoever reads can do other things in between."""


def _never_written() -> Hashable:
    """Tell nothing: nobody writes to the voxels."""
    return None


@dataclass(frozen=True, eq=False)
class ImageVolume:
    """One scalar volume.

    Parameters
    ----------
    array
        Intensities (k, j, i), any real number type. It is not copied unless it must be repaired:
        do not write to it afterwards.
    geometry
        The grid of the voxels.
    warnings
        What was repaired, in words for the user.
    known_fingerprint
        Fingerprint of a view of an image that has one; "" lets the voxels be hashed when it is asked for.
    voxel_version
        Where the array belongs to somebody else: gives another value once they have written to it. What is
        read in pieces must then be read again.

    Raises
    ------
    InvalidImage
        The array is empty, not three-dimensional, not real, or has no finite voxel.
    GeometryMismatch
        The array and the geometry differ in shape.
    """

    array: NDArray[Any]
    geometry: VolumeGeometry
    warnings: tuple[str, ...] = field(default=())
    known_fingerprint: str = ""
    voxel_version: Callable[[], Hashable] = _never_written

    def __post_init__(self) -> None:
        array = np.asarray(self.array)
        _check_scalar_volume(array)
        if array.shape != self.geometry.shape:
            message = f"The voxels have the shape {array.shape} but the geometry says {self.geometry.shape}."
            raise GeometryMismatch(message, "Load the volume again.")
        array, repaired = _without_infinite_voxels(array)
        object.__setattr__(self, "array", array)
        object.__setattr__(self, "warnings", (*self.warnings, *repaired))

    @cached_property
    def fingerprint(self) -> str:
        """Hash of voxels, type and geometry: two volumes with one fingerprint are the same image."""
        self.take_fingerprint(lambda: None)
        return self.known_fingerprint or str(self.__dict__["fingerprint"])

    @property
    def has_fingerprint(self) -> bool:
        """Whether the fingerprint is known, so that asking for it takes no time."""
        return bool(self.known_fingerprint) or "fingerprint" in self.__dict__

    def take_fingerprint(self, between_pieces: Callable[[], None]) -> None:
        """Compute the fingerprint now; `between_pieces` is called often and may raise to stop it."""
        if not self.has_fingerprint:
            for _ in self.pieces():
                between_pieces()

    def pieces(self) -> Iterator[memoryview]:
        """Yield the bytes of the voxels in the order (k, j, i); after the last piece the fingerprint is known."""
        header = (self.array.dtype.str, self.array.shape, self.geometry.ijk_to_ras.tobytes())
        digest = None if self.has_fingerprint else hashlib.blake2b(repr(header).encode(), digest_size=16)
        rows = max(1, PIECE_BYTES // (self.array.shape[2] * self.array.dtype.itemsize))
        for plane in self.array:  # a view need not be copied as a whole
            for start in range(0, len(plane), rows):
                piece = np.ascontiguousarray(plane[start : start + rows]).reshape(-1).view(np.uint8).data
                if digest is not None:
                    digest.update(piece)
                yield piece
        if digest is not None:
            self.__dict__["fingerprint"] = digest.hexdigest()  # where cached_property looks for it

    def canonical(self) -> ImageVolume:
        """Return a view whose axes (k, j, i) run towards (superior, posterior, left)."""
        return self._canonical

    @cached_property
    def _canonical(self) -> ImageVolume:
        view = canonical_view(self.array, self.geometry)
        name = f"{self.fingerprint} canonical"
        return ImageVolume(view, canonical_geometry(self.geometry), self.warnings, known_fingerprint=name)


def _check_scalar_volume(array: NDArray[Any]) -> None:
    if array.ndim != 3:
        message = f"The image has {array.ndim} dimensions; one scalar volume has three."
        advice = "Choose one frame of a time series; convert a colour image to grey first."
        raise InvalidImage(message, advice)
    if array.size == 0:
        message = "The image has no voxels."
        raise InvalidImage(message)
    if array.dtype.kind not in "biuf":
        message = f"The image holds values of the type {array.dtype}, not real numbers."
        raise InvalidImage(message)


def _without_infinite_voxels(array: NDArray[Any]) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Replace NaN and infinite voxels by the nearest end of the finite range."""
    if array.dtype.kind != "f":
        return array, ()
    lowest, highest = float(array.min()), float(array.max())
    if np.isfinite(lowest) and np.isfinite(highest):
        return array, ()
    finite = np.isfinite(array)
    if not finite.any():
        message = "The image has no finite voxel."
        raise InvalidImage(message, "Load the volume again; every voxel is NaN or infinite.")
    lowest, highest = float(array[finite].min()), float(array[finite].max())
    count = int(array.size - np.count_nonzero(finite))
    repaired = np.nan_to_num(array, nan=lowest, posinf=highest, neginf=lowest)
    return repaired, (f"{count} voxels were NaN or infinite and were replaced.",)


@dataclass(frozen=True, eq=False)
class VolumePatch:
    """A box of voxels cut out of a volume: a mask, a probability or an uncertainty.

    Parameters
    ----------
    array
        Values (k, j, i) of the box; bool for a mask.
    offset
        First voxel of the box in the volume (k, j, i).
    geometry
        Grid of the *whole* volume that the box belongs to.
    """

    array: NDArray[Any]
    offset: Triple
    geometry: VolumeGeometry

    def __post_init__(self) -> None:
        if self.array.ndim != 3:
            message = f"A patch needs three dimensions, not {self.array.ndim}."
            raise GeometryMismatch(message)
        object.__setattr__(self, "offset", tuple(int(n) for n in self.offset))
        outside = [
            start < 0 or start + size > length
            for start, size, length in zip(self.offset, self.array.shape, self.geometry.shape, strict=True)
        ]
        if any(outside):
            message = f"The patch at {self.offset} of shape {self.array.shape} leaves the volume {self.geometry.shape}."
            raise GeometryMismatch(message)

    @classmethod
    def whole(cls, array: ArrayLike, geometry: VolumeGeometry) -> VolumePatch:
        """Return the patch that covers the whole volume."""
        return cls(np.asarray(array), (0, 0, 0), geometry)

    @property
    def bounds(self) -> Bounds:
        """Where the patch lies in an array of the whole volume."""
        k, j, i = (slice(start, start + size) for start, size in zip(self.offset, self.array.shape, strict=True))
        return k, j, i

    @property
    def patch_geometry(self) -> VolumeGeometry:
        """Grid of the patch alone."""
        k, j, i = self.array.shape
        return self.geometry.crop(self.offset, (k, j, i))

    def within(self, bounds: Bounds) -> NDArray[Any]:
        """Return an array of the box `bounds` of the volume with the patch in place, 0 elsewhere."""
        box = np.zeros(tuple(cut.stop - cut.start for cut in bounds), dtype=self.array.dtype)
        overlap = [
            (max(ours.start, theirs.start), min(ours.stop, theirs.stop))
            for ours, theirs in zip(self.bounds, bounds, strict=True)
        ]
        if all(start < stop for start, stop in overlap):
            into = tuple(slice(a - cut.start, b - cut.start) for (a, b), cut in zip(overlap, bounds, strict=True))
            out_of = tuple(
                slice(a - cut.start, b - cut.start) for (a, b), cut in zip(overlap, self.bounds, strict=True)
            )
            box[into] = self.array[out_of]
        return box

    def full(self, fill: float = 0) -> NDArray[Any]:
        """Return an array of the whole volume (k, j, i) with the patch in place."""
        whole = np.full(self.geometry.shape, fill, dtype=self.array.dtype)
        whole[self.bounds] = self.array
        return whole

    def tight(self) -> VolumePatch:
        """Return the smallest patch that holds every voxel that is not zero; (0, 0, 0) voxels if there is none."""
        bounds = nonzero_bounds(self.array)
        if bounds is None:
            return VolumePatch(self.array[:0, :0, :0], self.offset, self.geometry)
        offset = tuple(start + cut.start for start, cut in zip(self.offset, bounds, strict=True))
        return VolumePatch(self.array[bounds], (offset[0], offset[1], offset[2]), self.geometry)

    def canonical(self) -> VolumePatch:
        """Return this patch as a patch of the canonical view of its volume."""
        axes, flips = self.geometry.canonical_axes
        k, j, i = (
            self.geometry.shape[axis] - self.offset[axis] - self.array.shape[axis] if flip else self.offset[axis]
            for axis, flip in zip(axes, flips, strict=True)
        )
        return VolumePatch(canonical_view(self.array, self.geometry), (k, j, i), canonical_geometry(self.geometry))

    def in_storage_order(self, geometry: VolumeGeometry) -> VolumePatch:
        """Return this patch of a canonical volume as a patch of the volume as stored in `geometry`."""
        if not canonical_geometry(geometry).matches(self.geometry):
            message = "The patch does not belong to this volume."
            raise GeometryMismatch(message)
        axes, flips = geometry.canonical_axes
        offset = [0, 0, 0]
        for new, (old, flip) in enumerate(zip(axes, flips, strict=True)):
            start, size = self.offset[new], self.array.shape[new]
            offset[old] = geometry.shape[old] - start - size if flip else start
        return VolumePatch(from_canonical(self.array, geometry), (offset[0], offset[1], offset[2]), geometry)


def nonzero_bounds(array: NDArray[Any]) -> Bounds | None:
    """Return the smallest box around all non-zero values of a (k, j, i) array, or None if there is none."""
    ranges = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        used = np.flatnonzero(array.any(axis=others))
        if used.size == 0:
            return None
        ranges.append(slice(int(used[0]), int(used[-1]) + 1))
    return ranges[0], ranges[1], ranges[2]


def combined(patches: Sequence[VolumePatch], operation: np.ufunc) -> VolumePatch:
    """Return one patch around all `patches` of a volume, their float32 values joined by `operation`.

    Parameters
    ----------
    patches
        At least one patch, all of the same volume.
    operation
        `np.maximum` or `np.add`; what no patch covers is 0.
    """
    low = np.min([patch.offset for patch in patches], axis=0)
    high = np.max([np.add(patch.offset, patch.array.shape) for patch in patches], axis=0)
    array = np.zeros(tuple(high - low), dtype=np.float32)
    for patch in patches:
        start = np.array(patch.offset) - low
        part = array[tuple(slice(a, a + n) for a, n in zip(start, patch.array.shape, strict=True))]
        operation(part, patch.array, out=part)
    return VolumePatch(array, (int(low[0]), int(low[1]), int(low[2])), patches[0].geometry)
