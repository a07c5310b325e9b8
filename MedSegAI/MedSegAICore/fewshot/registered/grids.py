"""Images as ITK knows them: intensities on one scale, a bounded number of voxels, boxes around structures.

A volume of one slice becomes a plane, because ITK can neither smooth nor register along an axis of one voxel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import ArrayLike, NDArray

from ...engine.run import Run
from ...errors import InvalidImage
from ...geometry import VolumeGeometry
from ...images import image_from_array
from ...volume import ImageVolume
from .stoppable import executed

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

FEWEST_VOXELS = 8
"""Along each axis of an image that can be registered."""

COARSE_VOXELS = {2: 50_000, 3: 200_000}
"""An image of so many dimensions is registered with no more voxels."""

SAMPLE = 1_000_000
"""About so many voxels tell the range of the intensities."""

RANGE_QUANTILES = (0.005, 0.995)

SLAB_VOXELS = 1 << 22
"""Intensities are scaled in slabs of about so many voxels, a part of a second each."""


def flat_axis(geometry: VolumeGeometry) -> int | None:
    """Return the axis (k, j, i) of a volume that has one voxel only; None if there is none.

    Raises
    ------
    InvalidImage
        The image is too small to be registered.
    """
    flat = [axis for axis, length in enumerate(geometry.shape) if length == 1]
    if len(flat) > 1 or any(1 < length < FEWEST_VOXELS for length in geometry.shape):
        message = f"The image has {' x '.join(map(str, geometry.shape[::-1]))} voxels, too few to be compared."
        raise InvalidImage(
            message, f"Choose one slice or a volume, with at least {FEWEST_VOXELS} voxels along an axis."
        )
    return flat[0] if flat else None


def as_itk(array: NDArray[Any], geometry: VolumeGeometry) -> sitk.Image:
    """Return voxels (k, j, i) as an ITK image; those of one slice as a plane whose first pixel is the origin."""
    flat = flat_axis(geometry)
    if flat is None:
        return image_from_array(np.ascontiguousarray(array), geometry)
    plane = sitk.GetImageFromArray(np.ascontiguousarray(array.squeeze(axis=flat)))
    plane.SetSpacing(np.delete(geometry.spacing_kji, flat)[::-1].tolist())
    return plane


def as_voxels(image: sitk.Image, geometry: VolumeGeometry) -> NDArray[Any]:
    """Return what `as_itk` was given (k, j, i)."""
    array = sitk.GetArrayFromImage(image)
    flat = flat_axis(geometry)
    return array if flat is None else np.expand_dims(array, flat)


def normalised(image: ImageVolume, run: Run | None = None) -> sitk.Image:
    """Return the canonical view of an image with float32 intensities on a scale from 0 to 1, cut off there.

    Raises
    ------
    InvalidImage
        All voxels are alike, or the image is too small.
    Cancelled
        The run was stopped.
    """
    array = image.canonical().array
    step = max(1, round((array.size / SAMPLE) ** (1 / 3)))
    low, high = np.quantile(array[::step, ::step, ::step].astype(np.float64), RANGE_QUANTILES)
    if not high > low:
        low, high = float(array.min()), float(array.max())
    if not high > low:
        message = "All voxels of the image are alike."
        raise InvalidImage(message, "Choose an image that shows something.")
    scaled = unit_scaled(array, float(low), float(high), run)
    return as_itk(scaled, image.canonical().geometry)


def unit_scaled(array: NDArray[Any], low: float, high: float, run: Run | None = None) -> Float32:
    """Return intensities on a scale where `low` is 0 and `high`, which is greater, is 1, cut off there.

    Raises
    ------
    Cancelled
        The run was stopped.
    """
    run, scaled = run or Run(), np.empty(array.shape, dtype=np.float32)
    thickness = max(1, SLAB_VOXELS * len(array) // array.size)
    for start in range(0, len(array), thickness):
        run.check()
        scaled[start : start + thickness] = _scaled_slab(array[start : start + thickness], low, high)
    run.check()
    return scaled


def _scaled_slab(array: NDArray[Any], low: float, high: float) -> Float32:
    with np.errstate(over="ignore", invalid="ignore"):
        fits = abs(float(np.float32(high) - np.float32(low)) - (high - low)) < 1e-3 * (high - low)
    if fits:
        scaled = (array.astype(np.float32) - np.float32(low)) / np.float32(high - low)
    else:  # halves: the whole range may be more than a number can hold
        scaled = (array.astype(np.float64) / 2 - low / 2) / (high / 2 - low / 2)
    return np.asarray(np.clip(scaled, 0, 1), dtype=np.float32)


def bounded_spacing(extent: ArrayLike, spacing: ArrayLike, voxels: int) -> Float64:
    """Return a spacing with which a box has no more than so many voxels; the finest axes are made coarser first.

    Parameters
    ----------
    extent
        Sides of the box [mm].
    spacing
        Finest spacing along them [mm].
    voxels
        Limit.
    """
    sides, finest = np.asarray(extent, dtype=np.float64), np.asarray(spacing, dtype=np.float64)
    low, high = float(finest.min()), float(max(sides.max(), finest.max()))
    if np.prod(np.maximum(sides / finest, 1)) <= voxels:
        return finest
    for _ in range(40):  # bisection
        middle = (low + high) / 2
        count = np.prod(np.maximum(sides / np.maximum(finest, middle), 1))
        low, high = (middle, high) if count > voxels else (low, middle)
    coarser: Float64 = np.maximum(finest, high)
    return coarser


def extent_of(image: sitk.Image) -> Float64:
    """Return the sides of an image along its axes (i, j, k) [mm]."""
    extent: Float64 = np.array(image.GetSize()) * np.array(image.GetSpacing())
    return extent


def empty_grid(image: sitk.Image, start: Sequence[float], extent: ArrayLike, spacing: ArrayLike) -> sitk.Image:
    """Return an image without content: a box along the axes of `image`.

    Parameters
    ----------
    image
        Gives the directions.
    start
        Corner of the box, as a continuous index (i, j, k) of `image`; its first voxel's corner is at -0.5.
    extent
        Sides (i, j, k) [mm].
    spacing
        Largest spacing (i, j, k) [mm]; it is made smaller so that whole voxels fill the box.
    """
    sides = np.asarray(extent, dtype=np.float64)
    size = np.maximum(1, np.ceil(sides / np.asarray(spacing) - 1e-6)).astype(int)
    step = sides / size
    grid = sitk.Image(size.tolist(), sitk.sitkUInt8)
    grid.SetSpacing(step.tolist())
    grid.SetDirection(image.GetDirection())
    first = np.asarray(start) + step / 2 / np.array(image.GetSpacing())
    grid.SetOrigin(image.TransformContinuousIndexToPhysicalPoint(first.tolist()))
    return grid


def on_spacing(image: sitk.Image, spacing: ArrayLike, run: Run | None = None) -> sitk.Image:
    """Return a float32 image with another spacing over the same box; smoothed before it is made coarser."""
    grid = empty_grid(image, [-0.5] * image.GetDimension(), extent_of(image), spacing)
    if grid.GetSize() == image.GetSize():
        return image
    return resampled(smoothed_for(image, grid.GetSpacing(), run), grid, run=run)


def coarse_image(image: sitk.Image, run: Run | None = None) -> sitk.Image:
    """Return a whole image with as few voxels as are registered."""
    voxels = COARSE_VOXELS[image.GetDimension()]
    return on_spacing(image, bounded_spacing(extent_of(image), image.GetSpacing(), voxels), run)


def fine_image(image: sitk.Image, grid: sitk.Image, run: Run | None = None) -> sitk.Image:
    """Return a box of an image on a grid."""
    return resampled(smoothed_for(image, grid.GetSpacing(), run), grid, run=run)


def smoothed_for(image: sitk.Image, spacing: ArrayLike, run: Run | None = None) -> sitk.Image:
    """Return an image without what a coarser spacing (i, j, k) [mm] cannot hold."""
    ratio = np.asarray(spacing) / np.array(image.GetSpacing())
    variance = np.where(ratio > 1.2, (0.5 * ratio) ** 2 - 0.25, 0) * np.array(image.GetSpacing()) ** 2
    if not variance.any():
        return image
    gaussian = sitk.DiscreteGaussianImageFilter()
    gaussian.SetVariance(np.maximum(variance, 1e-9).tolist())
    return executed(gaussian, run, image)


def resampled(
    image: sitk.Image,
    grid: sitk.Image,
    transform: sitk.Transform | None = None,
    outside: float | None = None,
    run: Run | None = None,
) -> sitk.Image:
    """Return an image on another grid, linearly interpolated.

    Parameters
    ----------
    image
        What is moved.
    grid
        Where to.
    transform
        From points of `grid` to points of `image`; None where both share a world.
    outside
        Value where the image does not reach; None repeats its border.
    run
        Cancel.

    Raises
    ------
    Cancelled
        The run was stopped.
    """
    resample = sitk.ResampleImageFilter()
    resample.SetReferenceImage(grid)
    resample.SetInterpolator(sitk.sitkLinear)
    resample.SetOutputPixelType(sitk.sitkFloat32)
    resample.SetUseNearestNeighborExtrapolator(outside is None)
    resample.SetDefaultPixelValue(outside or 0.0)
    if transform is not None:
        resample.SetTransform(transform)
    else:
        resample.SetTransform(sitk.Transform(image.GetDimension(), sitk.sitkIdentity))
    return executed(resample, run, image)


def grid_around(image: sitk.Image, region: NDArray[np.bool_], margin: int, spacing: ArrayLike) -> sitk.Image:
    """Return the grid of a box around a region of an image.

    Parameters
    ----------
    image
        The image.
    region
        Voxels of it (k, j, i), or (j, i) of a plane; at least one.
    margin
        So many of its voxels are kept around the region where the image has them.
    spacing
        Largest spacing (i, j, k) [mm].
    """
    used = used_ranges(region)
    low = [max(along.start - margin, 0) for along in used]
    high = [min(along.stop + margin, length) for along, length in zip(used, region.shape, strict=True)]
    start = np.array(low[::-1]) - 0.5
    extent = (np.array(high[::-1]) - np.array(low[::-1])) * np.array(image.GetSpacing())
    return empty_grid(image, start.tolist(), extent, spacing)


def used_ranges(region: NDArray[np.bool_]) -> list[slice]:
    """Return where a region lies along each axis of its array; somewhere it is true."""
    ranges = []
    for axis in range(region.ndim):
        used = np.flatnonzero(region.any(axis=tuple(other for other in range(region.ndim) if other != axis)))
        ranges.append(slice(int(used[0]), int(used[-1]) + 1))
    return ranges
