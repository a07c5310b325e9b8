"""Collects the facts that the checks look at; some answers come later."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import slicer
from MedSegAICore.engine.inspection import Inspection
from MedSegAICore.errors import MedSegAIError
from MedSegAICore.models.weights import weights_folders
from slicer.i18n import tr as _

from .doctor import EngineState, Facts
from .engine_process import EngineProcess
from .errand import Errand
from .event_loop import later
from .installer import hasPyTorchExtension
from .packages import Package, neededPackages

INSPECT = "MedSegAICore.engine.inspection:inspect_computer"
PATIENCE = 30_000
"""How long the engine may take to say hello [ms]."""


class Installation:
    """What is installed on this computer.

    Parameters
    ----------
    engine
        The engine process that is asked whether it works.
    onChange
        Called whenever a fact has become known.
    """

    def __init__(self, engine: EngineProcess, onChange: Callable[[], object]) -> None:
        self._engine, self._onChange = engine, onChange
        self._round = 0
        self._engineState, self._engineMessage = EngineState.STARTING, ""
        self._errand: Errand | None = None
        self.inspection: Inspection | None = None
        self.packages: tuple[Package, ...] = ()

    def look(self) -> None:
        """Look at everything again."""
        self._round += 1
        self.packages = neededPackages()
        self.inspection = None
        self.stop()
        self._errand = Errand(
            INSPECT,
            {},
            lambda found: self._inspected(Inspection.from_dict(found)),
            lambda error: self._inspected(Inspection("", error.message, False, False, ())),
        )
        self._greetEngine(self._round)
        self._onChange()

    def stop(self) -> None:
        """Look no further."""
        if self._errand is not None:
            self._errand.stop()
            self._errand = None

    @property
    def facts(self) -> Facts:
        folder = weights_folders()[0]
        place = next(parent for parent in (folder, *folder.parents) if parent.exists())
        return Facts(
            slicerVersion=(slicer.app.majorVersion, slicer.app.minorVersion),
            packages=self.packages,
            hasPyTorchExtension=hasPyTorchExtension(),
            engine=self._engineState,
            engineMessage=self._engineMessage,
            weightsFolder=str(folder),
            canWriteWeights=_canWrite(place),
            freeBytes=shutil.disk_usage(place).free,
            inspection=self.inspection,
        )

    def _greetEngine(self, inRound: int) -> None:
        self._engineState, self._engineMessage = EngineState.STARTING, ""

        def answered(state: EngineState, message: str = "") -> None:
            if inRound == self._round and self._engineState is EngineState.STARTING:
                self._engineState, self._engineMessage = state, message
                self._onChange()

        def failed(error: MedSegAIError) -> None:
            answered(EngineState.FAILED, error.message)

        self._engine.start(lambda _hello: answered(EngineState.ANSWERS), failed)
        later(PATIENCE, lambda: answered(EngineState.FAILED, _("it does not answer.")))

    def _inspected(self, inspection: Inspection) -> None:
        self.inspection = inspection
        self._errand = None
        self._onChange()


def _canWrite(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
