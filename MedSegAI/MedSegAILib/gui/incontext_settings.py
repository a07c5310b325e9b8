"""What the panel of the AI In-context effect says, as texts of the scene and as values."""

from __future__ import annotations

from dataclasses import dataclass, field

from MedSegAICore.request import ContextOptions, InContextTask, VolumeScope

NO_TASK = "none"
"""In place of the name of a task; Slicer takes an empty parameter for a missing one."""

BEST = "best"
DIRECTIONS = ("axial", "coronal", "sagittal")
COMBINATIONS = ("mean", "vote", "staple")

DEFAULTS = {
    "Task": NO_TASK,
    "Model": InContextTask.model,
    "View": "Red",
    "Threshold": 0.5,
    "Direction": BEST,
    "FuseAxes": False,
    "Supports": 16.0,
    "Subsets": 1.0,
    "Augmentations": 0.0,
    "Candidates": 5.0,
    "Combine": "mean",
    "SecondPass": False,
}
"""Parameters of the effect, which Slicer keeps on the segment editor's node."""

RANGES = {"supports": (1, 64), "subsets": (1, 8), "augmentations": (0, 8), "candidates": (1, 16)}
"""Smallest and largest number that the panel offers."""


@dataclass(frozen=True)
class InContextSettings:
    """How to ask and how to show.

    Parameters
    ----------
    model
        Name in the catalogue.
    threshold
        Probability from which a voxel is inside.
    options, scope
        As for `InContextTask`; the scope is that of whole volumes.
    """

    model: str = InContextTask.model
    threshold: float = 0.5
    options: ContextOptions = field(default_factory=ContextOptions)
    scope: VolumeScope = field(default_factory=VolumeScope)


def readSettings(parameters):
    """Return the settings that `EffectParameters` hold; a scene that was edited by hand gives the nearest ones."""
    direction, combine = parameters.text("Direction"), parameters.text("Combine")
    numbers = {
        name: round(min(max(parameters.number(name.capitalize()), lowest), highest))
        for name, (lowest, highest) in RANGES.items()
    }
    return InContextSettings(
        model=parameters.text("Model"),
        threshold=min(max(parameters.number("Threshold"), 0.01), 0.99),
        options=ContextOptions(
            **numbers,
            combine=combine if combine in COMBINATIONS else "mean",
            second_pass=parameters.flag("SecondPass"),
        ),
        scope=VolumeScope(
            direction=direction if direction in DIRECTIONS else None, fuse_axes=parameters.flag("FuseAxes")
        ),
    )


def taskName(parameters):
    """Return the task that the scene remembers; "" for none."""
    name = parameters.text("Task")
    return "" if name == NO_TASK else name
