"""Installs Python packages when the user asks for it."""

from __future__ import annotations

import importlib
import importlib.util
import tempfile
from collections.abc import Sequence
from pathlib import Path

import slicer
from MedSegAICore.errors import PackageMissing
from slicer.i18n import tr as _

from .packages import PYTORCH, SLICERS_OWN, Package, Source, installedVersion


def hasPyTorchExtension() -> bool:
    """Tell whether Slicer's PyTorch extension is installed."""
    return importlib.util.find_spec("PyTorchUtils") is not None


def installMissing(packages: Sequence[Package]) -> None:
    """Install what is missing or too old, after asking; first PyTorch, on which others build.

    Raises
    ------
    PackageMissing
        Something is still missing afterwards: it was declined, cannot be downloaded, or the PyTorch extension is not
        installed.
    """
    missing = [package for package in packages if not package.isReady]
    for package in missing:
        if package.source is Source.PYTORCH_EXTENSION:
            _installPyTorch(package)
    viaPip = [package for package in missing if package.source is Source.PIP]
    if viaPip:
        _pipInstall([package.requirement for package in viaPip])
    importlib.invalidate_caches()


def _installPyTorch(package: Package) -> None:
    if not hasPyTorchExtension():
        message = _("Slicer's extension PyTorch is not installed.")
        raise PackageMissing(message, _("Install it in the Extensions Manager, restart Slicer, then try again."))
    from PyTorchUtils import PyTorchUtilsLogic

    try:
        torch = PyTorchUtilsLogic().installTorch(askConfirmation=True, torchVersionRequirement=f">={package.lowest}")
    except Exception as error:
        raise _failed(error) from error
    if torch is None:
        raise _declined()


def _pipInstall(requirements: list[str]) -> None:
    """Install with what Slicer offers, and keep pip from changing Slicer's own packages and PyTorch."""
    with tempfile.TemporaryDirectory(prefix="MedSegAI-") as folder:
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text(_keepWhatIsThere(), encoding="utf-8")
        try:
            if importlib.util.find_spec("slicer.packaging") is None:  # Slicer 5.10
                _pipInstallOldWay(requirements, constraints)
            else:
                from slicer.packaging import pip_ensure

                pip_ensure(requirements, constraints=constraints, requester="MedSegAI")
        except PackageMissing:
            raise
        except RuntimeError as error:  # that is how `pip_ensure` says that the user has said no
            raise _declined() from error
        except Exception as error:
            raise _failed(error) from error


def _pipInstallOldWay(requirements: list[str], constraints: Path) -> None:
    question = _("MedSegAI needs these Python packages:\n\n{packages}\n\nDownload and install them?")
    if not slicer.util.confirmOkCancelDisplay(question.format(packages="\n".join(requirements))):
        raise _declined()
    with slicer.util.WaitCursor():
        slicer.util.pip_install([*requirements, "--constraint", str(constraints)])


def _keepWhatIsThere() -> str:
    """Return a constraints file: packages that others bring in may not replace these."""
    versions = {name: installedVersion(name) for name in sorted(SLICERS_OWN | PYTORCH)}
    return "".join(f"{name}=={version}\n" for name, version in versions.items() if version)


def _declined() -> PackageMissing:
    return PackageMissing(_("The packages were not installed."), _("Nothing was changed."))


def _failed(error: Exception) -> PackageMissing:
    advice = _("Check the internet connection; Slicer's Python console shows what pip has said.")
    return PackageMissing(_("The packages could not be installed ({error}).").format(error=error), advice)
