"""The part of the module that shows the models and takes checkpoint files in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import qt
import slicer
from MedSegAICore.errors import MedSegAIError
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.models.weights import weights_folders
from slicer.i18n import tr as _

from .doctor import formatBytes
from .errand import Errand
from .model_state import ModelState, State, modelState
from .packages import Package

IMPORT = "MedSegAICore.models.importing:import_file"
FILES = "(*.pth *.pt *.safetensors *.ckpt *.bin)"


class ModelsPanel:
    """The list of models and the buttons below it.

    Parameters
    ----------
    ui
        The widgets of the module's form.
    onImported
        Called when a checkpoint was taken in.
    """

    def __init__(self, ui, onImported: Callable[[], object]) -> None:
        self._ui, self._onImported = ui, onImported
        self._models: list[ModelState] = []
        self._import: Errand | None = None
        ui.importText.visible = False
        ui.modelsTree.connect("itemSelectionChanged()", self._showSelected)
        ui.importModelButton.connect("clicked()", self._chooseFile)
        ui.showModelsButton.connect("clicked()", showWeightsFolder)

    def show(self, packages: Sequence[Package]) -> None:
        """List the models as they are now; the selected one stays selected."""
        tree, selected = self._ui.modelsTree, self._selectedIndex()
        self._models = [modelState(spec, packages) for spec in load_catalogue().values()]
        tree.clear()
        for model in self._models:
            item = qt.QTreeWidgetItem()
            for column, text in enumerate(_columns(model)):
                item.setText(column, text)
            item.setToolTip(0, model.spec.advice)
            tree.addTopLevelItem(item)
        for column in range(tree.columnCount):
            tree.resizeColumnToContents(column)
        tree.setCurrentItem(tree.topLevelItem(max(selected, 0)))

    def importFile(self, path: str) -> None:
        """Take a checkpoint in; a process of its own reads, tries and copies it."""
        name = Path(path).name
        self._say(_("{file} is being recognised, tried and copied...").format(file=name))
        self._ui.importModelButton.enabled = False
        self._import = Errand(IMPORT, {"path": path}, lambda found: self._imported(found, name), self._refused)

    def close(self) -> None:
        """Stop a checkpoint that is being taken in."""
        if self._import is not None:
            self._import.stop()
            self._ended("")

    def _chooseFile(self) -> None:
        title = _("Choose the checkpoint of a model")
        folder = str(Path.home())
        path = qt.QFileDialog.getOpenFileName(slicer.util.mainWindow(), title, folder, _("Checkpoints") + f" {FILES}")
        if path:
            self.importFile(path)

    def _imported(self, found: dict, file: str) -> None:
        title = load_catalogue()[found["model"]].title
        if found["is_published"]:
            text = _("{file} is {model}, the file that its authors publish. The model is ready.")
        else:
            text = _("{file} is {model}, but not the file that its authors publish: a copy that was trained further?")
        self._ended(text.format(file=file, model=title))
        self._onImported()

    def _refused(self, error: MedSegAIError) -> None:
        self._ended(_("The file was not taken. {reason}").format(reason=error))

    def _ended(self, text: str) -> None:
        self._import = None
        self._ui.importModelButton.enabled = True
        self._say(text)

    def _say(self, text: str) -> None:
        self._ui.importText.text = text
        self._ui.importText.visible = bool(text)

    def _selectedIndex(self) -> int:
        tree = self._ui.modelsTree
        item = tree.currentItem()
        return -1 if item is None else tree.indexOfTopLevelItem(item)

    def _showSelected(self) -> None:
        index = self._selectedIndex()
        if 0 <= index < len(self._models):
            self._ui.modelText.text = _description(self._models[index])


def showWeightsFolder() -> None:
    """Open the folder of the checkpoints in the computer's file browser."""
    folder = next(place for place in (weights_folders()[0], *weights_folders()[0].parents) if place.is_dir())
    qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(folder)))


def _columns(model: ModelState) -> tuple[str, str, str, str]:
    states = {
        State.READY: _("ready"),
        State.FILE_MISSING: _("file missing"),
        State.PACKAGE_MISSING: _("package missing"),
    }
    weights = model.spec.weights
    size, licence = ("", "") if weights is None else (formatBytes(weights.size_bytes), weights.licence)
    return model.spec.title, states[model.state], size, licence


def _description(model: ModelState) -> str:
    """Return what the model is good for, and what it lacks."""
    text = model.spec.advice
    if model.state is State.FILE_MISSING:
        more = _('Download <a href="{url}">its file</a> ({licence}) and import it here.')
        text += " " + more.format(url=model.spec.weights.url, licence=model.spec.weights.licence)
    if model.missingPackages:
        more = _("It also needs Python packages that are not installed: {names}.")
        text += " " + more.format(names=", ".join(model.missingPackages))
    return text
