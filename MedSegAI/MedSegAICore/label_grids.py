"""Labels brought onto the grid of their reference, voxel by voxel where that is possible."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from .errors import GeometryMismatch
from .geometry import VolumeGeometry
from .images import image_from_array
from .label_files import Labels

LATTICE_TOLERANCE = 1e-3
"""Voxels by which two grids may be off and still share their voxels."""

RESAMPLE = "Resample the prediction onto the reference's grid, or let it be done here (--resample)."


def check_grids(prediction: VolumeGeometry, reference: VolumeGeometry, name: str) -> None:
    """Raise `GeometryMismatch` unless the voxels of one grid are voxels of the other.

    Crops, flips and other orders of storage are such grids: nothing needs to be interpolated between them.
    """
    if not prediction.matches(reference) and not _shares_voxels(prediction, reference):
        sizes = " and ".join(_in_words(geometry) for geometry in (prediction, reference))
        message = f"The prediction '{name}' and its reference lie on different grids: {sizes}."
        raise GeometryMismatch(message, RESAMPLE)


def placed_on(labels: Labels, geometry: VolumeGeometry, *, resample: bool) -> Labels:
    """Return labels on another grid: moved voxel by voxel where the grids share their voxels.

    Parameters
    ----------
    labels
        What is moved.
    geometry
        The grid of the reference.
    resample
        Whether other grids are allowed too; then each voxel takes the label of the nearest one.

    Raises
    ------
    GeometryMismatch
        The grids share no voxels, or labels lie outside the reference, and `resample` is not set.
    """
    if labels.geometry.matches(geometry):
        return labels
    if not resample:
        check_grids(labels.geometry, geometry, "")
    layers = tuple(_resampled(layer, labels.geometry, geometry) for layer in labels.layers)
    if not resample and any(
        np.count_nonzero(before) != np.count_nonzero(after) for before, after in zip(labels.layers, layers, strict=True)
    ):
        message = "A part of the prediction lies outside the image of the reference."
        raise GeometryMismatch(message, RESAMPLE)
    return replace(labels, layers=layers, geometry=geometry)


def _shares_voxels(one: VolumeGeometry, other: VolumeGeometry) -> bool:
    """Tell whether the voxels of one grid lie on voxels of the other, or would if that went on beyond its ends."""
    between = other.ras_to_ijk @ one.ijk_to_ras
    turn, shift = between[:3, :3], between[:3, 3]
    reach = LATTICE_TOLERANCE / max(*one.shape, *other.shape)
    whole = np.abs(np.round(turn))
    is_permutation = (whole.sum(axis=0) == 1).all() and (whole.sum(axis=1) == 1).all()
    is_near = (np.abs(turn - np.round(turn)) <= reach).all() and (
        np.abs(shift - np.round(shift)) <= LATTICE_TOLERANCE
    ).all()
    return bool(is_permutation and is_near)


def _resampled(layer: NDArray[Any], source: VolumeGeometry, target: VolumeGeometry) -> NDArray[Any]:
    """Return a layer on another grid; each voxel takes the label of the nearest one, 0 outside."""
    grid = image_from_array(np.zeros((1, 1, 1), np.uint8), target)
    moved = sitk.Resample(
        image_from_array(layer, source),
        target.shape[::-1],
        sitk.Transform(),
        sitk.sitkNearestNeighbor,
        grid.GetOrigin(),
        grid.GetSpacing(),
        grid.GetDirection(),
        0,
    )
    array: NDArray[Any] = sitk.GetArrayFromImage(moved)
    return array


def _in_words(geometry: VolumeGeometry) -> str:
    size = " x ".join(str(length) for length in geometry.shape[::-1])
    spacing = " x ".join(f"{length:.3g}" for length in geometry.spacing_ijk)
    origin = ", ".join(f"{position:.4g}" for position in geometry.ijk_to_ras[:3, 3])
    return f"{size} voxels of {spacing} mm from ({origin})"
