"""Examples made ready to be registered: images on one scale, and the grid that is learned on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from ...engine.run import Run
from ...errors import InvalidSupport
from ..examples import Example
from .grids import Float64, as_itk, bounded_spacing, coarse_image, fine_image, grid_around, normalised, used_ranges
from .scan import Scan

FINE_VOXELS = 600_000
"""The box around an example's structures has no more voxels."""

REACH_SHARE, LEAST_REACH = 0.25, 5.0
"""How far structures are looked for: share of their extent, and at least so many voxels."""


@dataclass(frozen=True, eq=False)
class Sources:
    """All examples.

    Parameters
    ----------
    images
        The canonical views, float32 from 0 to 1.
    maps
        Their structures, uint8: 1 for the first, and so on.
    scans
        What is kept of them.
    spacing
        Of the voxels that are classified (i, j, k) [mm].
    reach
        How far from the prior structures are looked for [voxels of `spacing`].
    """

    images: tuple[sitk.Image, ...]
    maps: tuple[sitk.Image, ...]
    scans: tuple[Scan, ...]
    spacing: tuple[float, ...]
    reach: float


def prepare_sources(examples: Sequence[Example], labels: Sequence[str], run: Run | None = None) -> Sources:
    """Return the examples ready to be registered; raises what `fit_supports` raises."""
    images, run = [], run or Run()
    for example in examples:
        with example.named_in_errors():
            images.append(normalised(example.image, run))
    for example, image in zip(examples, images, strict=True):
        if image.GetDimension() != images[0].GetDimension():
            message = f"{example.title} and the first one are not both slices or both volumes."
            raise InvalidSupport(message, "Choose examples of one kind.")
    maps = [drawn_map(example, labels, run) for example in examples]
    native = np.median([image.GetSpacing() for image in images], axis=0)
    sides = np.array([_structure_extent(label_map, run) for label_map in maps])
    spacing = bounded_spacing(sides.max(axis=0) * (1 + 2 * REACH_SHARE), native, FINE_VOXELS)
    reach = max(LEAST_REACH, REACH_SHARE * float(np.exp(np.log(sides / spacing).mean())))
    pairs = zip(images, maps, strict=True)
    scans = tuple(_scan(image, label_map, spacing, reach, run) for image, label_map in pairs)
    return Sources(tuple(images), tuple(maps), scans, tuple(float(step) for step in spacing), reach)


def drawn_map(example: Example, labels: Sequence[str], run: Run) -> sitk.Image:
    """Return the structures of an example on its canonical view, uint8: 1 for the first, and so on."""
    run.check()
    label_map = example.label_map(labels)
    run.check()
    return as_itk(label_map, example.image.canonical().geometry)


def _structure_extent(label_map: sitk.Image, run: Run) -> Float64:
    run.check()
    used = used_ranges(sitk.GetArrayViewFromImage(label_map) > 0)
    voxels = np.array([along.stop - along.start for along in used[::-1]])
    return np.asarray(voxels * np.array(label_map.GetSpacing()))


def _scan(image: sitk.Image, label_map: sitk.Image, spacing: Float64, reach: float, run: Run) -> Scan:
    run.check()
    structure = sitk.GetArrayViewFromImage(label_map) > 0
    margin = int(np.ceil(2 * reach * float(np.max(spacing / np.array(image.GetSpacing())))))
    grid = grid_around(image, structure, margin, spacing)
    return Scan(coarse_image(image, run), fine_image(image, grid, run), labels_on(label_map, grid))


def labels_on(label_map: sitk.Image, grid: sitk.Image) -> sitk.Image:
    """Return a label map on another grid, the nearest value at each voxel."""
    identity = sitk.Transform(grid.GetDimension(), sitk.sitkIdentity)
    return sitk.Resample(label_map, grid, identity, sitk.sitkNearestNeighbor, 0, sitk.sitkUInt8)
