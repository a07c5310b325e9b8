"""Label maps and Slicer's segmentations, read as structures with names on one grid."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from .errors import InvalidImage, InvalidRequest
from .geometry import VolumeGeometry
from .images import LARGEST_LABEL, geometry_of, open_image, read_voxels

Place = tuple[int, int]
"""Layer and value of a structure."""

SEGMENTATION_ENDING = ".seg.nrrd"
IMAGE_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd", ".png", ".tif", ".tiff")
ENDINGS = (SEGMENTATION_ENDING, *IMAGE_ENDINGS)
"""Files that hold images or labels; the first ending that fits is taken off to get a name."""

NO_LABELS = "Choose a label map; turn a probability into one with a threshold first."


@dataclass(frozen=True, eq=False)
class Labels:
    """Structures on one grid.

    Parameters
    ----------
    layers
        Label maps (k, j, i), whole numbers from 0 on; structures of different layers may overlap.
    geometry
        Their grid.
    places
        Layer and value of every structure by its name.
    has_names
        Whether the names come from the file, and not from the values.
    """

    layers: tuple[NDArray[Any], ...]
    geometry: VolumeGeometry
    places: Mapping[str, Place]
    has_names: bool

    def mask(self, name: str) -> NDArray[np.bool_]:
        """Return the structure (k, j, i); nothing for a name that is not there."""
        if name not in self.places:
            return np.zeros(self.geometry.shape, bool)
        layer, value = self.places[name]
        return np.asarray(self.layers[layer] == value, dtype=np.bool_)

    def named_like(self, other: Labels) -> Labels:
        """Return the same structures with the names that `other` has for their values.

        Raises
        ------
        InvalidRequest
            The other has one value for several names.
        """
        if self.has_names or not other.has_names:
            return self
        names = {value: name for name, (_, value) in other.places.items()}
        if len(names) < len(other.places):
            message = "One of the two files names its structures, the other one only numbers them."
            raise InvalidRequest(message, "Say which number is which, such as --labels liver=1,spleen=2.")
        places = {names.get(value, name): (layer, value) for name, (layer, value) in self.places.items()}
        return replace(self, places=places, has_names=True)

    def chosen(self, wanted: Mapping[str, int | None]) -> Labels:
        """Return the wanted structures only, by name or by the value that is given for it."""
        if not wanted:
            return self
        if self.has_names:
            places = {name: self.places[name] for name in wanted if name in self.places}
        else:
            places = {name: (0, value) for name, value in wanted.items() if value is not None}
        return replace(self, places=places, has_names=True)


def is_segmentation(file: Path) -> bool:
    """Tell from its name whether a file is a segmentation of Slicer."""
    return file.name.lower().endswith(SEGMENTATION_ENDING)


def is_image(file: Path) -> bool:
    """Tell from its name whether a file holds an image or a label map."""
    return file.name.lower().endswith(IMAGE_ENDINGS) and not is_segmentation(file)


def file_stem(file: Path) -> str:
    """Return the name of a file without its ending, which may have several parts."""
    ending = next((ending for ending in ENDINGS if file.name.lower().endswith(ending)), file.suffix)
    return file.name[: len(file.name) - len(ending)]


def read_labels(path: Path) -> Labels:
    """Return the structures of a label map or of a `.seg.nrrd` file.

    Raises
    ------
    InvalidImage
        The file cannot be read, holds values that are no labels, or gives two segments one name.
    ShearedGeometry, GeometryMismatch
        The voxels do not lie on a grid with right angles.
    """
    has_segments = is_segmentation(path)
    reader = open_image(path, is_layered=has_segments)
    image = read_voxels(reader, path)
    array = sitk.GetArrayViewFromImage(image)
    shape = geometry_of(image).shape
    if image.GetNumberOfComponentsPerPixel() > 1:
        layers = [np.ascontiguousarray(array[..., layer]) for layer in range(array.shape[-1])]
    else:
        layers = [np.array(array).reshape(shape)]
    layers = [_whole_numbers(layer, path) for layer in layers]
    places = _segment_places(reader, path) if has_segments else {}
    if places:
        return Labels(tuple(layers), geometry_of(image), places, True)
    numbered = {f"label {value}": (0, value) for value in _values_in(layers[0])}
    return Labels(tuple(layers), geometry_of(image), numbered, False)


def read_grid(path: Path) -> VolumeGeometry:
    """Return the grid of a label file without reading its voxels; raises what `read_labels` raises."""
    return geometry_of(open_image(path, is_layered=True))


def union_of_names(*several: Labels) -> Sequence[str]:
    """Return every name once, those of the first first."""
    return tuple(dict.fromkeys(name for labels in several for name in labels.places))


def wanted_labels(text: str) -> dict[str, int | None]:
    """Return what a list such as `liver=1, spleen=2`, `liver, spleen` or `1, 2` asks for: values by name.

    Raises
    ------
    InvalidRequest
        A part of the list cannot be read.
    """
    wanted: dict[str, int | None] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        name, equals, number = (piece.strip() for piece in part.partition("="))
        if equals and not (name and number.isdecimal() and int(number) > 0):
            message = f"The label '{part}' cannot be read."
            raise InvalidRequest(message, "Write labels as liver=1,spleen=2, with numbers from 1 on.")
        if equals:
            wanted[name] = int(number)
        elif name.isdecimal():
            wanted[f"label {name}"] = int(name)
        else:
            wanted[name] = None
    return wanted


def _segment_places(reader: sitk.ImageFileReader, path: Path) -> dict[str, Place]:
    """Return the places that the header of a `.seg.nrrd` file names."""
    keys = set(reader.GetMetaDataKeys())
    numbers = sorted(int(found[1]) for key in keys if (found := re.fullmatch(r"Segment(\d+)_ID", key)))
    names, places = [], []
    for number in numbers:
        fields = {
            name: reader.GetMetaData(key).strip()
            for name in ("Name", "ID", "Layer", "LabelValue")
            if (key := f"Segment{number}_{name}") in keys
        }
        names.append(fields.get("Name") or fields["ID"])
        # files of Slicer before 4.11 give every segment a layer of its own and do not say so
        places.append((int(fields.get("Layer", number)), int(fields.get("LabelValue", 1))))
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        message = f"'{path.name}' has several segments called '{twice[0]}'."
        raise InvalidImage(message, "Give every segment a name of its own.")
    return dict(zip(names, places, strict=True))


def _whole_numbers(array: NDArray[Any], path: Path) -> NDArray[Any]:
    """Return a layer in the smallest type that holds its labels."""
    lowest, highest = float(array.min(initial=0)), float(array.max(initial=0))
    if not (lowest >= 0 and highest <= LARGEST_LABEL):
        message = f"'{path.name}' holds values from {lowest:g} to {highest:g}; labels go from 0 to {LARGEST_LABEL}."
        raise InvalidImage(message, NO_LABELS)
    whole = array.astype(np.uint8 if highest < 256 else np.uint16, copy=False)
    if array.dtype.kind == "f" and not np.array_equal(whole, array):
        message = f"'{path.name}' holds values that are not whole numbers."
        raise InvalidImage(message, NO_LABELS)
    return whole


def _values_in(layer: NDArray[Any]) -> list[int]:
    """Return the labels of a layer."""
    counts = np.zeros(int(layer.max(initial=0)) + 1, np.int64)
    for plane in layer:  # plane by plane: counting takes eight bytes for each voxel
        counts += np.bincount(plane.ravel(), minlength=len(counts))
    return [int(value) for value in np.flatnonzero(counts) if value > 0]
