"""What the panel of the AI Diffusion effect says, as texts of the scene and as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import get_args

from MedSegAICore.request import Combination, DiffusionTask, SamplingOptions, Solver, Uncertainty

from .prompt_settings import BOX, POINT

SEGMENT = "segment"
"""In place of a tool: the current segment says where to look."""

ONE_SLICE, ALL_SLICES = "one", "all"

DEFAULTS = {
    "Model": DiffusionTask.model,
    "Around": SEGMENT,
    "Slices": ALL_SLICES,
    "View": "Red",
    "Threshold": 0.5,
    "Samples": 8.0,
    "Steps": 10.0,
    "Seed": 0.0,
    "Guidance": 1.0,
    "Solver": "ddim",
    "Combine": "staple",
    "Measure": "entropy",
}
"""Parameters of the effect, which Slicer keeps on the segment editor's node."""

RANGES = {"Samples": (1, 64), "Steps": (1, 100), "Seed": (0, 9999)}
"""Smallest and largest number that the panel offers."""


@dataclass(frozen=True)
class DiffusionSettings:
    """How to ask and how to show.

    Parameters
    ----------
    model
        Name in the catalogue.
    around
        What says where to look: `SEGMENT`, or the tool that draws prompts.
    oneSlice
        Whether only the slice in view is asked about.
    options
        As for `DiffusionTask`.
    threshold
        Probability of the consensus from which a voxel is inside.
    """

    model: str = DiffusionTask.model
    around: str = SEGMENT
    oneSlice: bool = False
    options: SamplingOptions = field(default_factory=SamplingOptions)
    threshold: float = 0.5


def readSettings(parameters):
    """Return the settings that `EffectParameters` hold; a scene that was edited by hand gives the nearest ones."""
    numbers = {
        name.lower(): round(min(max(parameters.number(name), lowest), highest))
        for name, (lowest, highest) in RANGES.items()
    }
    return DiffusionSettings(
        model=parameters.text("Model"),
        around=_oneOf((SEGMENT, BOX, POINT), parameters.text("Around")),
        oneSlice=parameters.text("Slices") == ONE_SLICE,
        options=SamplingOptions(
            **numbers,
            guidance=min(max(parameters.number("Guidance"), 0), 20),
            solver=_oneOf(get_args(Solver), parameters.text("Solver")),
            combine=_oneOf(get_args(Combination), parameters.text("Combine")),
            uncertainty=_oneOf(get_args(Uncertainty), parameters.text("Measure")),
        ),
        threshold=min(max(parameters.number("Threshold"), 0.01), 0.99),
    )


def _oneOf(values, text):
    return text if text in values else values[0]
