"""The part of the module that lists the Python packages and installs what is missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import qt
from MedSegAICore.errors import MedSegAIError
from slicer.i18n import tr as _

from .installer import installMissing
from .packages import Package, Source


class PackagesPanel:
    """The list of packages and the button below it.

    Parameters
    ----------
    ui
        The widgets of the module's form.
    onInstalled
        Called when packages were installed.
    """

    def __init__(self, ui, onInstalled: Callable[[], object]) -> None:
        self._ui, self._onInstalled = ui, onInstalled
        self._packages: tuple[Package, ...] = ()
        ui.packagesText.visible = False
        ui.installPackagesButton.connect("clicked()", self.install)

    def show(self, packages: Sequence[Package]) -> None:
        """List the packages as they are now."""
        self._packages = tuple(packages)
        tree = self._ui.packagesTree
        tree.clear()
        for package in packages:
            item = qt.QTreeWidgetItem()
            for column, text in enumerate(_columns(package)):
                item.setText(column, text)
            tree.addTopLevelItem(item)
        for column in range(tree.columnCount):
            tree.resizeColumnToContents(column)
        self._ui.installPackagesButton.enabled = any(
            not package.isReady and package.source is not Source.SLICER for package in packages
        )

    def install(self) -> None:
        """Install what is missing, after asking."""
        try:
            installMissing(self._packages)
        except MedSegAIError as error:
            text = str(error)
        else:
            text = _("The packages were installed. If a model still does not work, restart Slicer.")
        self._ui.packagesSection.collapsed = False
        self._ui.packagesText.text = text
        self._ui.packagesText.visible = True
        self._onInstalled()


def _columns(package: Package) -> tuple[str, str, str, str]:
    sources = {
        Source.SLICER: _("Slicer"),
        Source.PYTORCH_EXTENSION: _("PyTorch extension"),
        Source.PIP: _("pip"),
    }
    needed = _("{version} or later").format(version=package.lowest)
    return package.name, package.installed or _("missing"), needed, sources[package.source]
