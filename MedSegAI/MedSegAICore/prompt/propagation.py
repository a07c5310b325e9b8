"""From prompted slices to a volume: each answer is the first guess on the next slice.

The walk goes outwards from every prompted slice, meets in the middle between two of them, and ends where the
structure ends: where the area or the overlap with the previous slice jumps, the model doubts its answer, or
nothing is left. A range that the user sets wins over all of that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..engine.run import Run
from ..errors import NoPositivePrompt
from ..prompts import Prompt
from ..request import IntensityWindow
from ..volume import ImageVolume, VolumePatch, combined
from .grid import SliceGrid, cut_image, grid_of_slice
from .on_slice import has_positive, prompts_on_slice
from .segmenter import Float32, PromptSegmenter, SliceAnswer, SliceImage, SlicePrompts, VolumeAnswer

SMALLEST_AREA_RATIO = 0.4
"""A slice whose mask is smaller than this share of the previous one ends the walk, as does one larger than 1/0.4."""

SMALLEST_OVERLAP = 0.4
"""Intersection over union with the previous slice below which the walk ends."""

SMALLEST_QUALITY = 0.5
"""Quality that the model predicts for its own answer below which the walk ends."""

FAINT = 0.02
"""Probability below which a voxel is outside beyond doubt and is not kept."""

LOOK_PERCENTILES = (10.0, 90.0)
"""Intensities of the prompted slice's mask that the structure is known by."""

SMALLEST_LIKENESS = 0.4
"""Share of a slice's mask that must lie between them, half of what the prompted slice has; less ends the walk."""

BOX_GROWTH = 0.08
"""Share of its side by which the box of the previous slice grows; structures rarely change faster."""


@dataclass(frozen=True, eq=False)
class Walk:
    """One propagation along an axis of a canonical volume.

    Parameters
    ----------
    image
        The canonical volume.
    segmenter
        The model that answers on slices.
    prompts
        All prompts; each slice takes those that lie on it.
    window
        Intensities shown to the model.
    axis
        Array axis across the slices.
    limits
        First and last slice that the user allows, or None.
    """

    image: ImageVolume
    segmenter: PromptSegmenter
    prompts: tuple[Prompt, ...]
    window: IntensityWindow
    axis: int
    limits: tuple[int, int] | None

    def grid(self, index: int) -> SliceGrid:
        """Return the grid of a slice of this walk."""
        return grid_of_slice(self.image.geometry, self.axis, index)

    def picture(self, index: int) -> Float32:
        """Return the intensities of a slice of this walk (rows, columns)."""
        return cut_image(self.image, self.grid(index))

    def answer(self, index: int, prompts: SlicePrompts, run: Run) -> SliceAnswer:
        """Return the model's answer on one slice."""
        return self.segmenter.segment_slice(slice_image(self.image, self.grid(index), self.window), prompts, run)

    def stored(self, index: int, answer: SliceAnswer) -> VolumeAnswer:
        """Return what is kept of an answer: the part of the slice that is not outside beyond doubt."""
        kept = np.where(answer.probability < FAINT, np.float32(0), answer.probability)
        return VolumeAnswer(self.grid(index).paste(kept).tight(), answer.quality, answer.warnings)


def slice_image(image: ImageVolume, grid: SliceGrid, window: IntensityWindow) -> SliceImage:
    """Return one slice of a canonical image as a model sees it."""
    return SliceImage(cut_image(image, grid), grid.spacing_mm, window, f"{image.fingerprint} {grid.key}")


def propagate(walk: Walk, run: Run) -> VolumeAnswer:
    """Return the probability (float32) of the structure, from the prompted slices outwards.

    Raises
    ------
    NoPositivePrompt
        No slice of the walk carries a prompt that says what is inside.
    Cancelled
        The user stopped the run.
    """
    count = walk.image.geometry.shape[walk.axis]
    first, last = walk.limits or (0, count - 1)
    own = {index: prompts_on_slice(walk.prompts, walk.grid(index))[0] for index in range(first, last + 1)}
    prompted = [index for index, prompts in own.items() if has_positive(prompts)]
    if not prompted:
        message = "No prompt on the slices in this direction and range says what is inside."
        raise NoPositivePrompt(message, "Choose another direction or range, or add a positive prompt there.")
    answers: dict[int, VolumeAnswer] = {}
    guesses: dict[int, Float32] = {}
    for index in prompted:
        run.step(len(answers) / len(own), "Prompted slices")
        answer = walk.answer(index, own[index], run)
        answers[index], guesses[index] = walk.stored(index, answer), answer.probability
    for index in prompted:
        for stride in (-1, 1):
            slices = _stops(index, stride, prompted, first, last)
            _walk_from(walk, index, guesses[index], slices, own, answers, run)
    return _assemble(walk, answers)


def _stops(start: int, stride: int, prompted: list[int], first: int, last: int) -> range:
    """Return the slices to visit: to the end, or half the way to the next prompted slice."""
    ahead = [index for index in prompted if (index - start) * stride > 0]
    if not ahead:
        return range(start + stride, (last if stride > 0 else first) + stride, stride)
    next_prompted = min(ahead, key=lambda index: abs(index - start))
    between = abs(next_prompted - start) - 1
    # the middle slice of an odd gap is visited from below alone
    half = (between + 1) // 2 if stride > 0 else between // 2
    return range(start + stride, start + stride * (half + 1), stride)


def _walk_from(
    walk: Walk,
    start: int,
    guess: Float32,
    slices: range,
    own: dict[int, SlicePrompts],
    answers: dict[int, VolumeAnswer],
    run: Run,
) -> None:
    if not (guess >= 0.5).any():
        return
    look = np.percentile(walk.picture(start)[guess >= 0.5], LOOK_PERCENTILES)
    for index in slices:
        run.step(len(answers) / len(own), "Following the structure")
        answer = walk.answer(index, _with_guess(own[index], guess, walk.segmenter), run)
        inside = answer.probability >= 0.5
        if walk.limits is None and (_has_ended(answer, guess) or not _is_alike(walk.picture(index)[inside], look)):
            return
        answers[index] = walk.stored(index, answer)
        guess = answer.probability if inside.any() else guess


def _has_ended(answer: SliceAnswer, previous: Float32) -> bool:
    now, before = answer.probability >= 0.5, previous >= 0.5
    area, area_before = np.count_nonzero(now), np.count_nonzero(before)
    if area == 0 or not SMALLEST_AREA_RATIO <= area / area_before <= 1 / SMALLEST_AREA_RATIO:
        return True
    if np.count_nonzero(now & before) / np.count_nonzero(now | before) < SMALLEST_OVERLAP:
        return True
    return answer.quality is not None and answer.quality < SMALLEST_QUALITY


def _is_alike(intensities: Float32, look: NDArray[np.floating]) -> bool:
    """Tell whether enough of a slice's mask looks like the prompted slice's."""
    return bool(np.mean((intensities >= look[0]) & (intensities <= look[1])) >= SMALLEST_LIKENESS)


def _with_guess(prompts: SlicePrompts, guess: Float32, segmenter: PromptSegmenter) -> SlicePrompts:
    """Add the previous slice's mask, and the box around it, to the prompts of a slice."""
    kinds = segmenter.capabilities.prompts
    follows = "box" in kinds and prompts.box_xyxy is None
    box = _box_around(guess) if follows else prompts.box_xyxy
    return replace(prompts, box_xyxy=box, box_follows=follows, previous_mask=guess if "mask" in kinds else None)


def _box_around(guess: Float32) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    inside = guess >= 0.5
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    box = np.array([columns[0], rows[0], columns[-1], rows[-1]], dtype=np.float64)
    growth = np.maximum(1, BOX_GROWTH * (box[2:] - box[:2] + 1))
    limit = np.array(guess.shape[::-1]) - 1
    return np.concatenate([np.clip(box[:2] - growth, 0, limit), np.clip(box[2:] + growth, 0, limit)])


def _assemble(walk: Walk, answers: dict[int, VolumeAnswer]) -> VolumeAnswer:
    """Return the slices' answers as one that is no larger than what they cover and says each warning once."""
    warnings = tuple(dict.fromkeys(warning for answer in answers.values() for warning in answer.warnings))
    patches = [answer.probability for answer in answers.values() if answer.probability.array.size]
    if not patches:
        nothing = VolumePatch(np.zeros((0, 0, 0), dtype=np.float32), (0, 0, 0), walk.image.geometry)
        return VolumeAnswer(nothing, warnings=warnings)
    return VolumeAnswer(combined(patches, np.maximum), warnings=warnings)
