"""The part of the module that lists what the checks have found, each with its repair."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import qt
from slicer.i18n import tr as _

from .doctor import Finding, Level, Repair

ICON_SIZE = 16


class DoctorPanel:
    """One row per finding: an icon, the words, and a button if there is something to do.

    Parameters
    ----------
    ui
        The widgets of the module's form.
    repairs
        What the buttons do.
    """

    def __init__(self, ui, repairs: Mapping[Repair, Callable[[], object]]) -> None:
        self._ui, self._repairs = ui, repairs
        self._shown: tuple[Finding, ...] = ()
        self._rows: list = []
        ui.findingsFrame.layout().setColumnStretch(1, 1)

    def show(self, findings: tuple[Finding, ...], total: Finding) -> None:
        """Show all findings, and all of them in one on top of the module."""
        self._ui.summaryIcon.setPixmap(self._pixmap(total.level))
        self._ui.summaryText.text = total.text
        if findings == self._shown:
            return
        self._shown = findings
        for widget in self._rows:
            widget.hide()
            widget.deleteLater()
        self._rows = []
        for row, finding in enumerate(findings):
            self._addRow(row, finding)

    def _addRow(self, row: int, finding: Finding) -> None:
        layout = self._ui.findingsFrame.layout()
        picture = qt.QLabel()
        picture.setPixmap(self._pixmap(finding.level))
        words = qt.QLabel(finding.text)
        words.wordWrap = True
        widgets = [picture, words]
        if finding.repair is not None:
            button = qt.QPushButton(_repairNames()[finding.repair])
            button.connect("clicked()", self._repairs[finding.repair])
            widgets.append(button)
        for column, widget in enumerate(widgets):
            layout.addWidget(widget, row, column)
        self._rows += widgets

    def _pixmap(self, level: Level):
        pictures = {
            Level.GOOD: qt.QStyle.SP_DialogApplyButton,
            Level.ADVICE: qt.QStyle.SP_MessageBoxInformation,
            Level.PROBLEM: qt.QStyle.SP_MessageBoxCritical,
            Level.WAITING: qt.QStyle.SP_BrowserReload,
        }
        return self._ui.findingsFrame.style().standardIcon(pictures[level]).pixmap(ICON_SIZE, ICON_SIZE)


def _repairNames() -> dict[Repair, str]:
    return {
        Repair.INSTALL_PACKAGES: _("Install..."),
        Repair.GET_PYTORCH_EXTENSION: _("Get the extension..."),
        Repair.OPEN_PYTORCH_MODULE: _("Open PyTorch"),
        Repair.RESTART_ENGINE: _("Restart"),
        Repair.SHOW_WEIGHTS_FOLDER: _("Show the folder"),
    }
