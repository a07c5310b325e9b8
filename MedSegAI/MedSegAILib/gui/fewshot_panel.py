"""The widgets of the AI Few-shot effect and what they say."""

from __future__ import annotations

from pathlib import Path

import qt
import slicer
from MedSegAICore.fewshot.fit import BEST
from MedSegAICore.result import LOW_QUALITY
from slicer.i18n import tr as _

from ..mrml.support_files import SUFFIX, keptModels
from .fewshot_settings import NO_MODEL, supportModelPath
from .list_widgets import RowFiller, currentRow, fitColumns, refill, setIndex, swatch
from .model_choice import modelChoices
from .model_offer import ModelOffer
from .resources import resourcePath


class FewShotPanel:
    """The options of the effect. Method, threshold and support model live in the scene; the widgets only show them.

    Parameters
    ----------
    parameters
        The `EffectParameters` of the effect.
    onModelsChange
        Called when a method may be able to run that could not before.
    """

    def __init__(self, parameters, onModelsChange):
        self._parameters = parameters
        self.widget = slicer.util.loadUI(resourcePath("UI/AIFewShot.ui"))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self.widget.setMRMLScene(slicer.mrmlScene)
        for selector in (self.ui.exampleVolumeSelector, self.ui.exampleSegmentationSelector):
            selector.setMRMLScene(slicer.mrmlScene)
        self._methods, self._models, self._rows = {}, [], RowFiller()
        self.offer = ModelOffer(self.ui.methodStateLabel, onModelsChange)
        self.ui.methodSelector.connect("currentIndexChanged(int)", self._chooseMethod)
        self.ui.supportModelSelector.connect("currentIndexChanged(int)", self._chooseModel)
        parameters.bindSlider(self.ui.probabilitySlider, "Threshold")

    def setModels(self):
        """List the methods and what was learned as they are on this computer now."""
        self._methods = modelChoices("fewshot")
        titles = [_("Best for these examples"), *(choice.title for choice in self._methods.values())]
        refill(self.ui.methodSelector, titles)
        self._listModels()

    @property
    def canLearn(self):
        """Whether the chosen method can run on this computer."""
        choice = self._methods.get(self._parameters.text("Method"))
        return self._parameters.text("Method") == BEST or (choice is not None and choice.isReady)

    @property
    def selectedExample(self):
        """Number of the selected example; -1 without one."""
        return currentRow(self.ui.examplesTree)

    def show(self, session):
        """Bring the widgets up to date with the scene and with what goes on."""
        ui = self.ui
        self._parameters.show()
        self._showMethod()
        self._showModel()
        examples = [(one.title, one.source, ", ".join(one.labels)) for one in session.examples.items]
        self._rows.fill(ui.examplesTree, examples)
        self._showShared(session)
        self._showStructures(session)
        ui.warningsLabel.text = "\n".join(f"⚠ {warning}" for warning in session.warnings)
        ui.warningsLabel.visible = bool(session.warnings)
        self._showButtons(session)
        fraction, text = session.progress
        ui.fewShotProgressBar.visible = session.isSlow
        ui.fewShotProgressBar.value = round(100 * fraction)
        ui.fewShotStatusLabel.text = session.message or (text if session.isSlow else "") or _hint(session)

    def _showButtons(self, session):
        ui = self.ui
        ui.learnButton.enabled = session.canLearn and self.canLearn
        ui.removeExampleButton.enabled = bool(session.examples.items) and not session.isBusy
        for button in (ui.addExampleButton, ui.addFolderButton, ui.addSetButton):
            button.enabled = not session.isBusy
        ui.saveModelButton.enabled = session.model is not None
        ui.segmentButton.enabled = session.canSegment
        ui.applyStructuresButton.enabled = session.canApply
        ui.cancelFewShotButton.enabled = session.isBusy

    def _chooseMethod(self, index):
        self._parameters.set("Method", [BEST, *self._methods][index])

    def _showMethod(self):
        names, name = [BEST, *self._methods], self._parameters.text("Method")
        setIndex(self.ui.methodSelector, names.index(name) if name in names else -1)
        self.offer.show(self._methods.get(name), self._methodState(name))

    def _methodState(self, name):
        if name == BEST:
            return _(
                "Every method that is ready segments each example by what the others teach; the best one is taken."
            )
        choice = self._methods.get(name)
        return choice.state if choice is not None else _("This method is not in the catalogue.")

    def _listModels(self):
        """List what was learned, with the chosen one wherever it lies."""
        chosen = supportModelPath(self._parameters)
        self._models = [str(file) for file in keptModels()]
        if chosen and chosen not in self._models:
            self._models.insert(0, chosen)
        refill(self.ui.supportModelSelector, [_("(nothing yet)"), *(Path(file).stem for file in self._models)])

    def _chooseModel(self, index):
        self._parameters.set("SupportModel", [NO_MODEL, *self._models][index])

    def _showModel(self):
        chosen = supportModelPath(self._parameters)
        if chosen and chosen not in self._models:
            self._listModels()
        setIndex(self.ui.supportModelSelector, self._models.index(chosen) + 1 if chosen else 0)

    def _showShared(self, session):
        """List the structures that can be learned, each with a tick."""
        tree, chosen = self.ui.learnedStructuresTree, session.examples.chosen
        wasBlocked = tree.blockSignals(True)
        for item in self._rows.fill(tree, [(label,) for label in session.examples.shared]):
            item.setCheckState(0, qt.Qt.Checked)
        for row in range(tree.topLevelItemCount):
            item = tree.topLevelItem(row)
            item.setCheckState(0, qt.Qt.Checked if item.text(0) in chosen else qt.Qt.Unchecked)
        tree.blockSignals(wasBlocked)

    def _showStructures(self, session):
        """List what was learned with its colours and how good it is."""
        structures = session.structures
        rows = [(row.label, *_numbers(row)) for row in structures]
        colors = [row.color for row in structures]
        for item, color in zip(self._rows.fill(self.ui.qualityTree, rows, colors), colors, strict=False):
            item.setIcon(0, swatch(color))
        fitColumns(self.ui.qualityTree)


def chooseFolder():
    """Ask for a folder of examples; "" if the user thinks better of it."""
    title = _("Choose the folder of the examples")
    return qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), title, str(Path.home()))


def chooseSet():
    """Ask for a support set."""
    title, filters = _("Choose a support set"), _("Support sets") + " (*.support.json)"
    return qt.QFileDialog.getOpenFileName(slicer.util.mainWindow(), title, str(Path.home()), filters)


def chooseModel():
    """Ask for a support model to load."""
    title = _("Choose a support model")
    return qt.QFileDialog.getOpenFileName(slicer.util.mainWindow(), title, str(Path.home()), _modelFilter())


def chooseTarget(name):
    """Ask where to save a support model; the answer ends as such files do."""
    title, start = _("Save the support model"), str(Path.home() / name)
    path = qt.QFileDialog.getSaveFileName(slicer.util.mainWindow(), title, start, _modelFilter())
    return path if not path or path.endswith(SUFFIX) else path + SUFFIX


def _modelFilter():
    return _("Support models") + f" (*{SUFFIX})"


def _numbers(row):
    """Return what to expect of a structure as texts; a low one is marked."""
    expected = (row.expected.mean, row.expected.lowest) if row.expected is not None else (None, None)
    return tuple(
        "" if dice is None else f"⚠ {dice:.2f}" if dice < LOW_QUALITY else f"{dice:.2f}"
        for dice in (*expected, row.quality)
    )


def _hint(session):
    if session.isBusy:
        return _("Working…")
    if session.canApply:
        return _("Check the preview on the slices, then apply.")
    if session.model is not None:
        return _("Choose the volume to segment as the source volume, then segment it.")
    return _("Add volumes with what was drawn on them, then learn. Or load what was learned before.")
