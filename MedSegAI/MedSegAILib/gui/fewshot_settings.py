"""What the panel of the AI Few-shot effect says, as texts of the scene and as values."""

from __future__ import annotations

from dataclasses import dataclass

from MedSegAICore.fewshot.fit import DEFAULT

NO_MODEL = "none"
"""In place of the path of a support model; Slicer takes an empty parameter for a missing one."""

DEFAULTS = {"Method": DEFAULT, "Threshold": 0.5, "SupportModel": NO_MODEL}
"""Parameters of the effect, which Slicer keeps on the segment editor's node."""


@dataclass(frozen=True)
class FewShotSettings:
    """How to learn and how to show.

    Parameters
    ----------
    method
        Name in the catalogue, or `fit.BEST`.
    threshold
        Probability from which a voxel is inside.
    """

    method: str = DEFAULT
    threshold: float = 0.5


def readSettings(parameters):
    """Return the settings that `EffectParameters` hold; a scene that was edited by hand gives the nearest ones."""
    return FewShotSettings(parameters.text("Method"), min(max(parameters.number("Threshold"), 0.01), 0.99))


def supportModelPath(parameters):
    """Return the path of the support model that the scene remembers; "" for none."""
    path = parameters.text("SupportModel")
    return "" if path == NO_MODEL else path
