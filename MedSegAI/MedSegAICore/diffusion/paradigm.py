"""The diffusion paradigm: from a request to several plausible masks, their consensus, and where they disagree."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ..clean_up import cleaned
from ..consensus import by_agreement, combined, deviation, entropy
from ..engine.provenance import provenance_of
from ..engine.run import Run
from ..prompt.paradigm import check_prompts
from ..prompts import MaskPrompt, Prompt
from ..request import DiffusionTask, SegmentationRequest
from ..result import SegmentationResult
from ..task_fields import task_to_dict
from ..volume import Bounds, VolumePatch
from .cost import predicted_seconds
from .region import Picture, Region, region_of
from .sampling import Denoiser, Drawing, OnStep, draw

DRAWING = 0.95
"""Share of the time for the network."""


class DiffusionModel(Denoiser, Protocol):
    """A denoiser that the engine has loaded."""

    name: str
    weights_hash: str
    pixel_mm: float | None

    def condition(self, picture: Picture) -> Tensor:
        """Return what the network is conditioned on (channels, size, size)."""
        ...


def segment_by_diffusion(request: SegmentationRequest, model: DiffusionModel, run: Run) -> SegmentationResult:
    """Draw plausible masks of what the prompts lie around.

    The mask is cut from the consensus; the candidates are all masks that were drawn, the most typical one first. The
    probability covers all that the network saw, so that it tells what was decided about.

    Parameters
    ----------
    request
        The image and a `DiffusionTask`.
    model
        The network.
    run
        Progress, and cancel between batches of the network.

    Raises
    ------
    NoPositivePrompt, PromptOutsideImage, GeometryMismatch
        The prompts do not say where to look.
    SamplingFailed
        The network gave values that are not numbers.
    Cancelled
        The user stopped the run.
    """
    began = time.perf_counter()
    request.image.take_fingerprint(run.check)
    task, region, drawing = _prepared(request, model)
    drawn = draw(drawing, run.part(0.0, DRAWING), _shower(request, region, run))
    run.step(DRAWING, "Comparing the masks")
    samples = [region.back(sample) for sample in drawn]
    return _result(request, task, model, samples, region.seen(model.size), began)


def seconds_for(request: SegmentationRequest, model: DiffusionModel, run: Run) -> float:
    """Return how long the request will take [s], from a few passes of the network; raises as `segment_by_diffusion`."""
    run.check()
    return predicted_seconds(_prepared(request, model)[2])


def _shower(request: SegmentationRequest, region: Region, run: Run) -> OnStep:
    """Return what shows after a step the mean of the masks, as it is expected from there."""
    pictures = len(region.grids)

    def mean(masks: Tensor) -> VolumePatch:
        expected = masks.reshape(-1, pictures, *masks.shape[1:]).mean(dim=0).numpy()
        return _half(region.back(expected).tight().in_storage_order(request.image.geometry))

    return lambda _number, masks: run.preview(lambda: mean(masks))


def _prepared(request: SegmentationRequest, model: DiffusionModel) -> tuple[DiffusionTask, Region, Drawing]:
    """Return the task with the window that is used, where to look, and what to draw."""
    task = request.task
    assert isinstance(task, DiffusionTask)  # noqa: S101  the engine chooses the paradigm by the task
    image = request.image.canonical()
    prompts = tuple(_canonical(prompt) for prompt in task.prompts)
    check_prompts(prompts, image.geometry)
    region = region_of(image, prompts, task.scope, model.pixel_mm, model.size)
    window = task.window or region.window()
    conditions = [model.condition(picture) for picture in region.pictures(model.size, window)]
    drawing = Drawing(model, torch.stack(conditions), task.options)
    return replace(task, window=window), region, drawing


def _canonical(prompt: Prompt) -> Prompt:
    """Return the prompt with its mask, if it has one, on the canonical grid."""
    return replace(prompt, patch=prompt.patch.canonical()) if isinstance(prompt, MaskPrompt) else prompt


def _result(
    request: SegmentationRequest,
    task: DiffusionTask,
    model: DiffusionModel,
    samples: list[VolumePatch],
    seen: Bounds,
    began: float,
) -> SegmentationResult:
    stored, options = request.image.geometry, task.options
    stacked, place = _stacked(samples)
    agreed = replace(place, array=combined(stacked, options.combine))
    mask = cleaned(replace(place, array=agreed.array >= task.threshold), task.clean_up)
    unsure = deviation(stacked) if options.uncertainty == "deviation" else entropy(stacked.mean(axis=0))
    candidates = by_agreement([replace(place, array=sample >= np.float32(0.5)).tight() for sample in stacked])
    if task.candidate:
        mask = candidates[task.candidate - 1]
        agreed = replace(mask, array=mask.array.astype(np.float32))
    offset = (seen[0].start, seen[1].start, seen[2].start)
    decided = replace(agreed, array=agreed.within(seen), offset=offset)
    empty = () if mask.array.any() else ("Nothing was found. Look at the candidates, or draw another box.",)
    return SegmentationResult(
        mask=mask.in_storage_order(stored),
        probability=_half(decided.in_storage_order(stored)),
        provenance=provenance_of(task_to_dict(task), request.image, model, time.perf_counter() - began),
        candidates=tuple(candidate.in_storage_order(stored) for candidate in candidates),
        uncertainty=_half(replace(place, array=unsure).in_storage_order(stored)),
        warnings=(*request.image.warnings, *empty),
        segment=request.segment,
        generation=request.generation,
    )


def _stacked(samples: list[VolumePatch]) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.float32]], VolumePatch]:
    """Return all samples (n, k, j, i) in the box around them, and an empty patch of that box."""
    shaped = [sample for sample in samples if sample.array.size] or samples[:1]
    low = np.min([sample.offset for sample in shaped], axis=0)
    high = np.max([np.add(sample.offset, sample.array.shape) for sample in shaped], axis=0)
    bounds = tuple(slice(int(start), int(stop)) for start, stop in zip(low, high, strict=True))
    box = (bounds[0], bounds[1], bounds[2])
    stacked = np.stack([sample.within(box) for sample in samples]).astype(np.float32)
    offset = (int(low[0]), int(low[1]), int(low[2]))
    return stacked, VolumePatch(np.zeros(stacked.shape[1:], dtype=np.float32), offset, samples[0].geometry)


def _half(patch: VolumePatch) -> VolumePatch:
    return replace(patch, array=patch.array.astype(np.float16))
