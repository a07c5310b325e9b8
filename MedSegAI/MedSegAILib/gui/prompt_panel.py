"""The widgets of the AI Prompt effect and what they say."""

from __future__ import annotations

import slicer
from slicer.i18n import tr as _

from .model_chooser import ModelChooser
from .prompt_settings import BOX, LASSO, POINT, SCRIBBLE
from .resources import resourcePath


class PromptPanel:
    """The options of the effect. What they say lives in the scene; the widgets only show it.

    Parameters
    ----------
    parameters
        The `EffectParameters` of the effect.
    onModelsChange
        Called when a model may be able to run that could not before.
    """

    def __init__(self, parameters, onModelsChange):
        self._parameters = parameters
        self.widget = slicer.util.loadUI(resourcePath("UI/AIPrompt.ui"))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self.model = ModelChooser("prompt", self.ui.modelSelector, self.ui.modelStateLabel, parameters, onModelsChange)
        self.offer = self.model.offer
        self._bind()

    def setModels(self):
        """List the models as they are on this computer now."""
        self.model.refresh()

    def show(self, session):
        """Bring the widgets up to date with the scene and with what goes on."""
        ui = self.ui
        self._parameters.show()
        self._showModel()
        window = session.usedWindow or session.settings.window
        ui.windowLabel.text = f"{window.lower:.5g} … {window.upper:.5g}" if window is not None else ""
        ui.undoPromptButton.enabled = ui.clearPromptsButton.enabled = session.promptCount > 0
        ui.propagateButton.enabled = self.model.canRun and not session.isBusy and self._mayPropagate(session)
        ui.allFramesButton.enabled = ui.propagateButton.enabled and session.hasFrames
        ui.undoFramesButton.visible = session.frames.canUndo
        ui.undoFramesButton.enabled = not session.isBusy
        ui.applyPreviewButton.enabled = session.canApply
        ui.cancelRunButton.enabled = session.isBusy
        fraction, text = session.progress
        isSlow = session.runs.isSlow or session.frames.isRunning
        ui.runProgressBar.visible = isSlow
        ui.runProgressBar.value = round(100 * fraction)
        ui.runStatusLabel.text = session.message or (text if isSlow else "") or _hint(session)

    def _bind(self):
        ui, bind = self.ui, self._parameters
        bind.bindButtons(
            {
                POINT: ui.pointToolButton,
                BOX: ui.boxToolButton,
                LASSO: ui.lassoToolButton,
                SCRIBBLE: ui.scribbleToolButton,
            },
            "Tool",
        )
        bind.bindButtons({"0": ui.insideButton, "1": ui.outsideButton}, "Outside")
        bind.bindSlider(ui.thresholdSlider, "Threshold")
        bind.bindSlider(ui.radiusSlider, "Radius")
        bind.bindSlider(ui.smoothingSlider, "Smoothing")
        bind.bindCheck(ui.fromSegmentCheckBox, "FromSegment")
        bind.bindCheck(ui.fromOthersCheckBox, "FromOthers")
        bind.bindCheck(ui.islandsCheckBox, "Islands")
        bind.bindCheck(ui.holesCheckBox, "Holes")
        bind.bindChoice(ui.windowSelector, "Window", {"automatic": _("Automatic"), "display": _("As displayed")})
        bind.bindChoice(
            ui.methodSelector,
            "Method",
            {"auto": _("As the model does best"), "slices": _("Slice by slice"), "volume": _("In three dimensions")},
        )
        bind.bindChoice(
            ui.modeSelector,
            "Mode",
            {"replace": _("Replace the segment"), "add": _("Add to the segment"), "subtract": _("Remove from it")},
        )

    def _showModel(self):
        ui = self.ui
        self.model.show()
        kinds = {
            "point": (ui.pointToolButton,),
            "box": (ui.boxToolButton, ui.regionButton),
            "lasso": (ui.lassoToolButton,),
            "scribble": (ui.scribbleToolButton, ui.radiusSlider),
            "mask": (ui.fromSegmentCheckBox, ui.fromOthersCheckBox),
        }
        for kind, widgets in kinds.items():
            for widget in widgets:
                widget.enabled = self.model.canTake(kind)

    def _mayPropagate(self, session):
        return session.promptCount > 0 or self._parameters.flag("FromSegment")


def _hint(session):
    if session.canApply:
        return _("Click again to correct, propagate, or apply.")
    return _("Click on the structure in a slice view.")
