"""Import the networks of the `segment_anything` package, and nothing else of it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from ..errors import PackageMissing

_PRIVATE_NAME = f"{__package__}._segment_anything_modeling"


def load_modeling() -> ModuleType:
    """Return the package's `modeling` subpackage, imported under a name of our own.

    The package's `__init__` imports torchvision, which its networks do not need, and which often fails
    ("operator torchvision::nms does not exist") or is missing beside a CPU build of torch. `modeling` only
    imports torch, numpy and itself, so it can stand alone. The name `segment_anything` is left free: whoever
    imports the whole package later gets the whole package.

    Raises
    ------
    PackageMissing
        `segment_anything` is not installed, or its networks are not where they should be.
    """
    if _PRIVATE_NAME in sys.modules:
        return sys.modules[_PRIVATE_NAME]
    folder = _package_folder() / "modeling"
    spec = importlib.util.spec_from_file_location(
        _PRIVATE_NAME, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None or not folder.is_dir():
        message = f"The package 'segment-anything' in {folder.parent} has no networks."
        raise PackageMissing(message)
    modeling = importlib.util.module_from_spec(spec)
    sys.modules[_PRIVATE_NAME] = modeling
    try:
        spec.loader.exec_module(modeling)
    except BaseException:
        del sys.modules[_PRIVATE_NAME]
        raise
    return modeling


def _package_folder() -> Path:
    spec = importlib.util.find_spec("segment_anything")  # finds a top-level package without running it
    if spec is None or not spec.submodule_search_locations:
        message = "The Python package 'segment-anything' is not installed."
        raise PackageMissing(message)
    return Path(next(iter(spec.submodule_search_locations)))
