"""Examples brought onto an image: as a whole, and once more around their structures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ...engine.run import Run
from .grids import FEWEST_VOXELS, bounded_spacing, extent_of, fine_image, grid_around, resampled
from .registration import Registration
from .registrations import Registrations
from .scan import Scan

NEAR_VOXELS = {2: 40_000, 3: 100_000}
"""The box around the structures of an image of so many dimensions is registered with no more voxels."""

NEAR_SHARE = 0.4
"""Width of what is registered around the structures, as share of their extent."""

LOOK_VOXELS = 1_500_000
"""The box that is classified has no more voxels."""

LEAST_SHARE = 0.05
"""Voxels that structures cover by less are not theirs."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """How an example lies on an image.

    Parameters
    ----------
    whole
        By the whole images.
    near
        By the surroundings of the structures, begun from `whole` and from the boxes of the images laid on each other;
        none from where the structures left the image.
    """

    whole: Registration
    near: tuple[Registration, ...]


def align(
    image: sitk.Image,
    coarse: sitk.Image,
    scan: Scan,
    spacing: Sequence[float],
    run: Run,
    registrations: Registrations | None = None,
) -> Alignment:
    """Bring an example onto an image.

    Parameters
    ----------
    image, coarse
        The image, float32 from 0 to 1, with all voxels and with few.
    scan
        The example.
    spacing
        Finest spacing (i, j, k) that the surroundings are registered with [mm].
    run
        Progress and cancel.
    registrations
        What was registered before; None registers anew.
    """
    registrations = registrations or Registrations()
    whole = registrations.register(coarse, scan.coarse, run)
    # people are laid and cut alike: where the whole images mislead, their boxes may not
    boxes = laid_box_on_box(coarse, scan.coarse)
    starts = [
        (whole.affine, covered_voxels(coarse, scan, (whole.affine, whole.deformable), run)),
        (boxes, covered_voxels(coarse, scan, (boxes,), run)),
    ]
    found = (_near(image, coarse, scan, start, covered, spacing, registrations, run) for start, covered in starts)
    return Alignment(whole, tuple(registration for registration in found if registration is not None))


def _near(
    image: sitk.Image,
    coarse: sitk.Image,
    scan: Scan,
    start: sitk.Transform,
    covered: NDArray[np.bool_],
    spacing: Sequence[float],
    registrations: Registrations,
    run: Run,
) -> Registration | None:
    if not covered.any():
        return None
    extent = float(np.mean([np.ptp(where) + 1 for where in np.nonzero(covered)]))
    margin = int(np.ceil(NEAR_SHARE * extent))
    box = extent_of(grid_around(coarse, covered, margin, spacing))
    grid = grid_around(coarse, covered, margin, bounded_spacing(box, spacing, NEAR_VOXELS[len(box)]))
    fixed = fine_image(image, grid, run)
    if min(fixed.GetSize()) < FEWEST_VOXELS:
        return None
    return registrations.register_from(fixed, scan.fine, start, run)


def laid_box_on_box(fixed: sitk.Image, moving: sitk.Image) -> sitk.Transform:
    """Return the affine map that lays the box of one image on that of the other, axis by axis."""
    dimension = fixed.GetDimension()
    boxes = []
    for image in (fixed, moving):
        axes = np.array(image.GetDirection()).reshape(dimension, dimension) * extent_of(image)
        middle = image.TransformContinuousIndexToPhysicalPoint([(length - 1) / 2 for length in image.GetSize()])
        boxes.append((axes, np.array(middle)))
    (fixed_axes, fixed_middle), (moving_axes, moving_middle) = boxes
    transform = sitk.AffineTransform(dimension)
    transform.SetCenter(fixed_middle.tolist())
    transform.SetMatrix((moving_axes @ np.linalg.inv(fixed_axes)).ravel().tolist())
    transform.SetTranslation((moving_middle - fixed_middle).tolist())
    return transform


def covered_voxels(coarse: sitk.Image, scan: Scan, transforms: Sequence[sitk.Transform], run: Run) -> NDArray[np.bool_]:
    """Return the voxels of an image that an example's structures come to lie on by any of the transforms."""
    structures = sitk.Cast(scan.labels > 0, sitk.sitkFloat32)
    share = np.zeros(sitk.GetArrayViewFromImage(coarse).shape, dtype=np.float32)
    for transform in transforms:
        share += sitk.GetArrayFromImage(resampled(structures, coarse, transform, 0.0, run))
    return np.asarray(share > LEAST_SHARE)


def covered_by(alignment: Alignment, coarse: sitk.Image, scan: Scan, run: Run) -> NDArray[np.bool_]:
    """Return the voxels of an image that an example's structures come to lie on by any registration."""
    registrations = (alignment.whole, *alignment.near)
    return covered_voxels(coarse, scan, [registration.deformable for registration in registrations], run)


def look_grid(coarse: sitk.Image, region: NDArray[np.bool_], spacing: Sequence[float], reach: float) -> sitk.Image:
    """Return the grid of the box where structures are looked for.

    Parameters
    ----------
    coarse
        The image.
    region
        Its voxels that structures may cover; everything if there is none.
    spacing
        Spacing of what is looked at [mm]; coarser if the box is large.
    reach
        How far from the region to look [voxels of `spacing`].
    """
    if not region.any():
        region = ~region
    margin = int(np.ceil(2 * reach * float(np.max(np.asarray(spacing) / np.array(coarse.GetSpacing())))))
    box = extent_of(grid_around(coarse, region, margin, spacing))
    return grid_around(coarse, region, margin, bounded_spacing(box, spacing, LOOK_VOXELS))
