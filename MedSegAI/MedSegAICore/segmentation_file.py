"""Segmentations as Slicer saves them: `.seg.nrrd` files that keep name, colour and recipe of every segment.

Fields: https://slicer.readthedocs.io/en/latest/developer_guide/modules/segmentations.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from .errors import GeometryMismatch, InvalidRequest
from .geometry import Triple
from .images import image_from_array, open_image, write_image
from .segment_look import TERMINOLOGY_TAG, SegmentLook
from .volume import VolumePatch

RECIPE_TAG = "MedSegAI.Recipe"
"""Tag of a segment that tells how it was made: a list of recipes, as `recipes_to_json` writes it."""

COLORS = ((0.90, 0.24, 0.24), (0.24, 0.67, 0.36), (0.26, 0.45, 0.85), (0.95, 0.74, 0.20), (0.62, 0.35, 0.71))
"""Colours of segments that name none: red, green, blue, yellow, violet."""


@dataclass(frozen=True, eq=False)
class NamedMask:
    """One segment.

    Parameters
    ----------
    name
        As the user sees it.
    mask
        bool patch (k, j, i).
    color
        Red, green and blue in [0, 1]; None takes the next of `COLORS`.
    tags
        Text to keep with the segment.
    """

    name: str
    mask: VolumePatch
    color: tuple[float, float, float] | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


def tag_text(text: str) -> str:
    """Return JSON `text` in the form that a saved tag keeps: one line, with bars as JSON escapes.

    Slicer separates the tags of a saved segment with bars and reads no further than the first.
    """
    return " ".join(text.split("\n")).replace("|", "\\u007c")


def write_segmentation(path: Path | str, segments: Sequence[NamedMask]) -> None:
    """Write segments on one grid to a `.seg.nrrd` file; it appears whole or not at all.

    Segments may overlap: each is put into the first layer that is free where it lies.

    Raises
    ------
    GeometryMismatch
        The segments lie on different grids.
    InvalidRequest
        There is no segment, the name does not end in `.seg.nrrd`, or the file cannot be written.
    """
    if not segments:
        message = "There is no segment to write."
        raise InvalidRequest(message, "Segment something first.")
    if not str(path).lower().endswith(".seg.nrrd"):
        message = f"'{path}' is not the name of a segmentation file."
        raise InvalidRequest(message, "Choose a name that ends in .seg.nrrd.")
    geometry = segments[0].mask.geometry
    if not all(segment.mask.geometry.matches(geometry) for segment in segments):
        message = "The segments lie on different grids."
        raise GeometryMismatch(message)
    layers, places = _layers(segments, geometry.shape)
    image = image_from_array(layers[0], geometry)
    if len(layers) > 1:
        image = sitk.Compose([image_from_array(layer, geometry) for layer in layers])
    for index, (segment, (layer, label)) in enumerate(zip(segments, places, strict=True)):
        for key, value in _fields(segment, index, layer, label).items():
            image.SetMetaData(f"Segment{index}_{key}", value)
    image.SetMetaData("Segmentation_ContainedRepresentationNames", "Binary labelmap|")
    image.SetMetaData("Segmentation_MasterRepresentation", "Binary labelmap")
    image.SetMetaData("Segmentation_ReferenceImageExtentOffset", "0 0 0")
    write_image(path, image)


def read_looks(path: Path) -> dict[str, SegmentLook]:
    """Return how the segments of a `.seg.nrrd` file look, by name, as far as it says so.

    Raises
    ------
    InvalidImage
        The file cannot be read.
    """
    reader = open_image(path, is_layered=True)
    header = {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()}
    looks: dict[str, SegmentLook] = {}
    for key, name in header.items():
        if (found := re.fullmatch(r"(Segment\d+_)Name", key)) and (color := _color(header.get(f"{found[1]}Color", ""))):
            tags = dict(tag.split(":", 1) for tag in header.get(f"{found[1]}Tags", "").split("|") if ":" in tag)
            looks[name.strip()] = SegmentLook(color, tags.get(TERMINOLOGY_TAG, ""))
    return looks


def _color(text: str) -> tuple[float, float, float] | None:
    try:
        red, green, blue = (min(max(float(part), 0.0), 1.0) for part in text.split())
    except ValueError:
        return None
    return red, green, blue


def _layers(segments: Sequence[NamedMask], shape: Triple) -> tuple[list[np.ndarray], list[tuple[int, int]]]:
    """Return label maps (k, j, i) and for each segment its (layer, label value)."""
    kind = np.uint8 if len(segments) < 256 else np.uint16
    layers: list[np.ndarray] = []
    used: list[int] = []
    places = []
    for segment in segments:
        mask, bounds = segment.mask.array.astype(bool), segment.mask.bounds
        free = (index for index, layer in enumerate(layers) if not layer[bounds][mask].any())
        index = next(free, len(layers))
        if index == len(layers):
            layers.append(np.zeros(shape, kind))
            used.append(0)
        used[index] += 1
        layers[index][bounds][mask] = used[index]
        places.append((index, used[index]))
    return layers, places


def _fields(segment: NamedMask, index: int, layer: int, label: int) -> dict[str, str]:
    color = segment.color or COLORS[index % len(COLORS)]
    tight = segment.mask.tight()
    ends = zip(tight.offset[::-1], tight.array.shape[::-1], strict=True)
    extent = [bound for start, size in ends for bound in (start, start + size - 1)]
    return {
        "ID": f"Segment_{index + 1}",
        "Name": segment.name,
        "NameAutoGenerated": "0",
        "Color": " ".join(f"{part:.6g}" for part in color),
        "ColorAutoGenerated": "0",
        "LabelValue": str(label),
        "Layer": str(layer),
        "Extent": " ".join(map(str, extent if tight.array.size else [0, -1, 0, -1, 0, -1])),
        "Tags": "".join(f"{key}:{value}|" for key, value in segment.tags.items()),
    }
