"""The Python packages that MedSegAI needs: what is there, and who may install what is not.

Slicer's own packages are never touched: another NumPy or SimpleITK would break Slicer itself. PyTorch comes through
Slicer's PyTorch extension, which knows the build that fits the computer.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from MedSegAICore.resources import resource_folder

NAME = "python_requirements.txt"
SLICERS_OWN = frozenset({"numpy", "scipy", "simpleitk", "vtk", "requests"})
PYTORCH = frozenset({"torch", "torchvision"})
ONLY_FOR_TESTS = frozenset({"pytest"})


class Source(Enum):
    """Who installs a package."""

    SLICER = "Slicer"
    PYTORCH_EXTENSION = "the PyTorch extension"
    PIP = "pip"


@dataclass(frozen=True)
class Package:
    """A package that is needed.

    Parameters
    ----------
    name, lowest
        Its name, and the lowest version that will do.
    source
        Who installs it.
    installed
        The version that is there; "" if there is none.
    """

    name: str
    lowest: str
    source: Source
    installed: str = ""

    @property
    def requirement(self) -> str:
        """What pip calls it."""
        return f"{self.name}>={self.lowest}"

    @property
    def isReady(self) -> bool:
        return bool(self.installed) and _numbers(self.installed) >= _numbers(self.lowest)


def neededPackages() -> tuple[Package, ...]:
    """Return what MedSegAI needs in Slicer, with the versions that are installed."""
    return readRequirements(_requirementsFile().read_text(encoding="utf-8"))


def readRequirements(text: str) -> tuple[Package, ...]:
    """Return the packages that a requirements file names (only `name>=version` is understood)."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    named = (re.fullmatch(r"([\w.-]+)\s*>=\s*([\d.]+)", line) for line in lines if line)
    found = [match.groups() for match in named if match is not None]
    return tuple(
        Package(name, lowest, _source(name), installedVersion(name) or _withoutDescription(name, lowest))
        for name, lowest in found
        if name.lower() not in ONLY_FOR_TESTS
    )


def installedVersion(name: str) -> str:
    """Return the version of a package, without importing it; "" if it is not installed or does not say."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _withoutDescription(name: str, lowest: str) -> str:
    """Return `lowest` for what Slicer brings without a description, such as VTK, and else ""."""
    return lowest if _source(name) is Source.SLICER and importlib.util.find_spec(name) is not None else ""


def _source(name: str) -> Source:
    if name.lower() in SLICERS_OWN:
        return Source.SLICER
    return Source.PYTORCH_EXTENSION if name.lower() in PYTORCH else Source.PIP


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version.partition("+")[0])[:3])


def _requirementsFile() -> Path:
    # it lies at the root of the source tree, and once installed among the resources
    resources = resource_folder("UI").parent
    return resources / NAME if (resources / NAME).is_file() else resources.parent / NAME
