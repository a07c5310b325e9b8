"""The part of the module that shows the models, gets, verifies and removes their files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import ctk
import qt
import slicer
from MedSegAICore.errors import MedSegAIError
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.models.licences import withdraw_licence
from MedSegAICore.models.store.sources import Sources
from MedSegAICore.models.store.stored_file import FileState
from MedSegAICore.models.weights import weights_folders
from slicer.i18n import tr as _

from . import settings
from .doctor import formatBytes
from .event_loop import later
from .file_browser import showFolder
from .model_jobs import READ_BUNDLE, REMOVE, VERIFY, WRITE_BUNDLE, ModelJobs, askLicence, canDownload
from .model_state import ModelState, State, modelState
from .model_words import columns, description, downloadText, verifiedText
from .packages import Package

IMPORT = "MedSegAICore.models.importing:import_file"
FILES = "(*.pth *.pt *.safetensors *.ckpt *.bin)"
BUNDLE = "MedSegAI-models.zip"


class ModelsPanel:
    """The list of models and the buttons below it.

    Parameters
    ----------
    ui
        The widgets of the module's form.
    jobs
        The work on model files.
    onChange
        Called when files or licences may have changed.
    """

    def __init__(self, ui, jobs: ModelJobs, onChange: Callable[[], object]) -> None:
        self._ui, self._jobs, self._onChange = ui, jobs, onChange
        self._models: list[ModelState] = []
        ui.modelsTree.connect("itemSelectionChanged()", self._showSelected)
        actions = {
            ui.downloadModelButton: self._download,
            ui.verifyModelButton: self._verify,
            ui.removeModelButton: self._remove,
            ui.licenceButton: self._changeLicence,
            ui.importModelButton: self._chooseFile,
            ui.showModelsButton: showWeightsFolder,
            ui.cancelJobButton: jobs.cancel,
            ui.bundleOutButton: self._writeBundle,
            ui.bundleInButton: self._readBundle,
        }
        for button, action in actions.items():
            button.connect("clicked()", action)
        ui.offlineFolderEdit.filters = ctk.ctkPathLineEdit.Dirs | ctk.ctkPathLineEdit.Readable
        own = settings.ownSources()
        ui.mirrorEdit.text, ui.offlineFolderEdit.currentPath = own.mirror, own.offline_folder
        ui.mirrorEdit.connect("editingFinished()", self._keepSources)
        ui.offlineFolderEdit.connect("currentPathChanged(QString)", self._keepSources)
        jobs.watch(self._heard)
        self._showJob()

    def show(self, packages: Sequence[Package]) -> None:
        """List the models as they are now; the current one stays current."""
        tree, current = self._ui.modelsTree, self._currentIndex()
        self._models = [modelState(spec, packages) for spec in load_catalogue().values()]
        tree.clear()
        for model in self._models:
            item = qt.QTreeWidgetItem()
            for column, text in enumerate(columns(model)):
                item.setText(column, text)
            item.setToolTip(0, model.spec.advice)
            tree.addTopLevelItem(item)
        for column in range(tree.columnCount):
            tree.resizeColumnToContents(column)
        tree.setCurrentItem(tree.topLevelItem(max(current, 0)))

    def select(self, name: str) -> None:
        """Make the model of that name the current one."""
        tree, names = self._ui.modelsTree, [model.spec.name for model in self._models]
        if name in names:
            tree.setCurrentItem(tree.topLevelItem(names.index(name)))

    def importFile(self, path: str, model: str | None = None) -> None:
        """Take a checkpoint in; a process of its own reads, tries and copies it."""
        name = Path(path).name
        words = _("{file} is being recognised, tried and copied...").format(file=name)
        refusal = _("The file was not taken. {reason}")
        self._jobs.start(
            IMPORT, {"path": path, "model": model}, words, lambda found: self._imported(found, path), refusal
        )

    def close(self) -> None:
        """Stop what goes on."""
        self._jobs.unwatch(self._heard)
        self._jobs.stop()

    def _heard(self, hasEnded: bool) -> None:
        self._showJob()
        if hasEnded:
            self._onChange()

    def _showJob(self) -> None:
        ui, jobs = self._ui, self._jobs
        ui.jobText.text, ui.jobText.visible = jobs.message, bool(jobs.message)
        ui.jobProgressBar.value = round(100 * jobs.fraction)
        ui.jobProgressBar.visible = ui.cancelJobButton.visible = jobs.isBusy
        for button in (ui.importModelButton, ui.bundleInButton, ui.bundleOutButton, ui.removeModelButton):
            button.enabled = not jobs.isBusy
        ui.downloadModelButton.enabled = ui.verifyModelButton.enabled = not jobs.isBusy

    def _download(self) -> None:
        model = self._current()
        if model is not None:
            self._jobs.download(model.spec)

    def _verify(self) -> None:
        names = [model.spec.name for model in self._selected() if model.file is not None and model.file.is_there]
        self._jobs.start(VERIFY, {"models": names}, _("The model files are being read..."), verifiedText)

    def _remove(self) -> None:
        model = self._current()
        question = _("Remove the file {file} of {model} from this computer? {others}")
        if model is None or model.file is None:
            return
        filename = model.spec.weights.filename
        users = [
            one.spec.title for one in self._models if one.file is not None and one.spec.weights.filename == filename
        ]
        others = _("These models use it: {names}.").format(names=", ".join(users)) if len(users) > 1 else ""
        text = question.format(file=filename, model=model.spec.title, others=others)
        if slicer.util.confirmOkCancelDisplay(text.strip()):
            words = _("{file} is being removed...").format(file=filename)
            done = _("{file} was removed: {size} are free again.")
            self._jobs.start(
                REMOVE,
                {"model": model.spec.name},
                words,
                lambda size: done.format(file=filename, size=formatBytes(size)),
            )

    def _writeBundle(self) -> None:
        models = [model for model in self._selected() if model.file is not None and model.file.is_there]
        if not models:
            self._jobs.say(_("Select models whose files are on this computer; they go into the bundle."))
            return
        title, start = _("Write the files of the selected models into a bundle"), str(Path.home() / BUNDLE)
        path = qt.QFileDialog.getSaveFileName(slicer.util.mainWindow(), title, start, _("Bundles") + " (*.zip)")
        if path:
            names = [model.spec.name for model in models]
            self._jobs.start(
                WRITE_BUNDLE,
                {"models": names, "path": path},
                _("The bundle is being written..."),
                lambda files: _("The bundle was written with {count} files: {path}").format(
                    count=len(files), path=path
                ),
            )

    def _readBundle(self) -> None:
        title, folder = _("Choose a bundle of model files"), str(Path.home())
        path = qt.QFileDialog.getOpenFileName(slicer.util.mainWindow(), title, folder, _("Bundles") + " (*.zip)")
        if path:
            done = _("These files were taken in: {names}.")
            self._jobs.start(
                READ_BUNDLE,
                {"path": path},
                _("The bundle is being read..."),
                lambda files: done.format(names=", ".join(file["filename"] for file in files)),
            )

    def _chooseFile(self) -> None:
        title = _("Choose the checkpoint of a model")
        folder = str(Path.home())
        path = qt.QFileDialog.getOpenFileName(slicer.util.mainWindow(), title, folder, _("Checkpoints") + f" {FILES}")
        if path:
            self.importFile(path)

    def _imported(self, found: dict, path: str) -> str:
        name, catalogue = Path(path).name, load_catalogue()
        if "candidates" in found:
            later(0, lambda: self._askWhichModel(path, found["candidates"]))
            return _("{file} can belong to several models.").format(file=name)
        if found["is_published"]:
            text = _("{file} is {model}, the file that its authors publish. The model is ready.")
        else:
            text = _("{file} is {model}, but not the file that its authors publish: a copy that was trained further?")
        return text.format(file=name, model=catalogue[found["model"]].title)

    def _askWhichModel(self, path: str, names: list[str]) -> None:
        """Import the file as the model that the user says it is."""
        titles = [_("(none of them)"), *(load_catalogue()[name].title for name in names)]
        label = _("{file} can belong to several models, which have the same network. Which one is it?")
        answer = qt.QInputDialog.getItem(
            slicer.util.mainWindow(), _("Import a model file"), label.format(file=Path(path).name), titles, 0, False
        )  # a refused question is answered by the first title
        if answer in titles[1:]:
            self.importFile(path, names[titles.index(answer) - 1])

    def _keepSources(self) -> None:
        ui = self._ui
        settings.setOwnSources(Sources(ui.mirrorEdit.text.strip(), ui.offlineFolderEdit.currentPath.strip()))
        self._showSelected()

    def _currentIndex(self) -> int:
        tree = self._ui.modelsTree
        item = tree.currentItem()
        return -1 if item is None else tree.indexOfTopLevelItem(item)

    def _current(self) -> ModelState | None:
        index = self._currentIndex()
        return self._models[index] if 0 <= index < len(self._models) else None

    def _selected(self) -> list[ModelState]:
        tree = self._ui.modelsTree
        return [self._models[tree.indexOfTopLevelItem(item)] for item in tree.selectedItems()]

    def _showSelected(self) -> None:
        model, ui = self._current(), self._ui
        if model is None:
            return
        weights, file = model.spec.weights, model.file
        ui.modelText.text = description(model)
        ui.licenceButton.visible = weights is not None and weights.licence_must_be_accepted
        mustAccept = model.state is State.LICENCE_NOT_ACCEPTED
        ui.licenceButton.text = _("Accept the licence...") if mustAccept else _("No longer accept the licence")
        isThere = file is not None and file.is_there
        isDamaged = file is not None and file.state is FileState.CHANGED
        isNeeded = file is not None and (not isThere or isDamaged or model.missingBase is not None)
        ui.downloadModelButton.visible = isNeeded and canDownload(model.spec)
        ui.downloadModelButton.text = downloadText(model)
        ui.verifyModelButton.visible = isThere
        ui.removeModelButton.visible = file is not None and file.state is not FileState.MISSING

    def _changeLicence(self) -> None:
        """Accept the licence of the current model, after asking, or withdraw that."""
        model = self._current()
        if model is None or model.spec.weights is None:
            return
        if model.state is State.LICENCE_NOT_ACCEPTED:
            askLicence(model.spec, self._jobs)
        else:
            try:
                withdraw_licence(model.spec)
            except MedSegAIError as error:
                self._jobs.say(str(error))
        self._onChange()


def showWeightsFolder() -> None:
    """Open the folder of the checkpoints in the computer's file browser."""
    showFolder(weights_folders()[0])
