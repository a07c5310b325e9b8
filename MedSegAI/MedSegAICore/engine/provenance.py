"""How a result came about."""

from __future__ import annotations

import platform
import sys
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
    """Return the versions of MedSegAI, Python and the numeric libraries that are loaded."""
    loaded = {name: sys.modules[name] for name in LIBRARIES if name in sys.modules}
    versions = {name: str(module.__version__) for name, module in loaded.items() if hasattr(module, "__version__")}
    return {"medsegai": __version__, "python": platform.python_version(), **versions}
