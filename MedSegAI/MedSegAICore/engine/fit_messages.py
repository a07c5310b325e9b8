"""The messages about learning from examples: `fit`, and its answer `fitted`; see `messages`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import EngineFault
from ..fewshot.examples import Example
from ..fewshot.fit import FitReport, FitRequest
from ..fields import Fields
from ..volume import ImageVolume
from .frames import Frame
from .messages import patch_from_fields, patch_to_dict


def fit_message(number: int, request: FitRequest) -> Frame:
    """Return the message that asks to learn from examples whose images were sent before."""
    payload: list[bytes] = []
    header = {
        "type": "fit",
        "number": number,
        "model": request.model,
        "file": str(request.file),
        "seed": request.seed,
        "values": dict(request.values),
        "examples": [example_to_dict(example, payload) for example in request.examples],
    }
    return Frame(header, b"".join(payload))


def example_to_dict(example: Example, payload: list[bytes]) -> dict[str, Any]:
    """Describe an example whose image was sent before, and append the voxels of its masks to `payload`."""
    masks = [{"label": label, "mask": patch_to_dict(mask, payload)} for label, mask in example.masks.items()]
    return {"image": example.image.fingerprint, "name": example.name, "masks": masks}


def example_from_dict(values: Mapping[str, Any], images: Mapping[str, ImageVolume], payload: bytes) -> Example:
    """Return the example that `example_to_dict` described; `images` by fingerprint."""
    masks = {}
    for part in values["masks"]:
        fields = Fields(part, "example.masks", EngineFault)
        masks[fields.text("label")] = patch_from_fields(fields.part("mask"), payload)
    return Example(images[values["image"]], masks, values["name"])


def images_of_fit(frame: Frame) -> list[str]:
    """Return the fingerprints of the images that a `fit` message names."""
    return [example["image"] for example in frame.header["examples"]]


def read_fit_message(frame: Frame, images: Mapping[str, ImageVolume]) -> FitRequest:
    """Return the request that `fit_message` described.

    Parameters
    ----------
    frame
        The message.
    images
        By fingerprint; all that the message names.
    """
    header = frame.header
    examples = (example_from_dict(values, images, frame.payload) for values in header["examples"])
    return FitRequest(tuple(examples), Path(header["file"]), header["model"], header["seed"], header["values"])


def fitted_message(number: int, report: FitReport) -> Frame:
    """Return the message that ends request `number` with what was learned."""
    header = {
        "type": "fitted",
        "number": number,
        "file": str(report.file),
        "sha256": report.sha256,
        "model": report.model,
        "labels": list(report.labels),
        "leave_one_out": {label: list(scores) for label, scores in report.leave_one_out.items()},
        "seconds": report.seconds,
        "compared": dict(report.compared),
        "warnings": list(report.warnings),
    }
    return Frame(header)


def read_fitted_message(frame: Frame) -> FitReport:
    """Return the report that `fitted_message` described."""
    header = frame.header
    return FitReport(
        file=Path(header["file"]),
        sha256=header["sha256"],
        model=header["model"],
        labels=tuple(header["labels"]),
        leave_one_out={label: tuple(scores) for label, scores in header["leave_one_out"].items()},
        seconds=header["seconds"],
        compared=header["compared"],
        warnings=tuple(header["warnings"]),
    )
