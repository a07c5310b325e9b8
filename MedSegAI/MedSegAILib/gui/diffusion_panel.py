"""The widgets of the AI Diffusion effect and what they say."""

from __future__ import annotations

import slicer
from slicer.i18n import tr as _

from .diffusion_settings import ALL_SLICES, ONE_SLICE, SEGMENT
from .duration import duration
from .model_chooser import ModelChooser
from .prompt_settings import BOX, POINT
from .resources import resourcePath
from .view_choice import ViewChoice


class DiffusionPanel:
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
        self.widget = slicer.util.loadUI(resourcePath("UI/AIDiffusion.ui"))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self.view = ViewChoice(self.ui.diffusionViewSelector, parameters)
        selector, label = self.ui.diffusionModelSelector, self.ui.diffusionModelStateLabel
        self.model = ModelChooser("diffusion", selector, label, parameters, onModelsChange)
        self.offer = self.model.offer
        self._bind()

    def setModels(self):
        """List the models as they are on this computer now."""
        self.model.refresh()

    @property
    def plane(self):
        """The `SlicePlane` of the chosen view; None without one."""
        return self.view.plane

    def show(self, session):
        """Bring the widgets up to date with the scene and with what goes on."""
        ui, seconds = self.ui, session.predictedSeconds
        self._parameters.show()
        self.view.show()
        self.model.show()
        self._showAnswer(session)
        self._showButtons(session)
        ui.diffusionTimeLabel.visible = seconds is not None and not session.isBusy
        ui.diffusionTimeLabel.text = _("Drawing takes about {time}.").format(time=duration(seconds or 0))
        fraction, text = session.progress
        ui.diffusionProgressBar.visible = session.isSlow
        ui.diffusionProgressBar.value = round(100 * fraction)
        ui.diffusionStatusLabel.text = session.message or (text if session.isSlow else "") or self._hint(session)

    def _bind(self):
        ui, bind = self.ui, self._parameters
        bind.bindButtons(
            {SEGMENT: ui.aroundSegmentButton, BOX: ui.aroundBoxButton, POINT: ui.aroundPointButton}, "Around"
        )
        bind.bindChoice(
            ui.slicesSelector,
            "Slices",
            {ALL_SLICES: _("All slices that show it"), ONE_SLICE: _("Only the slice in the view below")},
        )
        sliders = {"Samples": ui.samplesSlider, "Steps": ui.stepsSlider, "Seed": ui.seedSlider}
        for name, slider in sliders.items():
            bind.bindSlider(slider, name)
        bind.bindSlider(ui.guidanceSlider, "Guidance")
        bind.bindSlider(ui.diffusionThresholdSlider, "Threshold")
        self._bindChoices()

    def _bindChoices(self):
        ui, bind = self.ui, self._parameters
        bind.bindChoice(
            ui.solverSelector,
            "Solver",
            {
                "ddim": _("DDIM"),
                "dpm_solver": _("DPM-Solver++ of second order"),
                "ddpm": _("DDPM, new noise at every step"),
            },
        )
        bind.bindChoice(
            ui.diffusionCombineSelector,
            "Combine",
            {"staple": _("STAPLE"), "mean": _("Mean"), "vote": _("Majority vote")},
        )
        bind.bindChoice(
            ui.measureSelector,
            "Measure",
            {"entropy": _("Entropy [bits]"), "deviation": _("Standard deviation")},
        )

    def _showAnswer(self, session):
        ui, answer = self.ui, session.answer if not session.isBusy else None
        slider, isShown = ui.diffusionCandidateSlider, answer is not None
        for widget in (slider, ui.diffusionCandidateLabel, ui.volumeLabel):
            widget.visible = isShown
        wasBlocked = slider.blockSignals(True)
        slider.maximum = max(len(answer.result.candidates), 1) if isShown else 1
        slider.value = answer.candidate if isShown else 0
        slider.blockSignals(wasBlocked)
        ui.diffusionThresholdSlider.enabled = not isShown or not answer.candidate
        ui.volumeLabel.text = _volumes(answer, session.settings.threshold) if isShown else ""

    def _showButtons(self, session):
        ui, hasAnswer = self.ui, session.answer is not None and not session.isBusy
        kinds = {ui.aroundBoxButton: "box", ui.aroundPointButton: "point", ui.diffusionRegionButton: "box"}
        for tool, kind in kinds.items():
            tool.enabled = self.model.canTake(kind)
        ui.diffusionUndoButton.enabled = ui.diffusionClearButton.enabled = session.promptCount > 0
        ui.drawMasksButton.enabled = session.canDraw and self.model.canRun
        ui.cancelDiffusionButton.enabled = session.isBusy
        ui.applyDiffusionButton.enabled = session.canApply
        ui.addCandidatesButton.enabled = ui.uncertaintyButton.enabled = hasAnswer
        ui.nextDoubtfulButton.enabled = session.canLookNext
        wasBlocked = ui.uncertaintyButton.blockSignals(True)
        ui.uncertaintyButton.checked = session.showsUncertainty
        ui.uncertaintyButton.blockSignals(wasBlocked)

    def _hint(self, session):
        if session.isBusy:
            return _("Working…")
        if session.canApply:
            return _("Look at the candidates, then apply their consensus (0) or one of them.")
        if session.settings.around == SEGMENT:
            return _("Draw masks around the current segment, or choose Box and drag one around the structure.")
        if session.promptCount == 0:
            return _("Drag a box around the structure in a slice view, or click on it.")
        return _("Press Draw masks.")


def _volumes(answer, threshold):
    """Return the volume of what is looked at, and how much the masks differ in it."""
    count = len(answer.result.candidates)
    name = _("Candidate {number} of {count}").format(number=answer.candidate, count=count)
    low, high = answer.volumeInterval
    text = _("{name}: {volume} ml. Nine of ten masks lie between {low} and {high} ml{where}.")
    return text.format(
        name=name if answer.candidate else _("Consensus of {count} masks").format(count=count),
        volume=_ml(answer.volume(threshold)),
        low=_ml(low),
        high=_ml(high),
        where=_(" on this slice") if answer.isOfSlice else "",
    )


def _ml(volume):
    """Return a volume [ml] with as many digits as make sense."""
    return f"{volume:.3g}"
