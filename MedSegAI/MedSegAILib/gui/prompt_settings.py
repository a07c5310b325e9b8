"""What the panel of the AI Prompt effect says, as texts of the scene and as values."""

from __future__ import annotations

from dataclasses import dataclass, field

from MedSegAICore.errors import InvalidRequest
from MedSegAICore.models.prompt_default import default_prompt_model
from MedSegAICore.request import CleanUp, IntensityWindow

from ..mrml.segments import ModificationMode

POINT, BOX, LASSO, SCRIBBLE = "point", "box", "lasso", "scribble"

DEFAULTS = {
    "Model": default_prompt_model(),
    "Tool": POINT,
    "Outside": False,
    "Threshold": 0.5,
    "FromSegment": False,
    "FromOthers": False,
    "Window": "automatic",
    "Radius": 2.0,
    "Method": "auto",
    "Mode": "replace",
    "Islands": False,
    "Holes": False,
    "Smoothing": 0.0,
}
"""Parameters of the effect, which Slicer keeps on the segment editor's node."""

MODES = {"replace": ModificationMode.SET, "add": ModificationMode.ADD, "subtract": ModificationMode.REMOVE}
METHODS = ("auto", "slices", "volume")


@dataclass(frozen=True)
class PromptSettings:
    """How to ask and how to apply.

    Parameters
    ----------
    model
        Name in the catalogue.
    threshold, cleanUp, window
        As for `PromptTask`.
    fromSegment, fromOthers
        As for `maskPrompts`.
    method
        As for `VolumeScope`.
    mode
        What applying does to the segment.
    """

    model: str = field(default_factory=default_prompt_model)
    threshold: float = 0.5
    cleanUp: CleanUp = field(default_factory=CleanUp)
    window: IntensityWindow | None = None
    fromSegment: bool = False
    fromOthers: bool = False
    method: str = "auto"
    mode: ModificationMode = ModificationMode.SET


def readSettings(parameters, volumeNode):
    """Return the settings that `EffectParameters` hold; a scene that was edited by hand gives the nearest ones."""
    method = parameters.text("Method")
    return PromptSettings(
        model=parameters.text("Model"),
        threshold=min(max(parameters.number("Threshold"), 0.01), 0.99),
        cleanUp=CleanUp(parameters.flag("Islands"), parameters.flag("Holes"), max(parameters.number("Smoothing"), 0)),
        window=displayedWindow(volumeNode) if parameters.text("Window") == "display" else None,
        fromSegment=parameters.flag("FromSegment"),
        fromOthers=parameters.flag("FromOthers"),
        method=method if method in METHODS else "auto",
        mode=MODES.get(parameters.text("Mode"), ModificationMode.SET),
    )


def displayedWindow(volumeNode):
    """Return the window and level that a volume is shown with, as `IntensityWindow`; None if it has none."""
    display = volumeNode.GetDisplayNode() if volumeNode is not None else None
    if display is None:
        return None
    half = display.GetWindow() / 2
    try:
        return IntensityWindow(display.GetLevel() - half, display.GetLevel() + half)
    except InvalidRequest:  # a window of no width
        return None
