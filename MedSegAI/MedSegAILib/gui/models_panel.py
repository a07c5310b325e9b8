"""The part of the module that shows the models and takes checkpoint files in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import qt
import slicer
from MedSegAICore.errors import MedSegAIError
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.models.licences import accept_licence, withdraw_licence
from MedSegAICore.models.weights import weights_folders
from MedSegAICore.models.weights_spec import WeightsSpec
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
    onChange
        Called when a checkpoint was taken in, or a licence accepted.
    """

    def __init__(self, ui, onChange: Callable[[], object]) -> None:
        self._ui, self._onChange = ui, onChange
        self._models: list[ModelState] = []
        self._import: Errand | None = None
        ui.importText.visible = False
        ui.modelsTree.connect("itemSelectionChanged()", self._showSelected)
        ui.licenceButton.connect("clicked()", self._changeLicence)
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
        self._onChange()

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

    def _selected(self) -> ModelState | None:
        index = self._selectedIndex()
        return self._models[index] if 0 <= index < len(self._models) else None

    def _showSelected(self) -> None:
        model = self._selected()
        if model is None:
            return
        weights, button = model.spec.weights, self._ui.licenceButton
        self._ui.modelText.text = _description(model)
        button.visible = weights is not None and weights.licence_must_be_accepted
        mustAccept = model.state is State.LICENCE_NOT_ACCEPTED
        button.text = _("Accept the licence...") if mustAccept else _("No longer accept the licence")

    def _changeLicence(self) -> None:
        """Accept the licence of the selected model, after asking, or withdraw that."""
        model = self._selected()
        if model is None or model.spec.weights is None:
            return
        try:
            if model.state is not State.LICENCE_NOT_ACCEPTED:
                withdraw_licence(model.spec)
            elif slicer.util.confirmOkCancelDisplay(_licenceQuestion(model.spec.title, model.spec.weights)):
                accept_licence(model.spec)
        except MedSegAIError as error:
            self._say(str(error))
        self._onChange()


def showWeightsFolder() -> None:
    """Open the folder of the checkpoints in the computer's file browser."""
    folder = next(place for place in (weights_folders()[0], *weights_folders()[0].parents) if place.is_dir())
    qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(folder)))


def _columns(model: ModelState) -> tuple[str, str, str, str]:
    states = {
        State.READY: _("ready"),
        State.LICENCE_NOT_ACCEPTED: _("licence not accepted"),
        State.FILE_MISSING: _("file missing"),
        State.PACKAGE_MISSING: _("package missing"),
    }
    weights = model.spec.weights
    size, licence = ("", "") if weights is None else (formatBytes(weights.size_bytes or 0), weights.licence)
    return model.spec.title, states[model.state], size, licence


def _licenceQuestion(title: str, weights: WeightsSpec) -> str:
    text = _(
        'The weights of {model} have the licence <a href="{url}">{licence}</a>. Read it: it says what they may be used'
        " for.<br><br>Do you accept it?"
    )
    return text.format(model=title, url=weights.licence_url, licence=weights.licence)


def _description(model: ModelState) -> str:
    """Return what the model is good for, and what it lacks."""
    text = model.spec.advice
    if model.state is State.LICENCE_NOT_ACCEPTED:
        more = _('Its licence, <a href="{url}">{licence}</a>, must be accepted before it can be used.')
        text += " " + more.format(url=model.spec.weights.licence_url, licence=model.spec.weights.licence)
    if model.state is State.FILE_MISSING:
        more = _('Download <a href="{url}">its file</a> ({licence}) and import it here.')
        text += " " + more.format(url=model.spec.weights.url, licence=model.spec.weights.licence)
    if model.missingPackages:
        more = _("It also needs Python packages that are not installed: {names}.")
        text += " " + more.format(names=", ".join(model.missingPackages))
    return text
