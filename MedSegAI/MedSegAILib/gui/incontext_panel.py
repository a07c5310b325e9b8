"""The widgets of the AI In-context effect and what they say."""

from __future__ import annotations

from pathlib import Path

import slicer
from slicer.i18n import tr as _

from .duration import duration
from .incontext_settings import BEST, NO_TASK
from .list_widgets import RowFiller, currentRow
from .model_chooser import ModelChooser
from .resources import resourcePath
from .view_choice import ViewChoice


class InContextPanel:
    """The options of the effect. What they say lives in the scene; the widgets only show it.

    Parameters
    ----------
    parameters
        The `EffectParameters` of the effect.
    onModelsChange
        Called when a model may be able to run that could not before.
    """

    def __init__(self, parameters, onModelsChange):
        self._parameters, self._rows = parameters, RowFiller()
        self.widget = slicer.util.loadUI(resourcePath("UI/AIInContext.ui"))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self.view = ViewChoice(self.ui.viewSelector, parameters)
        selector, label = self.ui.contextModelSelector, self.ui.contextModelStateLabel
        self.model = ModelChooser("incontext", selector, label, parameters, onModelsChange)
        self.offer = self.model.offer
        self._bind()

    def setModels(self):
        """List the models as they are on this computer now."""
        self.model.refresh()

    @property
    def selectedTask(self):
        """Name of the selected task; "" without one."""
        item = self.ui.tasksTree.currentItem()
        return "" if item is None else item.text(0)

    @property
    def selectedExample(self):
        """Number of the selected example; -1 without one."""
        return currentRow(self.ui.contextTree)

    @property
    def plane(self):
        """The `SlicePlane` of the chosen view; None without one."""
        return self.view.plane

    def show(self, session):
        """Bring the widgets up to date with the scene and with what goes on."""
        ui = self.ui
        self._parameters.show()
        self.view.show()
        self._showModel()
        self._showTasks(session.shelf)
        self._showCandidates(session)
        self._showButtons(session)
        seconds = session.predictedSeconds
        ui.predictedTimeLabel.visible = seconds is not None
        ui.predictedTimeLabel.text = _("The volume will take {time} at most.").format(time=duration(seconds or 0))
        ui.contextWarningsLabel.text = "\n".join(f"⚠ {warning}" for warning in session.warnings)
        ui.contextWarningsLabel.visible = bool(session.warnings)
        fraction, text = session.progress
        ui.contextProgressBar.visible = session.isSlow
        ui.contextProgressBar.value = round(100 * fraction)
        ui.contextStatusLabel.text = session.message or (text if session.isSlow else "") or _hint(session)

    def _bind(self):
        ui, bind = self.ui, self._parameters
        bind.bindSlider(ui.contextThresholdSlider, "Threshold")
        for name, slider in self._sliders().items():
            bind.bindSlider(slider, name.capitalize())
        bind.bindCheck(ui.secondPassCheckBox, "SecondPass")
        bind.bindCheck(ui.fuseAxesCheckBox, "FuseAxes")
        bind.bindChoice(
            ui.directionSelector,
            "Direction",
            {
                BEST: _("As fits the examples best"),
                "axial": _("Axial"),
                "coronal": _("Coronal"),
                "sagittal": _("Sagittal"),
            },
        )
        bind.bindChoice(
            ui.combineSelector,
            "Combine",
            {"mean": _("Mean"), "vote": _("Majority vote"), "staple": _("STAPLE")},
        )

    def _sliders(self):
        ui = self.ui
        return {
            "supports": ui.supportsSlider,
            "subsets": ui.subsetsSlider,
            "augmentations": ui.augmentationsSlider,
            "candidates": ui.candidatesSlider,
        }

    def _showModel(self):
        self.model.show()
        ui, choice = self.ui, self.model.chosen
        isNetwork = choice is not None and bool(choice.spec.architecture)
        for widget in (*self._sliders().values(), ui.combineSelector, ui.secondPassCheckBox, ui.fuseAxesCheckBox):
            widget.enabled = isNetwork

    def _showTasks(self, shelf):
        tasks, ui = [_taskTexts(row) for row in shelf.rows], self.ui
        wasBlocked = ui.tasksTree.blockSignals(True)
        self._rows.fill(ui.tasksTree, tasks)
        names = [row.name for row in shelf.rows]
        row = names.index(shelf.name) if shelf.name in names else -1
        ui.tasksTree.setCurrentItem(ui.tasksTree.topLevelItem(row) if row >= 0 else None)
        ui.tasksTree.blockSignals(wasBlocked)
        self._rows.fill(ui.contextTree, [_exampleTexts(number, note) for number, note in enumerate(shelf.notes, 1)])
        ui.libraryButton.text = _shortened(shelf.folder)
        ui.libraryButton.toolTip = _("Your tasks lie in {folder}. Press to choose another folder.").format(
            folder=shelf.folder
        )

    def _showCandidates(self, session):
        slider, count = self.ui.candidateSlider, session.candidateCount
        for widget in (slider, self.ui.candidateLabel):
            widget.visible = count > 0
        wasBlocked = slider.blockSignals(True)
        slider.maximum = max(count, 1)
        slider.value = session.answer.candidate if count else 0
        slider.blockSignals(wasBlocked)

    def _showButtons(self, session):
        ui, shelf, isFree = self.ui, session.shelf, not session.isBusy
        for button in (ui.newTaskButton, ui.takeTaskButton, ui.libraryButton):
            button.enabled = isFree
        ui.shareTaskButton.enabled = ui.renameTaskButton.enabled = shelf.isChosen and isFree
        ui.removeTaskButton.enabled = bool(shelf.name) and isFree
        ui.addSliceButton.enabled = ui.addVolumeButton.enabled = session.canAdd
        ui.removeContextButton.enabled = bool(shelf.notes) and isFree
        ui.startPromptButton.visible = shelf.isEmpty
        ui.startPromptButton.enabled = session.canAdd
        ui.segmentSliceButton.enabled = ui.segmentVolumeButton.enabled = session.canSegment and self.model.canRun
        ui.cancelContextButton.enabled = session.isBusy
        ui.applyContextButton.enabled = session.canApply
        ui.acceptSliceButton.enabled = session.canAdd and session.answer is not None
        ui.lookNextButton.enabled = session.canLookNext
        ui.showUncertaintyButton.enabled = session.hasUncertainty


def shownTask(name):
    """Return what the scene remembers of a task's name."""
    return name or NO_TASK


def _taskTexts(row):
    return row.name, ", ".join(row.labels) or _("(damaged)"), str(row.count)


def _exampleTexts(number, note):
    origins = {"drawn": _("drawn"), "corrected": _("corrected"), "accepted": _("accepted")}
    where = _("volume") if note.position is None else _("slice at {share:.0f} %").format(share=100 * note.position)
    return str(number), where, origins[note.origin]


def _shortened(folder, longest=32):
    home = Path.home()
    text = str(Path("~") / folder.relative_to(home)) if folder.is_relative_to(home) else str(folder)
    return text if len(text) <= longest else "…" + text[-longest:]


def _hint(session):
    shelf = session.shelf
    if session.isBusy:
        return _("Working…")
    if session.canApply:
        return _("Check the preview, then apply it. Or accept it: then the slice joins the task.")
    if not shelf.isChosen:
        return _("Choose a task, or make a new one.")
    if shelf.isEmpty:
        names = ", ".join(shelf.labels)
        return _("The task is empty. Draw {names} on a slice, by hand or with AI Prompt, then add the slice.").format(
            names=names
        )
    return _("Segment a slice or the volume. Correct what is wrong with any tool, then add the slice.")
