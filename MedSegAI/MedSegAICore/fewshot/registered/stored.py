"""What registered examples have taught, as numbers and plain data, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ...errors import InvalidSupportModel
from ...fields import Fields
from ..learner import StoredModel
from .classifier import VoxelClassifier
from .features import feature_count
from .scan import Scan
from .support_model import SupportModel

Tensors = dict[str, NDArray[Any]]


def described(model: SupportModel) -> dict[str, Any]:
    """Return what `support_model` needs beside the arrays, as JSON data."""
    return {
        "spacing": list(model.spacing),
        "reach": model.reach,
        "scans": [{"coarse": _described(scan.coarse), "fine": _described(scan.fine)} for scan in model.scans],
        "layers": [len(classifier.layers) for classifier in model.classifiers],
    }


def tensors_of(model: SupportModel) -> Tensors:
    """Return the arrays of a model by name."""
    tensors: Tensors = {}
    for number, scan in enumerate(model.scans):
        tensors[f"scans.{number}.coarse"] = sitk.GetArrayFromImage(scan.coarse)
        tensors[f"scans.{number}.fine"] = sitk.GetArrayFromImage(scan.fine)
        tensors[f"scans.{number}.labels"] = sitk.GetArrayFromImage(scan.labels)
    for number, classifier in enumerate(model.classifiers):
        tensors |= _classifier_tensors(classifier, f"classifiers.{number}")
    return tensors


def support_model(stored: StoredModel) -> SupportModel:
    """Return the model that `described` and `tensors_of` took apart.

    Raises
    ------
    InvalidSupportModel
        Something is missing or cannot be; the message names it.
    """
    try:
        return _model(stored.description, stored.tensors, stored.labels)
    except KeyError as error:
        message = f"The support model has no {error.args[0]}."
        raise InvalidSupportModel(message) from error
    except RuntimeError as error:  # ITK refuses a grid
        message = "The support model has a grid that cannot be."
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


def _model(values: Any, tensors: Mapping[str, NDArray[Any]], labels: tuple[str, ...]) -> SupportModel:
    fields = Fields(values, "support model", InvalidSupportModel)
    spacing = fields.numbers("spacing", -1)
    if len(spacing) not in (2, 3) or spacing.min() <= 0:
        fields.refuse("spacing", "must be two or three lengths above 0")
    scans = tuple(
        _scan(tensors, number, part, len(spacing), len(labels)) for number, part in enumerate(fields.parts("scans"))
    )
    layers = fields.value("layers")
    if not isinstance(layers, list) or not all(type(count) is int and count > 0 for count in layers):
        fields.refuse("layers", "must be a list of whole numbers above 0")
    classifiers = tuple(
        _classifier(tensors, f"classifiers.{number}", count, len(labels)) for number, count in enumerate(layers)
    )
    if not scans:
        fields.refuse("scans", "must not be empty")
    reach = fields.number("reach")
    fields.finish()
    return SupportModel(labels, scans, tuple(float(length) for length in spacing), reach, classifiers)


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
