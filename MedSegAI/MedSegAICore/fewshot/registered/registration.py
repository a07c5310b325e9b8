"""Bring an image onto another: an affine map by mutual information, then demons.

Sources: Mattes et al., PET-CT image registration in the chest using free-form deformations, IEEE TMI 2003;
Vercauteren et al., Diffeomorphic demons, NeuroImage 2009 (symmetric forces).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from ...engine.run import Run
from .grids import extent_of, on_spacing, resampled
from .stoppable import stoppable

METRIC_BINS = 32
METRIC_SAMPLES = 20_000
"""Voxels that the mutual information is computed of at most."""
SAMPLING_SEED = 1
"""Of the places between those voxels; without one, the same images would be registered differently every time."""

AFFINE_STEPS = 60
SMALLEST_LEVEL = 12
"""Fewest voxels along the shortest axis of a coarse level."""

DEMONS_STEPS = (40, 15)
"""At half resolution and at the images' own."""

DEMONS_SIGMA = 1.5
"""Standard deviation of the Gaussian that regularises the displacement [voxels]."""

HISTOGRAM_BINS, HISTOGRAM_POINTS = 128, 10


@dataclass(frozen=True, eq=False)
class Registration:
    """How one image lies on another.

    Parameters
    ----------
    affine
        From points of the fixed image to points of the moving one, linear [mm].
    deformable
        The same after the displacement by demons.
    similarity
        Correlation of both images after `deformable` [-1, 1].
    """

    affine: sitk.Transform
    deformable: sitk.Transform
    similarity: float


def register(fixed: sitk.Image, moving: sitk.Image, run: Run) -> Registration:
    """Register two float32 images of the same dimension with intensities from 0 to 1.

    Raises
    ------
    Cancelled
        The run was stopped; it takes one iteration to notice.
    """
    return _deformed(fixed, moving, register_affine(fixed, moving, run), run)


def register_from(fixed: sitk.Image, moving: sitk.Image, start: sitk.Transform, run: Run) -> Registration:
    """Register as `register` does, but from an affine map that is nearly right already."""
    centred = _centred(start, fixed)
    return _deformed(fixed, moving, _affine_from(fixed, moving, centred, _levels(fixed)[-2:], run)[1], run)


def _deformed(fixed: sitk.Image, moving: sitk.Image, affine: sitk.Transform, run: Run) -> Registration:
    displacement = _demons(fixed, moving, affine, run)
    deformable = sitk.CompositeTransform([affine, displacement])  # the last one is applied first
    return Registration(affine, deformable, _correlation(fixed, moving, deformable))


def _centred(transform: sitk.Transform, image: sitk.Image) -> sitk.AffineTransform:
    """Return the same affine map with its centre in the image, where rotations and scalings do not also shift."""
    affine = sitk.AffineTransform(transform)
    middle = [(length - 1) / 2 for length in image.GetSize()]
    centre = image.TransformContinuousIndexToPhysicalPoint(middle)
    centred = sitk.AffineTransform(image.GetDimension())
    centred.SetCenter(centre)
    centred.SetMatrix(affine.GetMatrix())
    centred.SetTranslation(np.subtract(affine.TransformPoint(centre), centre).tolist())
    return centred


def register_affine(fixed: sitk.Image, moving: sitk.Image, run: Run) -> sitk.Transform:
    """Return the affine map that `register` begins with.

    It is begun twice, from the boxes' centres and from the contents' centres, and gone on with from the better.
    """
    levels = _levels(fixed)
    starts = (sitk.CenteredTransformInitializerFilter.GEOMETRY, sitk.CenteredTransformInitializerFilter.MOMENTS)
    found = []
    for start in starts:
        identity = sitk.AffineTransform(fixed.GetDimension())
        initial = sitk.CenteredTransformInitializer(fixed, moving, identity, start)
        found.append(_affine_from(fixed, moving, initial, levels[:1], run))
    _, best = min(found, key=lambda pair: pair[0])
    return _affine_from(fixed, moving, best, levels[1:], run)[1] if len(levels) > 1 else best


def _levels(image: sitk.Image) -> list[int]:
    return [level for level in (4, 2, 1) if level == 1 or min(image.GetSize()) >= level * SMALLEST_LEVEL]


def _affine_from(
    fixed: sitk.Image, moving: sitk.Image, initial: sitk.Transform, levels: Sequence[int], run: Run
) -> tuple[float, sitk.Transform]:
    """Return the metric (the less the better) and the map that `initial` becomes on levels of shrunken images."""
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(METRIC_BINS)
    voxels = float(np.prod(fixed.GetSize()))
    if voxels > METRIC_SAMPLES:
        method.SetMetricSamplingStrategy(sitk.ImageRegistrationMethod.REGULAR)
        method.SetMetricSamplingPercentage(METRIC_SAMPLES / voxels, SAMPLING_SEED)
    method.SetInterpolator(sitk.sitkLinear)
    step = float(np.min(fixed.GetSpacing())) * levels[0] / 2
    method.SetOptimizerAsRegularStepGradientDescent(step, step * 1e-3, AFFINE_STEPS, gradientMagnitudeTolerance=1e-6)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(levels)
    method.SetSmoothingSigmasPerLevel([level / 2 if level > 1 else 0 for level in levels])
    method.SetSmoothingSigmasAreSpecifiedInPhysicalUnits(False)
    method.SetInitialTransform(initial, inPlace=False)
    try:
        with stoppable(method, run, sitk.sitkIterationEvent):
            transform = method.Execute(fixed, moving)
    except RuntimeError:  # the images left each other
        return np.inf, initial
    return float(method.GetMetricValue()), sitk.CompositeTransform(transform).GetNthTransform(0)


def _demons(fixed: sitk.Image, moving: sitk.Image, affine: sitk.Transform, run: Run) -> sitk.Transform:
    """Return the displacement that brings the moving image, moved by `affine`, onto the fixed one."""
    moved = sitk.HistogramMatching(resampled(moving, fixed, affine), fixed, HISTOGRAM_BINS, HISTOGRAM_POINTS, True)
    inside = resampled(sitk.Cast(moving * 0 + 1, sitk.sitkFloat32), fixed, affine, outside=0.0) > 0.5
    moved = sitk.Mask(moved, inside) + sitk.Mask(fixed, sitk.Not(inside))  # no force where nothing is known
    field = None
    for shrink, steps in zip((2, 1), DEMONS_STEPS, strict=True):
        level_fixed, level_moved = (_shrunken(image, shrink) for image in (fixed, moved))
        demons = sitk.FastSymmetricForcesDemonsRegistrationFilter()
        demons.SetNumberOfIterations(steps)
        demons.SetSmoothDisplacementField(True)
        demons.SetStandardDeviations(DEMONS_SIGMA)
        with stoppable(demons, run, sitk.sitkIterationEvent):
            if field is None:
                field = demons.Execute(level_fixed, level_moved)
            else:
                start = sitk.Resample(
                    field, level_fixed, sitk.Transform(), sitk.sitkLinear, 0.0, field.GetPixelID(), True
                )
                field = demons.Execute(level_fixed, level_moved, start)
    return sitk.DisplacementFieldTransform(sitk.Cast(field, sitk.sitkVectorFloat64))


def _shrunken(image: sitk.Image, factor: int) -> sitk.Image:
    if factor == 1:
        return image
    largest = extent_of(image) / SMALLEST_LEVEL  # a short axis stays as it is
    spacing = np.array(image.GetSpacing())
    return on_spacing(image, np.maximum(spacing, np.minimum(spacing * factor, largest)))


def _correlation(fixed: sitk.Image, moving: sitk.Image, transform: sitk.Transform) -> float:
    one = sitk.GetArrayFromImage(fixed).ravel()
    other = sitk.GetArrayFromImage(resampled(moving, fixed, transform)).ravel()
    deviations = float(one.std() * other.std())
    return float(np.mean((one - one.mean()) * (other - other.mean())) / deviations) if deviations > 0 else 0.0
