"""How a result came about."""

from __future__ import annotations

import platform
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol

from .. import __version__
from ..result import Provenance
from ..volume import ImageVolume
from .threads import threads_in_use

LIBRARIES = ("numpy", "scipy", "SimpleITK", "torch", "monai", "segment_anything")


class UsedModel(Protocol):
    """What a model says about itself."""

    name: str
    weights_hash: str
    device: str


def provenance_of(task: dict[str, Any], image: ImageVolume, model: UsedModel, seconds: float) -> Provenance:
    """Return the provenance of a result.

    Parameters
    ----------
    task
        The task as `recipe.task_to_dict` gives it, with the window that was used.
    image
        The image of the request, as stored (not its canonical view, which has another fingerprint).
    model
        The segmenter that ran.
    seconds
        Time it took [s].
    """
    return Provenance(
        task=task,
        image_fingerprint=image.fingerprint,
        model=model.name,
        weights_hash=model.weights_hash,
        device=model.device,
        versions=versions_in_use(),
        seconds=seconds,
        threads=threads_in_use(),
    )


def versions_in_use() -> dict[str, str]:
    """Return the versions of MedSegAI, Python and the installed numeric libraries.

    Those that this process has not loaded are named too: the same run in another process says the same.
    """
    found = {name: _installed_version(name) for name in LIBRARIES}
    versions = {name: known for name, known in found.items() if known}
    return {"medsegai": __version__, "python": platform.python_version(), **versions}


@cache
def _installed_version(name: str) -> str:
    """Return the version of a package; "" if it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:  # a package without a record of its installation can be loaded all the same
        return str(getattr(sys.modules.get(name), "__version__", ""))
