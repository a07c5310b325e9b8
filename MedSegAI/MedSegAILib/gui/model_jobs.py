"""Work on model files, seen from everywhere: the module and the effects show the same download and can cancel it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import slicer
from MedSegAICore.errors import MedSegAIError
from MedSegAICore.models.catalogue import ModelSpec, load_catalogue
from MedSegAICore.models.licences import accept_licence, needs_acceptance
from slicer.i18n import tr as _

from . import settings
from .doctor import formatBytes
from .errand import Errand

_JOBS = "MedSegAICore.models.store.jobs"
DOWNLOAD = f"{_JOBS}:download_model"
VERIFY = f"{_JOBS}:verify_models"
REMOVE = f"{_JOBS}:remove_model"
WRITE_BUNDLE = f"{_JOBS}:write_bundle"
READ_BUNDLE = f"{_JOBS}:read_bundle"

Watcher = Callable[[bool], object]
"""Called whenever something is told, with True if a piece of work has ended and files may have changed."""


class ModelJobs:
    """One piece of work on model files at a time, in a process of its own."""

    def __init__(self) -> None:
        self._errand: Errand | None = None
        self._watchers: list[Watcher] = []
        self.model = ""
        self.fraction, self.message = 0.0, ""

    @property
    def isBusy(self) -> bool:
        return self._errand is not None

    def watch(self, watcher: Watcher) -> None:
        """Tell `watcher` from now on."""
        self._watchers.append(watcher)

    def unwatch(self, watcher: Watcher) -> None:
        """Tell `watcher` no more."""
        if watcher in self._watchers:
            self._watchers.remove(watcher)

    def start(
        self,
        function: str,
        arguments: dict,
        words: str,
        onResult: Callable[[object], str],
        refusal: str = "{reason}",
        model: str = "",
    ) -> None:
        """Begin a piece of work, unless there is one already.

        Parameters
        ----------
        function, arguments
            As for `Errand`.
        words
            What is shown until the work tells more.
        onResult
            Says in words what has come out.
        refusal
            What is shown if it fails, with a place for the reason.
        model
            The model that it is about, if it is about one.
        """
        if self.isBusy:
            return
        self.model, self.fraction = model, 0.0
        self._errand = Errand(
            function,
            arguments,
            lambda result: self._ended(onResult(result)),
            lambda error: self._ended(refusal.format(reason=error)),
            self._progressed,
        )
        self.say(words)

    def download(self, spec: ModelSpec) -> None:
        """Get the checkpoint of a model; where its licence must be accepted, ask first."""
        base = [load_catalogue()[spec.base]] if spec.base else []
        if self.isBusy or not all(askLicence(one, self) for one in (*base, spec)):
            return
        sources = settings.sources()
        arguments = {"model": spec.name, "mirror": sources.mirror, "offline_folder": sources.offline_folder}
        words = _("{model} is being downloaded.").format(model=spec.title)
        done = _("{model} was downloaded and verified.").format(model=spec.title)
        self.start(DOWNLOAD, arguments, words, lambda _found: done, model=spec.name)

    def cancel(self) -> None:
        """Ask the work to stop; what has come of a download is kept."""
        if self._errand is not None:
            self._errand.cancel()
            self.say(_("Cancelling..."))

    def stop(self) -> None:
        """End the work at once."""
        if self._errand is not None:
            self._errand.stop()
            self._ended("")

    def say(self, message: str) -> None:
        """Show a message wherever work is shown."""
        self.message = message
        self._tell(False)

    def _progressed(self, fraction: float, message: str) -> None:
        self.fraction = fraction
        self.say(message)

    def _ended(self, message: str) -> None:
        self._errand, self.model, self.message = None, "", message
        self._tell(True)

    def _tell(self, hasEnded: bool) -> None:
        for watcher in list(self._watchers):
            watcher(hasEnded)


@cache
def modelJobs() -> ModelJobs:
    """Return the work on model files that everything in this application shares."""
    return ModelJobs()


def askLicence(spec: ModelSpec, jobs: ModelJobs) -> bool:
    """Ask the user to accept the licence of a model's weights, where that is needed; return whether it may be used."""
    if not needs_acceptance(spec):
        return True
    text = _(
        'The weights of {model} have the licence <a href="{url}">{licence}</a>. Read it: it says what they may be used'
        " for.<br><br>Do you accept it?"
    )
    weights = spec.weights
    if not slicer.util.confirmOkCancelDisplay(
        text.format(model=spec.title, url=weights.licence_url, licence=weights.licence)
    ):
        return False
    try:
        accept_licence(spec)
    except MedSegAIError as error:
        jobs.say(str(error))
        return False
    return True


def canDownload(spec: ModelSpec) -> bool:
    """Tell whether a program can get the file of a model; from a page only a person can."""
    sources = settings.sources()
    return not spec.weights.url_is_page or bool(sources.mirror or sources.offline_folder)


def sizeText(size: int | None) -> str:
    """Return the size of a file in words; "" if it is not known."""
    return "" if size is None else formatBytes(size)
