"""What is asked of the engine: an image and a task."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from .errors import InvalidRequest
from .geometry import Float64
from .models.prompt_default import default_prompt_model
from .prompts import Prompt, SlicePlane
from .volume import ImageVolume

Direction = Literal["axial", "coronal", "sagittal"]
Method = Literal["auto", "slices", "volume"]
Combination = Literal["mean", "vote", "staple"]
Solver = Literal["ddim", "ddpm", "dpm_solver"]
Uncertainty = Literal["entropy", "deviation"]


@dataclass(frozen=True)
class IntensityWindow:
    """The range of intensities [units of the image] that a model sees as black to white."""

    lower: float
    upper: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.lower) and np.isfinite(self.upper) and self.lower < self.upper):
            message = f"The window from {self.lower} to {self.upper} is empty."
            raise InvalidRequest(message, "Choose a window whose upper end is above its lower end.")


@dataclass(frozen=True)
class SliceScope:
    """Segment on one plane: any slice of the volume, or an oblique plane through it."""

    plane: SlicePlane


@dataclass(frozen=True, eq=False)
class VolumeScope:
    """Segment the whole structure.

    Parameters
    ----------
    method
        `slices` propagates from the prompted slices, `volume` works in three dimensions, `auto` takes
        what the model does best.
    direction
        Across which slices to propagate; None takes the slices that carry the prompts.
    range_ras
        Two world positions (2, 3) [mm]: the result ends at their slices. The range wins over every
        stopping rule.
    fuse_axes
        Propagate along all three directions and average.
    """

    method: Method = "auto"
    direction: Direction | None = None
    range_ras: Float64 | None = None
    fuse_axes: bool = False

    def __post_init__(self) -> None:
        if self.method not in ("auto", "slices", "volume"):
            message = f"There is no method '{self.method}'."
            raise InvalidRequest(message, "Choose 'auto', 'slices' or 'volume'.")
        if self.direction not in (None, "axial", "coronal", "sagittal"):
            message = f"There is no direction '{self.direction}'."
            raise InvalidRequest(message, "Choose 'axial', 'coronal' or 'sagittal'.")
        if self.range_ras is not None and not (
            np.shape(self.range_ras) == (2, 3) and np.isfinite(self.range_ras).all()
        ):
            message = "A range needs two finite positions."
            raise InvalidRequest(message)


@dataclass(frozen=True)
class CleanUp:
    """What is done to the finished mask: `smoothing_mm` [mm], then holes, then islands."""

    largest_island: bool = False
    fill_holes: bool = False
    smoothing_mm: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.smoothing_mm < 1000:
            message = f"The smoothing is {self.smoothing_mm} mm."
            raise InvalidRequest(message, "Choose a smoothing of 0 mm or more.")


@dataclass(frozen=True)
class PromptTask:
    """Segment what the prompts point at.

    Parameters
    ----------
    prompts
        Points, boxes, scribbles, lassos and masks; at least one is positive. Their order counts: a model that
        refines takes each as a correction of its answer to those before it.
    model
        Name in the catalogue; MedSegAI's own network if none is given, or `adaptive` where PyTorch is missing.
    scope
        One slice or the whole structure.
    window
        Intensities shown to the model; None takes a window from the image.
    threshold
        Probability (0, 1) from which a voxel is inside.
    clean_up
        Options for the finished mask.
    """

    prompts: tuple[Prompt, ...]
    model: str = field(default_factory=default_prompt_model)
    scope: SliceScope | VolumeScope = field(default_factory=VolumeScope)
    window: IntensityWindow | None = None
    threshold: float = 0.5
    clean_up: CleanUp = field(default_factory=CleanUp)

    def __post_init__(self) -> None:
        object.__setattr__(self, "prompts", tuple(self.prompts))
        _check_threshold(self.threshold)


@dataclass(frozen=True)
class FewShotTask:
    """Segment what a few labelled examples have taught.

    Parameters
    ----------
    support_model
        File that `Engine.fit` has written.
    sha256
        Hash of that file; "" takes the file as it is.
    model
        Name in the catalogue of what has learned it; "" looks into the file.
    threshold
        Probability (0, 1) of being in any structure from which a voxel is inside; it goes to the likeliest one.
    clean_up
        Options for every structure's finished mask.
    """

    support_model: Path
    sha256: str = ""
    model: str = ""
    threshold: float = 0.5
    clean_up: CleanUp = field(default_factory=CleanUp)

    def __post_init__(self) -> None:
        object.__setattr__(self, "support_model", Path(self.support_model))
        _check_threshold(self.threshold)


@dataclass(frozen=True)
class ContextOptions:
    """How examples are shown to a network, and how often it is asked.

    Parameters
    ----------
    supports
        Slices of examples that a network sees with a slice, at most.
    subsets
        So many different choices of them are asked with (Butoi et al. 2023).
    augmentations
        Each of these is also asked so many times with other intensities (Tyche-IS, Rakic et al. 2024).
    candidates
        Answers of a network that gives several at once.
    combine
        What becomes of all answers: their `mean`, a majority `vote`, or `staple`.
    second_pass
        Look again, more closely, at where the structure was found.
    seed
        Of whatever is drawn.

    Raises
    ------
    InvalidRequest
        A number is too small or too large, or there is no such way to combine.
    """

    supports: int = 16
    subsets: int = 1
    augmentations: int = 0
    candidates: int = 5
    combine: Combination = "mean"
    second_pass: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        bounds = {"supports": (1, 1024), "subsets": (1, 64), "augmentations": (0, 64), "candidates": (1, 64)}
        for name, (lowest, highest) in bounds.items():
            if not lowest <= getattr(self, name) <= highest:
                message = f"The number of {name} is {getattr(self, name)}."
                raise InvalidRequest(message, f"Choose a number from {lowest} to {highest}.")
        if self.combine not in ("mean", "vote", "staple") or self.seed < 0:
            message = f"Answers cannot be combined by '{self.combine}' with the seed {self.seed}."
            raise InvalidRequest(message, "Choose 'mean', 'vote' or 'staple', and a seed from 0 on.")


@dataclass(frozen=True)
class InContextTask:
    """Segment what the examples of a stored task show, as they are now.

    Parameters
    ----------
    library
        Folder of tasks, see `incontext.task_library`.
    task
        Name of the task.
    digest
        Of its examples, to be sure that they are the same; "" takes them as they are.
    model
        Name in the catalogue.
    labels
        Some of the task's structures; empty takes all.
    scope
        One slice along the volume's axes, or the volume. Its `direction` is that of the slices; None takes the best.
    window
        Intensities that are black and white, on examples and image alike; None takes each image's own.
    options
        How the examples are shown to a network.
    threshold
        Probability (0, 1) of being in any structure from which a voxel is inside; it goes to the likeliest one.
    clean_up
        Options for every structure's finished mask.
    candidate
        Which of several answers is taken, from 1 on; 0 takes what all of them say together.
    """

    library: Path
    task: str
    digest: str = ""
    model: str = "registered_context"
    labels: tuple[str, ...] = ()
    scope: SliceScope | VolumeScope = field(default_factory=VolumeScope)
    window: IntensityWindow | None = None
    options: ContextOptions = field(default_factory=ContextOptions)
    threshold: float = 0.5
    clean_up: CleanUp = field(default_factory=CleanUp)
    candidate: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "library", Path(self.library))
        object.__setattr__(self, "labels", tuple(self.labels))
        _check_threshold(self.threshold)
        if self.candidate < 0:
            message = f"Candidate number {self.candidate} is asked for."
            raise InvalidRequest(message, "Choose one of the candidates, or 0 for what all of them say together.")


@dataclass(frozen=True)
class SamplingOptions:
    """How plausible masks are drawn, and what becomes of them.

    Parameters
    ----------
    samples
        Masks that are drawn.
    steps
        Steps from noise to a mask.
    seed
        Of the noise; on one device the same one gives the same masks.
    solver
        `ddim`; `ddpm`, which draws new noise at every step; or `dpm_solver`, of second order.
    guidance
        How much more the image counts than it does to the network (Ho and Salimans 2022): 1 is as trained. Only a
        network that was also trained without conditions can be guided.
    combine
        What becomes of the masks: their `mean`, a majority `vote`, or `staple`.
    uncertainty
        What the uncertainty says: the `entropy` of the mean [bits], or the standard `deviation` of the masks.

    Raises
    ------
    InvalidRequest
        A number is too small or too large, or there is no such choice.
    """

    samples: int = 8
    steps: int = 10
    seed: int = 0
    solver: Solver = "ddim"
    guidance: float = 1.0
    combine: Combination = "staple"
    uncertainty: Uncertainty = "entropy"

    def __post_init__(self) -> None:
        bounds = {"samples": (1, 256), "steps": (1, 1000), "seed": (0, 2**32 - 1), "guidance": (0, 20)}
        for name, (lowest, highest) in bounds.items():
            if not lowest <= getattr(self, name) <= highest:
                message = f"The number of {name} is {getattr(self, name)}."
                raise InvalidRequest(message, f"Choose a number from {lowest} to {highest}.")
        choices = {"solver": get_args(Solver), "combine": get_args(Combination), "uncertainty": get_args(Uncertainty)}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                message = f"There is no {name} '{getattr(self, name)}'."
                raise InvalidRequest(message, f"Choose one of: {', '.join(allowed)}.")


@dataclass(frozen=True)
class DiffusionTask:
    """Draw several plausible masks of what the prompts lie around, and their consensus.

    Parameters
    ----------
    prompts
        Boxes and masks say where the structure is and how large, points only where; at least one is positive.
    model
        Name in the catalogue.
    scope
        One slice, or all slices that the prompts lie on.
    window
        Intensities shown to the model; None takes those around the structure, as the model was trained.
    options
        How many masks are drawn, and how.
    threshold
        Probability (0, 1) of the consensus from which a voxel is inside.
    clean_up
        Options for the consensus; the candidates stay as they were drawn.
    candidate
        The answer is this mask, counted from 1, of which the first is the most typical; 0 is their consensus.

    Raises
    ------
    InvalidRequest
        There are not so many masks, or the threshold is none.
    """

    prompts: tuple[Prompt, ...]
    model: str = "diffusion_lung_nodules"
    scope: SliceScope | VolumeScope = field(default_factory=VolumeScope)
    window: IntensityWindow | None = None
    options: SamplingOptions = field(default_factory=SamplingOptions)
    threshold: float = 0.5
    clean_up: CleanUp = field(default_factory=CleanUp)
    candidate: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "prompts", tuple(self.prompts))
        _check_threshold(self.threshold)
        if not 0 <= self.candidate <= self.options.samples:
            message = f"Of {self.options.samples} masks number {self.candidate} is asked for."
            raise InvalidRequest(message, f"Choose 0 for their consensus, or 1 to {self.options.samples}.")


Task = PromptTask | FewShotTask | InContextTask | DiffusionTask
"""Every task the engine knows; each paradigm adds its own."""


def _check_threshold(threshold: float) -> None:
    if not 0 < threshold < 1:
        message = f"The threshold is {threshold}."
        raise InvalidRequest(message, "Choose a threshold between 0 and 1.")


@dataclass(frozen=True, eq=False)
class SegmentationRequest:
    """An image and what to do with it.

    Parameters
    ----------
    image
        The volume to segment.
    task
        What to segment and how.
    segment
        Name of the segment that the answer is for; it comes back with the result.
    generation
        Number of the question; it comes back with the result, so that a late answer is known as late.
    """

    image: ImageVolume
    task: Task
    segment: str = ""
    generation: int = 0
