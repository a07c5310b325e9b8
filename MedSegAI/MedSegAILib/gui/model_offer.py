"""The words below an effect's list of models, with links that get what the chosen model lacks."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import slicer
from slicer.i18n import tr as _

from .model_choice import ModelChoice
from .model_jobs import askLicence, canDownload, modelJobs
from .model_state import State

DOWNLOAD, ACCEPT, OPEN, CANCEL = "download", "accept", "open", "cancel"
MODULE = "MedSegAI"


class ModelOffer:
    """Says what there is to know about the chosen model, and gets what it lacks.

    Parameters
    ----------
    label
        Where the words are shown.
    onChange
        Called when the model may be able to run now.
    """

    def __init__(self, label, onChange: Callable[[], object]) -> None:
        self._label, self._onChange = label, onChange
        self._choice: ModelChoice | None = None
        self._words = ""
        label.connect("linkActivated(QString)", self._follow)

    def start(self) -> None:
        """Follow the work on model files: the effect is active."""
        modelJobs().unwatch(self._heard)
        modelJobs().watch(self._heard)

    def stop(self) -> None:
        """Follow it no more; a download goes on."""
        modelJobs().unwatch(self._heard)

    def show(self, choice: ModelChoice | None, words: str) -> None:
        """Show `words` about the chosen model, and a link if something can be done."""
        self._choice, self._words = choice, words
        self._label.text = self._text()

    def _text(self) -> str:
        jobs, choice = modelJobs(), self._choice
        if choice is None or choice.isReady:
            return self._words
        if jobs.isBusy and jobs.model == choice.spec.name:
            return f"{escape(jobs.message)} {_link(CANCEL, _('Cancel'))}"
        message = f"<br>{escape(jobs.message)}" if jobs.message and jobs.isBusy else ""
        return f"{escape(self._words)} {self._offer(choice)}{message}"

    @staticmethod
    def _offer(choice: ModelChoice) -> str:
        """Return the link that brings the model nearer to running."""
        state = choice.model.state
        if state is State.LICENCE_NOT_ACCEPTED:
            return _link(ACCEPT, _("Read and accept it..."))
        if state is State.FILE_MISSING and canDownload(choice.spec) and not modelJobs().isBusy:
            return _link(DOWNLOAD, _("Download them"))
        return _link(OPEN, _("Open the module MedSegAI"))

    def _follow(self, link: str) -> None:
        choice = self._choice
        if choice is None:
            return
        if link == CANCEL:
            modelJobs().cancel()
        elif link == DOWNLOAD:
            modelJobs().download(choice.spec)
        elif link == ACCEPT:
            askLicence(choice.spec, modelJobs())
            self._onChange()
        else:
            openModel(choice.spec.name)

    def _heard(self, hasEnded: bool) -> None:
        if hasEnded:
            self._onChange()
        self._label.text = self._text()


def openModel(name: str) -> None:
    """Open the module with a model selected."""
    slicer.util.selectModule(MODULE)
    slicer.modules.medsegai.widgetRepresentation().self().panel.models.select(name)


def _link(target: str, text: str) -> str:
    return f'<a href="{target}">{escape(text)}</a>'
