"""The prompt paradigm: from a request to a result, for every promptable model."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import cast

import numpy as np

from ..clean_up import cleaned
from ..engine.provenance import provenance_of
from ..engine.run import Run
from ..errors import GeometryMismatch, InvalidRequest, NoPositivePrompt, PromptOutsideImage, UnsupportedPrompt
from ..geometry import VolumeGeometry
from ..prompts import BoxPrompt, LassoPrompt, MaskPrompt, PointPrompt, Prompt, ScribblePrompt
from ..request import IntensityWindow, PromptTask, SegmentationRequest, SliceScope, VolumeScope
from ..result import SegmentationResult
from ..task_fields import task_to_dict
from ..volume import ImageVolume, VolumePatch
from .fusion import fuse_directions
from .grid import ALONG, SliceGrid, grid_of_plane
from .on_slice import dense_path, has_positive, polygon_mask, prompts_on_slice
from .propagation import Walk, propagate, slice_image
from .segmenter import Float32, PromptSegmenter, SliceAnswer, VolumeAnswer, VolumeSegmenter
from .window import automatic_window


def segment_prompts(request: SegmentationRequest, segmenter: PromptSegmenter, run: Run) -> SegmentationResult:
    """Segment what the prompts point at.

    Parameters
    ----------
    request
        The image and a `PromptTask`.
    segmenter
        The model.
    run
        Progress and cancel.

    Raises
    ------
    NoPositivePrompt
        Nothing says what is inside; on a slice, nothing on that slice.
    PromptOutsideImage
        A prompt or the slice lies outside the image.
    GeometryMismatch
        A mask is not on the grid of the image.
    InvalidRequest
        A mask has no voxels.
    UnsupportedPrompt
        The model cannot do what the scope asks for.
    Cancelled
        The user stopped the run.
    """
    began = time.perf_counter()
    task = request.task
    assert isinstance(task, PromptTask)  # noqa: S101  the engine chooses the paradigm by the task
    request.image.take_fingerprint(run.check)
    image = request.image.canonical()
    prompts = tuple(_canonical(prompt) for prompt in task.prompts)
    check_prompts(prompts, image.geometry)
    run.check()
    window = task.window or automatic_window(image)
    run.check()
    scope = task.scope
    if isinstance(scope, SliceScope):
        grid = grid_of_plane(image.geometry, scope.plane)
        slice_answer = _on_slice(image, prompts, grid, window, segmenter, run)
        answer = VolumeAnswer(grid.paste(slice_answer.probability), slice_answer.quality, slice_answer.warnings)
        pictures = (slice_answer.probability, *slice_answer.candidates)
        masks = tuple(_mask_on_slice(picture, grid, task) for picture in pictures)
    else:
        answer = _in_volume(image, prompts, scope, window, segmenter, run)
        masks = (_mask(answer.probability, task),)
    run.step(1.0, "Finishing")
    return _result(request, replace(task, window=window), segmenter, answer, masks, began)


def _result(
    request: SegmentationRequest,
    task: PromptTask,
    segmenter: PromptSegmenter,
    answer: VolumeAnswer,
    masks: tuple[VolumePatch, ...],
    began: float,
) -> SegmentationResult:
    stored = request.image.geometry
    empty = () if masks[0].array.any() else ("Nothing was found. Add a point inside the structure.",)
    masks = tuple(mask.in_storage_order(stored) for mask in masks)
    probability = answer.probability.in_storage_order(stored)
    return SegmentationResult(
        mask=masks[0],
        probability=VolumePatch(probability.array.astype(np.float16), probability.offset, stored),
        provenance=provenance_of(task_to_dict(task), request.image, segmenter, time.perf_counter() - began),
        quality=answer.quality,
        candidates=masks[1:],
        warnings=(*request.image.warnings, *answer.warnings, *empty),
        segment=request.segment,
        generation=request.generation,
    )


def _mask(probability: VolumePatch, task: PromptTask) -> VolumePatch:
    inside = VolumePatch(probability.array >= task.threshold, probability.offset, probability.geometry)
    return cleaned(inside, task.clean_up)


def _mask_on_slice(probability: Float32, grid: SliceGrid, task: PromptTask) -> VolumePatch:
    """Return the voxels of a picture's mask; it is cleaned as a picture, because oblique voxels form a staircase."""
    layer = _mask(VolumePatch.whole(probability[None], grid.layer), task)
    return grid.paste(layer.full()[0]).tight()


def _canonical(prompt: Prompt) -> Prompt:
    """Return the prompt with its mask, if it has one, on the canonical grid."""
    return replace(prompt, patch=prompt.patch.canonical()) if isinstance(prompt, MaskPrompt) else prompt


def check_prompts(prompts: tuple[Prompt, ...], geometry: VolumeGeometry) -> None:
    """Raise a named error unless every prompt touches the image and one of them is positive."""
    if not any(prompt.positive for prompt in prompts):
        message = "No prompt says what is inside."
        raise NoPositivePrompt(message)
    for prompt in prompts:
        if isinstance(prompt, MaskPrompt):
            _check_mask(prompt, geometry)
        elif not _touches(prompt, geometry):
            kind = type(prompt).__name__.removesuffix("Prompt").lower()
            message = f"A {kind} lies outside the image."
            raise PromptOutsideImage(message)


def _check_mask(prompt: MaskPrompt, geometry: VolumeGeometry) -> None:
    if not geometry.matches(prompt.patch.geometry):
        message = "A mask is not on the grid of the image."
        raise GeometryMismatch(message, "Resample the mask onto the grid of the image.")
    if not prompt.patch.array.any():
        message = "A mask has no voxels."
        raise InvalidRequest(message, "Leave it out, or choose a mask that has voxels.")


def _touches(prompt: PointPrompt | ScribblePrompt | LassoPrompt | BoxPrompt, geometry: VolumeGeometry) -> bool:
    if isinstance(prompt, PointPrompt):
        return bool(geometry.contains(prompt.position_ras)[0])
    if isinstance(prompt, ScribblePrompt):
        path = dense_path(prompt.points_ras, float(geometry.spacing_ijk.min()) / 2)
        return bool(geometry.contains(path).any())
    if isinstance(prompt, LassoPrompt):
        if geometry.contains(prompt.points_ras).any():
            return True
        grid = grid_of_plane(geometry, prompt.plane)
        return bool(polygon_mask(grid.pixels_of(prompt.points_ras), grid.shape).any())
    ijk = geometry.to_ijk(prompt.corners_ras())
    last = np.array(geometry.shape[::-1]) - 0.5
    return bool((ijk.max(axis=0) >= -0.5).all() and (ijk.min(axis=0) <= last).all())


def _on_slice(
    image: ImageVolume,
    prompts: tuple[Prompt, ...],
    grid: SliceGrid,
    window: IntensityWindow,
    segmenter: PromptSegmenter,
    run: Run,
) -> SliceAnswer:
    if 2 not in segmenter.capabilities.dimensions:  # what a model finds in three dimensions can be shown on a slice
        found = cast(VolumeSegmenter, segmenter).segment_volume(image, prompts, window, run)
        return SliceAnswer(grid.cut_patch(found.probability), found.quality, warnings=found.warnings)
    on_slice, count = prompts_on_slice(prompts, grid)
    if not has_positive(on_slice):
        message = "No prompt on this slice says what is inside."
        raise NoPositivePrompt(message, "Add a positive prompt on this slice, or segment the whole volume.")
    elsewhere = len(prompts) - count
    warnings = (f"Not used, because not on this slice: {elsewhere} of {len(prompts)} prompts.",) if elsewhere else ()
    answer = segmenter.segment_slice(slice_image(image, grid, window), on_slice, run)
    return replace(answer, warnings=(*warnings, *answer.warnings))


def _in_volume(
    image: ImageVolume,
    prompts: tuple[Prompt, ...],
    scope: VolumeScope,
    window: IntensityWindow,
    segmenter: PromptSegmenter,
    run: Run,
) -> VolumeAnswer:
    in_three = 3 in segmenter.capabilities.dimensions
    if scope.method == "volume" and not in_three:
        message = f"The model '{segmenter.name}' works on slices only."
        raise UnsupportedPrompt(message, "Choose the method 'slices', or another model.")
    by_slices = scope.method == "slices" or scope.direction is not None or scope.fuse_axes
    if by_slices and 2 not in segmenter.capabilities.dimensions:
        message = f"The model '{segmenter.name}' works on whole volumes only."
        raise UnsupportedPrompt(message, "Choose the method 'volume' without a direction, or another model.")
    axis = _axis(prompts, scope, image.geometry)
    limits = _limits(scope, image.geometry, axis)
    if in_three and not by_slices:
        answer = cast(VolumeSegmenter, segmenter).segment_volume(image, prompts, window, run)
        return replace(answer, probability=_within(answer.probability, axis, limits))
    walk = Walk(image, segmenter, prompts, window, axis, limits)
    return fuse_directions(walk, run) if scope.fuse_axes else propagate(walk, run)


def _axis(prompts: tuple[Prompt, ...], scope: VolumeScope, geometry: VolumeGeometry) -> int:
    """Return the array axis across the slices: the user's, else that of the flat prompts, else across the thickest."""
    if scope.direction is not None:
        return ALONG[scope.direction]
    for prompt in prompts:
        if isinstance(prompt, LassoPrompt) or (isinstance(prompt, BoxPrompt) and prompt.is_flat):
            return 2 - int(np.argmax(np.abs(prompt.plane.normal_ras @ geometry.axes_ras)))
    return int(np.argmax(geometry.spacing_kji))


def _limits(scope: VolumeScope, geometry: VolumeGeometry, axis: int) -> tuple[int, int] | None:
    if scope.range_ras is None:
        return None
    ends = sorted(int(index) for index in geometry.voxels_at(scope.range_ras)[:, axis])
    first, last = max(ends[0], 0), min(ends[1], geometry.shape[axis] - 1)
    if first > last:
        message = "The range lies outside the image."
        raise PromptOutsideImage(message, "Choose a range of slices that the image has.")
    return first, last


def _within(probability: VolumePatch, axis: int, limits: tuple[int, int] | None) -> VolumePatch:
    """Return the patch without the slices beyond the user's range."""
    if limits is None:
        return probability
    index = np.arange(probability.array.shape[axis]) + probability.offset[axis]
    allowed = (index >= limits[0]) & (index <= limits[1])
    shape = [1, 1, 1]
    shape[axis] = -1
    return replace(probability, array=probability.array * allowed.reshape(shape))
