"""Take a checkpoint file of the user's own into the weights folder, if a model can use it."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from ..engine.cache import ByteBoundedCache
from ..engine.device import DevicePlan
from ..errors import PackageMissing, WeightsMismatch, WeightsUnwritable
from .catalogue import ModelSpec, load_catalogue
from .checkpoint import file_sha256, read_checkpoint
from .recognition import describe_checkpoint
from .weights import weights_folders
from .weights_spec import WeightsSpec


def import_file(path: str) -> dict[str, Any]:
    """Take `path` into the first weights folder; return the model's name and whether the file is the published one."""
    spec, is_published = import_checkpoint(Path(path), weights_folders()[0], load_catalogue())
    return {"model": spec.name, "is_published": is_published}


def import_checkpoint(file: Path, folder: Path, catalogue: Mapping[str, ModelSpec]) -> tuple[ModelSpec, bool]:
    """Find out which model a checkpoint belongs to, try it, and copy it to where that model looks for it.

    An older checkpoint of that model is replaced, and only once the new one is complete.

    Returns
    -------
    spec, is_published
        The model, and whether the file is bit for bit the one that its authors publish. If not, it is a copy that
        was trained further; results name it by its hash.

    Raises
    ------
    WeightsMissing, WeightsCorrupt, WeightsUnsafe
        The file cannot be read as a checkpoint.
    WeightsMismatch
        No model of the catalogue can use it; the message says what it seems to be.
    WeightsUnwritable
        The weights folder cannot be written, or is full.
    PackageMissing
        Something that is needed to read it is not installed.
    """
    spec, weights = _recognise(file, catalogue)
    cache = ByteBoundedCache(1 << 10)
    _try(spec, file, cache)
    _copy(file, folder / weights.filename)
    return spec, file_sha256(file, cache) == weights.sha256


def _recognise(file: Path, catalogue: Mapping[str, ModelSpec]) -> tuple[ModelSpec, WeightsSpec]:
    """Return the model whose title is what the checkpoint seems to be.

    Several models may share one network, as those of a cross-validation do: then the one that the file was published
    for is meant, or else the first.
    """
    _need("torch", "a checkpoint")
    shapes = {name: tuple(tensor.shape) for name, tensor in read_checkpoint(file).items()}
    description = describe_checkpoint(shapes)
    known = [(spec, spec.weights) for spec in catalogue.values() if spec.weights and _fits(spec.title, description)]
    if not known:
        message = f"The file {file.name} seems to be {description}, and MedSegAI has no model that uses it."
        raise WeightsMismatch(message, "Choose a checkpoint of one of the listed models.")
    sha256 = file_sha256(file, ByteBoundedCache(0)) if len(known) > 1 else ""
    return next((pair for pair in known if pair[1].sha256 == sha256), known[0])


def _fits(title: str, description: str) -> bool:
    """Tell whether the shorter of a model's title and a checkpoint's description begins the other, word by word."""
    return f"{description} ".startswith(f"{title} ") or f"{title} ".startswith(f"{description} ")


def _try(spec: ModelSpec, file: Path, cache: ByteBoundedCache) -> None:
    """Build the model with the file, which refuses it by name if it does not fit."""
    module, _, function = spec.entry.partition(":")
    plan = DevicePlan("cpu", "float32", "A checkpoint is tried where every computer can.")
    getattr(_need(module, f"the model '{spec.name}'"), function)(spec, file, plan, cache)


def _need(module: str, purpose: str) -> ModuleType:
    try:
        return import_module(module)
    except ImportError as error:
        message = f"To read {purpose}, a Python package is needed that cannot be loaded ({error})."
        raise PackageMissing(message) from error


def _copy(file: Path, target: Path) -> None:
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and target.samefile(file):
            return
        shutil.copyfile(file, part)
        part.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        message = f"The checkpoint cannot be copied to {target.parent}: {error.strerror or error}."
        raise WeightsUnwritable(message) from error
