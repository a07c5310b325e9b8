"""Support models as files: safetensors with a JSON description, no code and no names of examples.

A file holds the examples' voxels, reduced, so it may be shared as freely as the images that it was made of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ...errors import InvalidRequest, InvalidSupportModel, MedSegAIError
from ...fields import Fields
from ...images import whole_files
from .classifier import VoxelClassifier
from .features import feature_count
from .scan import Scan
from .support_model import SupportModel

DESCRIPTION = "medsegai_support_model"
"""Name of the JSON text in the file."""

VERSION = 1

Tensors = dict[str, NDArray[Any]]


def save_model(model: SupportModel, path: Path) -> None:
    """Write a support model; the file appears whole or not at all.

    Raises
    ------
    InvalidRequest
        The file cannot be written.
    """
    tensors: Tensors = {}
    grids = []
    for number, scan in enumerate(model.scans):
        tensors[f"scans.{number}.coarse"] = sitk.GetArrayFromImage(scan.coarse)
        tensors[f"scans.{number}.fine"] = sitk.GetArrayFromImage(scan.fine)
        tensors[f"scans.{number}.labels"] = sitk.GetArrayFromImage(scan.labels)
        grids.append({"coarse": _described(scan.coarse), "fine": _described(scan.fine)})
    for number, classifier in enumerate(model.classifiers):
        tensors |= _classifier_tensors(classifier, f"classifiers.{number}")
    description = {
        "version": VERSION,
        "labels": list(model.labels),
        "spacing": list(model.spacing),
        "reach": model.reach,
        "scans": grids,
        "layers": [len(classifier.layers) for classifier in model.classifiers],
    }
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    try:
        with whole_files(path) as draft:
            save_file(contiguous, draft, {DESCRIPTION: json.dumps(description)})
    except OSError as error:
        message = f"The support model '{path.name}' cannot be written ({error.strerror or error})."
        raise InvalidRequest(message, "Choose another folder or file name.") from error


def load_model(path: Path) -> SupportModel:
    """Return a support model from a file.

    Raises
    ------
    InvalidSupportModel
        There is no such file, it is cut off, it is something else, or it is of another version.
    """
    if not path.is_file():
        message = f"There is no support model '{path.name}'."
        raise InvalidSupportModel(message, "Choose an existing file.")
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(DESCRIPTION, "")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  it is no mapping
    except (SafetensorError, OSError, TypeError) as error:  # TypeError: a type that NumPy has not
        message = f"'{path.name}' is cut off or is no support model."
        raise InvalidSupportModel(message) from error
    try:
        return _model(json.loads(text), tensors)
    except (ValueError, KeyError, RuntimeError, RecursionError, MedSegAIError) as error:
        reason = error.message if isinstance(error, MedSegAIError) else "it is not described as one"
        message = f"'{path.name}' is no support model that can be used: {reason.rstrip('.')}."
        raise InvalidSupportModel(message) from error


def _described(image: sitk.Image) -> dict[str, list[float]]:
    return {
        "origin": list(image.GetOrigin()),
        "spacing": list(image.GetSpacing()),
        "direction": list(image.GetDirection()),
    }


def _classifier_tensors(classifier: VoxelClassifier, name: str) -> Tensors:
    tensors: Tensors = {f"{name}.mean": classifier.mean, f"{name}.deviation": classifier.deviation}
    for number, (weight, bias) in enumerate(classifier.layers):
        tensors |= {f"{name}.{number}.weight": weight, f"{name}.{number}.bias": bias}
    return tensors


def _model(values: Any, tensors: Mapping[str, NDArray[Any]]) -> SupportModel:
    fields = Fields(values, "support model", InvalidSupportModel)
    if (version := fields.whole_number("version")) != VERSION:
        fields.refuse("version", f"is {version}; this MedSegAI reads version {VERSION}")
    labels = fields.value("labels")
    if not isinstance(labels, list) or not labels or not all(isinstance(label, str) for label in labels):
        fields.refuse("labels", "must be a list of names")
    spacing = fields.numbers("spacing", -1)
    if len(spacing) not in (2, 3) or spacing.min() <= 0:
        fields.refuse("spacing", "must be two or three lengths above 0")
    scans = tuple(
        _scan(tensors, number, part, len(spacing), len(labels)) for number, part in enumerate(fields.parts("scans"))
    )
    layers = fields.numbers("layers", -1)
    classifiers = tuple(
        _classifier(tensors, f"classifiers.{number}", int(count), len(labels)) for number, count in enumerate(layers)
    )
    if not scans:
        fields.refuse("scans", "must not be empty")
    reach = fields.number("reach")
    fields.finish()
    return SupportModel(tuple(labels), scans, tuple(float(length) for length in spacing), reach, classifiers)


def _scan(tensors: Mapping[str, NDArray[Any]], number: int, part: Fields, dimension: int, labels: int) -> Scan:
    coarse, fine = part.part("coarse"), part.part("fine")
    voxels = {name: tensors[f"scans.{number}.{name}"] for name in ("coarse", "fine", "labels")}
    types = [array.dtype for array in voxels.values()] == [np.float32, np.float32, np.uint8]
    dimensions = {array.ndim for array in voxels.values()} == {dimension}
    if not types or not dimensions or voxels["labels"].shape != voxels["fine"].shape:
        part.refuse("", "does not have the voxels that it should")
    finite = all(np.isfinite(voxels[name]).all() for name in ("coarse", "fine"))
    if not finite or voxels["labels"].max() > labels:
        part.refuse("", "has voxels with values that cannot be")
    images = [_image(voxels["coarse"], coarse), _image(voxels["fine"], fine)]
    drawn = sitk.GetImageFromArray(voxels["labels"])
    drawn.CopyInformation(images[1])
    part.finish()
    return Scan(images[0], images[1], drawn)


def _image(array: NDArray[Any], part: Fields) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    image.SetOrigin(part.numbers("origin", array.ndim).tolist())
    image.SetSpacing(part.numbers("spacing", array.ndim).tolist())
    image.SetDirection(part.numbers("direction", array.ndim**2).tolist())
    part.finish()
    return image


def _classifier(tensors: Mapping[str, NDArray[Any]], name: str, count: int, labels: int) -> VoxelClassifier:
    layers = [(tensors[f"{name}.{layer}.weight"], tensors[f"{name}.{layer}.bias"]) for layer in range(count)]
    mean, deviation = tensors[f"{name}.mean"], tensors[f"{name}.deviation"]
    width = feature_count(labels)
    fits = mean.shape == deviation.shape == (width,)
    for weight, bias in layers:
        fits = fits and weight.ndim == 2 and weight.shape == (len(bias), width)
        width = len(bias)
    arrays = (mean, deviation, *(tensor for layer in layers for tensor in layer))
    if not fits or width != labels + 1 or not all(array.dtype == np.float32 for array in arrays):
        message = "a classifier does not fit the structures"
        raise InvalidSupportModel(message)
    return VoxelClassifier(mean, deviation, tuple(layers))
