"""Propagation along all three directions, averaged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..engine.run import Run
from ..prompts import BoxPrompt, PointPrompt, Prompt
from ..volume import VolumePatch, combined, nonzero_bounds
from .propagation import Walk, propagate
from .segmenter import VolumeAnswer


def fuse_directions(walk: Walk, run: Run) -> VolumeAnswer:
    """Return the mean probability of three propagations, one along each axis.

    The first follows the prompted slices. Its answer gives each of the other two a box on its middle slice,
    beside the points that the user placed.
    """
    first = propagate(walk, run.part(0.0, 0.4))
    found = first.probability
    inside = VolumePatch(found.array >= 0.5, found.offset, found.geometry).tight()
    if inside.array.size == 0:
        return first
    answers = [first]
    for step, axis in enumerate(other for other in range(3) if other != walk.axis):
        prompts: tuple[Prompt, ...] = tuple(p for p in walk.prompts if isinstance(p, PointPrompt))
        across = replace(walk, axis=axis, prompts=(_middle_box(inside, axis), *prompts), limits=None)
        answers.append(propagate(across, run.part(0.4 + 0.3 * step, 0.7 + 0.3 * step)))
    warnings = tuple(dict.fromkeys(warning for answer in answers for warning in answer.warnings))
    return VolumeAnswer(_mean([answer.probability for answer in answers], walk), warnings=warnings)


def _middle_box(inside: VolumePatch, axis: int) -> BoxPrompt:
    """Return the flat box around the mask on the slice where it is largest."""
    area = inside.array.sum(axis=tuple(other for other in range(3) if other != axis))
    largest = int(np.argmax(area))
    bounds = nonzero_bounds(np.take(inside.array, [largest], axis=axis))
    assert bounds is not None  # noqa: S101  the largest slice of a mask that is not empty
    offset = np.array(inside.offset, dtype=np.float64)
    low = offset + [cut.start - 0.5 for cut in bounds]
    high = offset + [cut.stop - 0.5 for cut in bounds]
    low[axis] = high[axis] = inside.offset[axis] + largest
    geometry = inside.geometry
    corners = geometry.to_ras(np.stack([low, high])[:, ::-1])
    flat_last = [2 - other for other in range(3) if other != axis] + [2 - axis]
    axes = geometry.axes_ras[:, flat_last]
    size = np.abs((high - low)[::-1] * geometry.spacing_ijk)[flat_last]
    return BoxPrompt(corners.mean(axis=0), size, axes)


def _mean(patches: list[VolumePatch], walk: Walk) -> VolumePatch:
    total = combined([patch for patch in patches if patch.array.size], np.add)
    array = total.array / np.float32(len(patches))
    if walk.limits is not None:
        index = np.arange(array.shape[walk.axis]) + total.offset[walk.axis]
        beyond = (index < walk.limits[0]) | (index > walk.limits[1])
        np.moveaxis(array, walk.axis, 0)[beyond] = 0
    return VolumePatch(array, total.offset, total.geometry)
