"""What a promptable model must be able to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..engine.run import Run
from ..prompts import Prompt
from ..request import IntensityWindow
from ..volume import ImageVolume, VolumePatch

Float32 = NDArray[np.float32]
Mask = NDArray[np.bool_]

PROMPT_KINDS = frozenset({"point", "box", "scribble", "lasso", "mask"})
MODALITIES = (
    "any",
    "CT",
    "MR",
    "X-ray",
    "ultrasound",
    "mammography",
    "OCT",
    "endoscopy",
    "dermoscopy",
    "fundus photography",
    "microscopy",
    "photographs",
)


@dataclass(frozen=True)
class Capabilities:
    """What a model can take: the user interface enables from this, never from names.

    Parameters
    ----------
    prompts
        Kinds of prompts it understands, out of `PROMPT_KINDS`.
    dimensions
        2 for slices, 3 for whole volumes.
    modalities
        Kinds of images it was trained on, out of `MODALITIES`; `any` for a model that learns from the image itself.
    labels
        The structures that it knows, in the order of its classes; none if it takes whatever is pointed at.
    """

    prompts: frozenset[str]
    dimensions: frozenset[int]
    modalities: tuple[str, ...] = ("any",)
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class SliceImage:
    """One slice, as a model sees it.

    Parameters
    ----------
    pixels
        Intensities [units of the image] (rows, columns) float32, anterior or superior at the top.
    spacing_mm
        Distance between (rows, columns) [mm].
    window
        Intensities to show as black to white.
    key
        Identifies image and slice; equal keys mean equal pixels and spacing.
    """

    pixels: Float32
    spacing_mm: tuple[float, float]
    window: IntensityWindow
    key: str


@dataclass(frozen=True, eq=False)
class SlicePrompts:
    """The prompts of one slice, in pixels.

    Parameters
    ----------
    points_xy
        Clicks (n, 2) as (column, row), pixel centres at integers.
    points_positive
        (n,) bool.
    box_xyxy
        (4,) first and last column and row, or None; the outer edges of a box that covers
        pixels a..b lie at a - 0.5 and b + 0.5.
    inside, outside
        (rows, columns) bool: pixels that scribbles and lassos mark as inside and outside.
    enclosed
        (rows, columns) bool: the part of `inside` that positive lassos enclose, or None.
    previous_mask
        (rows, columns) float32 probability of a first guess, or None.
    earlier
        The same prompts without the one that was placed last, or None if those say nothing of what is inside.
        A model that refines takes the last one as a correction of its answer to them.
    box_follows
        Nobody drew the box: it lies around the answer on the neighbouring slice.
    box_is_cut
        The box is what the slice cuts out of one with depth, in which the structure may be smaller here.
    """

    points_xy: NDArray[np.float64]
    points_positive: Mask
    box_xyxy: NDArray[np.float64] | None = None
    inside: Mask | None = None
    outside: Mask | None = None
    enclosed: Mask | None = None
    previous_mask: Float32 | None = None
    earlier: SlicePrompts | None = None
    box_follows: bool = False
    box_is_cut: bool = False


@dataclass(frozen=True, eq=False)
class SliceAnswer:
    """A model's answer on one slice.

    Parameters
    ----------
    probability
        (rows, columns) float32 in [0, 1].
    quality
        What the model thinks of it, about 0 to 1; None if it does not say.
    candidates
        Other plausible probabilities, best first.
    warnings
        What the user should know, in words.
    """

    probability: Float32
    quality: float | None = None
    candidates: tuple[Float32, ...] = ()
    warnings: tuple[str, ...] = field(default=())


@dataclass(frozen=True, eq=False)
class VolumeAnswer:
    """A model's answer on a volume: float32 probability patch of the (canonical) image."""

    probability: VolumePatch
    quality: float | None = None
    warnings: tuple[str, ...] = field(default=())


class PromptSegmenter(Protocol):
    """A promptable model on slices."""

    name: str
    weights_hash: str
    device: str
    capabilities: Capabilities

    def segment_slice(self, image: SliceImage, prompts: SlicePrompts, run: Run) -> SliceAnswer:
        """Segment one slice."""
        ...


class VolumeSegmenter(PromptSegmenter, Protocol):
    """A promptable model that also works in three dimensions."""

    def segment_volume(
        self, image: ImageVolume, prompts: tuple[Prompt, ...], window: IntensityWindow, run: Run
    ) -> VolumeAnswer:
        """Segment the structure in a canonical volume (axes towards superior, posterior, left)."""
        ...
