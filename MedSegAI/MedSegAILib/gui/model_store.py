"""The model files on this computer, for the Python console.

>>> store = MedSegAILogic().modelStore()
>>> store.download("sam_vit_b")
>>> store.bundleOut(["sam_vit_b"], "models.zip")
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from MedSegAICore.engine.run import CancelToken
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.models.store.store import WeightsStore
from MedSegAICore.models.store.stored_file import StoredFile

from . import settings
from .errand import errandAndWait
from .model_jobs import DOWNLOAD, READ_BUNDLE, REMOVE, VERIFY, WRITE_BUNDLE


class ModelStore:
    """Gets, verifies and removes model files; every call waits, and the application stays responsive.

    Parameters
    ----------
    progress
        Called with a fraction [0, 1] and a few words.
    cancel
        A `CancelToken`; setting it ends the call with `Cancelled`.

    Raises
    ------
    MedSegAIError
        By every method: what went wrong and what to do next.
    """

    def __init__(
        self, progress: Callable[[float, str], object] | None = None, cancel: CancelToken | None = None
    ) -> None:
        self._progress, self._cancel = progress, cancel

    def files(self) -> dict[str, StoredFile]:
        """Return what there is of every model file, by its name."""
        return WeightsStore().files(load_catalogue())

    def download(self, model: str) -> None:
        """Get the file of a model, unless it is there; its licence must have been accepted."""
        sources = settings.sources()
        self._do(DOWNLOAD, model=model, mirror=sources.mirror, offline_folder=sources.offline_folder)

    def verify(self, *models: str) -> None:
        """Read the files of models; raise an error that names the first one that is not what it should be."""
        self._do(VERIFY, models=models)

    def remove(self, model: str) -> int:
        """Remove the file of a model; return what that frees [bytes]."""
        return self._do(REMOVE, model=model)

    def bundleOut(self, models: Sequence[str], path: str | Path) -> None:
        """Write the files of models into one zip file, for a computer without a network."""
        self._do(WRITE_BUNDLE, models=list(models), path=str(path))

    def bundleIn(self, path: str | Path) -> list[str]:
        """Take the files of such a zip file; return their names."""
        return [file["filename"] for file in self._do(READ_BUNDLE, path=str(path))]

    def _do(self, function: str, **arguments: object):
        return errandAndWait(function, arguments, self._progress, self._cancel)
