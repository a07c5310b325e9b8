"""The part of the module that segments many scans, in a process of its own, while Slicer goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import ctk
import qt
from MedSegAICore.errors import Cancelled, MedSegAIError
from MedSegAICore.models.weights import user_data_folder
from slicer.i18n import tr as _

from . import settings
from .cohort_settings import CohortSettings, keepCohortSettings, readCohortSettings
from .errand import Errand
from .file_browser import showFolder
from .installer import installMissing
from .list_widgets import RowFiller

SEGMENT_ALL = "MedSegAICore.cohort.batch:segment_all"
LOOK_AHEAD = "MedSegAICore.cohort.batch:look_ahead"
PAGE = "index.html"
"""As `MedSegAICore.cohort.summary` calls it, which would load the whole engine here."""
CANCEL_PATIENCE = 20000
"""How long a run may take to stop between two steps before its process is ended, which loses nothing either [ms]."""


class CohortPanel:
    """The choices, the buttons, the progress and what came out.

    Parameters
    ----------
    ui
        The widgets of the module's form.
    """

    def __init__(self, ui) -> None:
        self._ui = ui
        self._errand: Errand | None = None
        self._rows = RowFiller()
        self._fill(readCohortSettings())
        actions = {
            ui.cohortDryRunButton: self.lookAhead,
            ui.cohortStartButton: self.start,
            ui.cohortCancelButton: self.cancel,
            ui.cohortLastRecipeButton: self._takeLastRecipe,
            ui.cohortPageButton: self._openPage,
            ui.cohortFolderButton: lambda: showFolder(Path(self._chosen().output)),
        }
        for button, action in actions.items():
            button.connect("clicked()", action)
        for box in (ui.cohortSourceBox, ui.cohortPlaceBox):
            box.connect("currentIndexChanged(int)", lambda _index: self._show())
        ui.cohortOutputEdit.connect("currentPathChanged(QString)", lambda _path: self._show())
        self._say("")

    @property
    def isBusy(self) -> bool:
        return self._errand is not None

    def start(self) -> None:
        """Do what is missing or changed of the cohort."""
        words = _("The run is starting. You can go on working meanwhile.")
        self._begin(SEGMENT_ALL, words, self._ended)

    def lookAhead(self) -> None:
        """Show what a run would do, and about how long it would take."""
        words = _("Looking for what is done already; then one image is tried to see how long it takes.")
        self._begin(LOOK_AHEAD, words, self._lookedAhead)

    def cancel(self) -> None:
        """Stop what goes on; what is done of a cohort is kept."""
        if self._errand is not None:
            self._errand.cancel(CANCEL_PATIENCE)
            self._ui.cohortCancelButton.enabled = False
            self._ui.cohortText.text = _("Stopping. What is done is kept.")

    def exit(self) -> None:
        """Remember what is chosen: the module was left. A run goes on."""
        keepCohortSettings(self._chosen())

    def close(self) -> None:
        """End what goes on."""
        if self._errand is not None:
            self._errand.stop()
            self._errand = None

    def _begin(self, function: str, words: str, onResult: Callable[[dict], object]) -> None:
        if self.isBusy:
            return
        chosen = self._chosen()
        keepCohortSettings(chosen)
        if chosen.complaint:
            self._say(chosen.complaint)
            return
        try:
            installMissing(chosen.packages())
        except MedSegAIError as error:
            self._say(str(error))
            return
        self._rows.fill(self._ui.cohortTree, [])
        arguments = {"options": chosen.options(settings.device())}
        self._errand = Errand(function, arguments, onResult, self._failed, self._progressed)
        self._ui.cohortProgressBar.value = 0
        self._say(words)

    def _progressed(self, fraction: float, words: str) -> None:
        self._ui.cohortProgressBar.value = round(100 * fraction)
        if words:
            self._ui.cohortText.text = words

    def _lookedAhead(self, plan: dict) -> None:
        self._errand = None
        states = {
            "new": _("to do"),
            "changed": _("to do again"),
            "kept": _("done already"),
            "failed": _("failed before"),
        }
        self._list([(name, states[state], "") for name, state in plan["cases"]])
        text = _("{todo} of {cases} images would be done.").format(todo=plan["todo"], cases=len(plan["cases"]))
        if plan["todo"] and plan["time"]:
            estimate = _("That takes about {time}: {measured}")
            text += " " + estimate.format(time=plan["time"], measured=plan["measured"])
        elif plan["todo"]:
            text += " " + _("The time is not known: {reason}").format(reason=plan["measured"])
        self._say(text)

    def _ended(self, report: dict) -> None:
        self._errand = None
        states = {"done": _("done"), "kept": _("done before"), "failed": _("failed")}
        self._list([(name, states[status], reason) for name, status, reason in report["look_at"]])
        text = _("{done} done, {kept} done before, {failed} failed, in {time}.").format(**report)
        if report["look_at"]:
            text += " " + _("Look at the listed ones first; the page shows all of them.")
        self._say(text)

    def _failed(self, error: MedSegAIError) -> None:
        self._errand = None
        stopped = _("Stopped. What is done is kept; Start goes on where it was.")
        self._say(stopped if isinstance(error, Cancelled) else str(error))

    def _list(self, rows: list[tuple[str, str, str]]) -> None:
        items = self._rows.fill(self._ui.cohortTree, rows)
        for item, (_name, _state, reason) in zip(items, rows, strict=False):
            item.setToolTip(2, reason)

    def _say(self, text: str) -> None:
        self._ui.cohortText.text = text
        self._ui.cohortText.visible = bool(text)
        self._show()

    def _show(self) -> None:
        ui, chosen = self._ui, self._chosen()
        for widget in (ui.cohortTableLabel, ui.cohortTableEdit):
            widget.visible = not chosen.isFolder
        for name in ("Images", "Pattern", "Prompts"):
            for kind in ("Label", "Edit"):
                getattr(ui, f"cohort{name}{kind}").visible = chosen.isFolder
        for widget in (ui.cohortWorkersLabel, ui.cohortWorkersBox):
            widget.visible = not chosen.isRemote
        for name in ("Scheduler", "Certificates"):
            for kind in ("Label", "Edit"):
                getattr(ui, f"cohort{name}{kind}").visible = chosen.isRemote
        ui.cohortDryRunButton.enabled = ui.cohortStartButton.enabled = not self.isBusy
        ui.cohortCancelButton.enabled = self.isBusy
        ui.cohortProgressBar.visible = self.isBusy
        ui.cohortPageButton.enabled = bool(chosen.output) and (Path(chosen.output) / PAGE).is_file()
        ui.cohortFolderButton.enabled = bool(chosen.output)

    def _chosen(self) -> CohortSettings:
        ui = self._ui
        return CohortSettings(
            isFolder=ui.cohortSourceBox.currentIndex == 1,
            table=ui.cohortTableEdit.currentPath,
            images=ui.cohortImagesEdit.currentPath,
            pattern=ui.cohortPatternEdit.text.strip(),
            prompts=ui.cohortPromptsEdit.text.strip(),
            recipe=ui.cohortRecipeEdit.currentPath,
            output=ui.cohortOutputEdit.currentPath,
            segmentations=ui.cohortSegmentationsBox.checked,
            labelMaps=ui.cohortLabelMapsBox.checked,
            dicom=ui.cohortDicomBox.checked,
            isRemote=ui.cohortPlaceBox.currentIndex == 1,
            workers=ui.cohortWorkersBox.value,
            scheduler=ui.cohortSchedulerEdit.text.strip(),
            certificates=ui.cohortCertificatesEdit.currentPath,
            retry=ui.cohortRetryBox.checked,
        )

    def _fill(self, chosen: CohortSettings) -> None:
        ui = self._ui
        paths = {
            ui.cohortTableEdit: chosen.table,
            ui.cohortImagesEdit: chosen.images,
            ui.cohortRecipeEdit: chosen.recipe,
            ui.cohortOutputEdit: chosen.output,
            ui.cohortCertificatesEdit: chosen.certificates,
        }
        for edit, path in paths.items():
            isFile = edit in (ui.cohortTableEdit, ui.cohortRecipeEdit)
            edit.filters = ctk.ctkPathLineEdit.Files if isFile else ctk.ctkPathLineEdit.Dirs
            edit.currentPath = path
        ui.cohortSourceBox.currentIndex, ui.cohortPlaceBox.currentIndex = int(chosen.isFolder), int(chosen.isRemote)
        ui.cohortPatternEdit.text, ui.cohortPromptsEdit.text = chosen.pattern, chosen.prompts
        ui.cohortSegmentationsBox.checked, ui.cohortLabelMapsBox.checked = chosen.segmentations, chosen.labelMaps
        ui.cohortDicomBox.checked, ui.cohortRetryBox.checked = chosen.dicom, chosen.retry
        ui.cohortWorkersBox.value, ui.cohortSchedulerEdit.text = chosen.workers, chosen.scheduler

    def _takeLastRecipe(self) -> None:
        """Write what was done for the last segment of the scene as a recipe, and choose it."""
        from MedSegAICore.cohort.cohort_recipe import recipe_text  # with SimpleITK, which opening the module needs not
        from MedSegAICore.command_line import write_text

        from ..mrml.last_recipe import lastRecipe

        try:
            name, recipe = lastRecipe()
            if recipe is None:
                self._say(_("The scene has no segment that MedSegAI has made. Make one first, or choose a recipe."))
                return
            text = recipe_text(recipe.task, name)
            file = user_data_folder() / "recipes" / f"{hashlib.sha256(text.encode()).hexdigest()[:12]}.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            write_text(file, text)
        except (MedSegAIError, OSError) as error:
            self._say(str(error))
            return
        self._ui.cohortRecipeEdit.currentPath = str(file)
        words = _("Every image will be segmented as '{segment}' was, with prompts or examples of its own.")
        self._say(words.format(segment=name))

    def _openPage(self) -> None:
        page = Path(self._chosen().output) / PAGE
        qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(page)))
