"""The part of the module that shows the engine process and chooses its device and memory."""

from __future__ import annotations

from collections.abc import Callable

import qt
from MedSegAICore.engine.inspection import Device, Inspection
from MedSegAICore.models.catalogue import load_catalogue
from slicer.i18n import tr as _

from . import settings
from .doctor import formatBytes
from .engine_process import EngineProcess

REFRESH = 500
"""How often the state and the log are looked at while the module is open [ms]."""


class EnginePanel:
    """Device, memory, state, log, and the button that starts the engine again.

    Parameters
    ----------
    ui
        The widgets of the module's form.
    engine
        The engine process of the application.
    onRestart
        Called when the engine was ended, to start it again.
    """

    def __init__(self, ui, engine: EngineProcess, onRestart: Callable[[], object]) -> None:
        self._ui, self._engine, self._onRestart = ui, engine, onRestart
        self._devices: list[str] = []
        self._askedProcess: dict | None = None
        self._timer = qt.QTimer(ui.engineSection)
        self._timer.connect("timeout()", self.refresh)
        ui.cacheBox.value = settings.cacheGigabytes()
        ui.restartEngineButton.connect("clicked()", self.restart)
        ui.clearCacheButton.connect("clicked()", lambda: self._askMemory(True))
        ui.deviceBox.connect("activated(int)", self._chooseDevice)
        ui.cacheBox.connect("valueChanged(int)", self._chooseCache)
        self.showDevices(None)

    def enter(self) -> None:
        """Keep looking: the module is open."""
        self._timer.start(REFRESH)

    def exit(self) -> None:
        """Look no longer."""
        self._timer.stop()

    def restart(self) -> None:
        """End the engine, whatever it is doing, and start it again."""
        self._engine.stop()
        self._onRestart()

    def showDevices(self, inspection: Inspection | None) -> None:
        """Offer the devices that were found; before that, those that every computer has."""
        found = () if inspection is None else inspection.devices
        shown = {settings.AUTOMATIC: _("Automatic (the fastest)"), "cpu": _("Processor")}
        shown |= {device.name: _shown(device) for device in found}
        chosen = settings.device()
        shown.setdefault(chosen, _("{device} (not found)").format(device=chosen))
        self._devices = list(shown)
        box = self._ui.deviceBox
        box.clear()
        box.addItems(list(shown.values()))
        box.currentIndex = self._devices.index(chosen)

    def refresh(self) -> None:
        """Show what the engine is doing now."""
        self._ui.engineText.text = self._state()
        self._showLog()
        hello = self._engine.hello
        if hello is None:
            self._ui.usedText.text = _("nothing")
        elif self._askedProcess is not hello:  # one that was lost will not answer
            self._askMemory(False)

    def _state(self) -> str:
        hello = self._engine.hello
        if not self._engine.isRunning:
            return _("Not running. It starts by itself when it is needed.")
        if hello is None:
            return _("Starting.")
        text = _("Running: process {pid}, Python {python}, threads: {threads}.")
        return text.format(pid=hello["pid"], python=hello["versions"]["python"], threads=hello["threads"])

    def _showLog(self) -> None:
        log, shown = self._engine.log, self._ui.engineLog
        if shown.plainText != log:
            shown.plainText = log
            bar = shown.verticalScrollBar()
            bar.value = bar.maximum

    def _askMemory(self, clear: bool) -> None:
        self._askedProcess = self._engine.hello
        self._engine.askMemory(self._showMemory, clear)

    def _showMemory(self, size: int, models: tuple[str, ...]) -> None:
        self._askedProcess = None
        catalogue = load_catalogue()
        names = ", ".join(catalogue[name].title for name in models if name in catalogue) or _("none")
        text = _("{size}; models: {names}").format(size=formatBytes(size), names=names)
        self._ui.usedText.text = text

    def _chooseDevice(self, index: int) -> None:
        settings.setDevice(self._devices[index])
        self._configure()

    def _chooseCache(self, gigabytes: int) -> None:
        settings.setCacheGigabytes(gigabytes)
        self._configure()

    def _configure(self) -> None:
        self._engine.configure(settings.device(), {}, settings.cacheBytes())


def _shown(device: Device) -> str:
    if not device.memory_bytes:
        return device.title
    return f"{device.title}, {formatBytes(device.memory_bytes)}"
