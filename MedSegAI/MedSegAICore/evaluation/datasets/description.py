"""What is said about a set of labelled images, and how strictly it is read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import InvalidDataset
from ...fields import Fields
from ...images import LARGEST_LABEL
from ...resources import resource_folder

KINDS = ("CT", "MR", "X-ray", "ultrasound", "photograph", "other")
TRAINING = ("allowed", "share_alike", "never")
OTHER_VALUES = ("refuse", "ignore")

PLACEHOLDERS = ("{subject}", "{image}")
"""What stands in file patterns for the person and for one of the person's images."""


@dataclass(frozen=True)
class LabelMapSpec:
    """One label map of every image.

    Parameters
    ----------
    file
        Pattern of its path in the set's folder, with the placeholders of the image's pattern.
    labels
        Name and value (1 and above) of its structures.
    rater
        Who drew it, where several people drew the same structures; "" otherwise.
    ignores_others
        Values that `labels` does not name are background; if not, they are an error.
    """

    file: str
    labels: Mapping[str, int]
    rater: str
    ignores_others: bool


@dataclass(frozen=True)
class FilesSpec:
    """Images and label maps as files of their own.

    Parameters
    ----------
    image
        Pattern of the images' paths in the set's folder; None for a set of label maps without images.
    label_maps
        The label maps of every image; none for images without labels.
    """

    image: str | None
    label_maps: tuple[LabelMapSpec, ...]


@dataclass(frozen=True)
class ArchiveSpec:
    """Pictures and masks of one structure in one NumPy archive (.npz).

    Parameters
    ----------
    file
        The archive's path in the set's folder.
    names
        Name of the array of texts (n) that `pattern` finds subject and image in.
    pattern
        A text with placeholders, such as `{subject}/{image}.png`.
    images
        Name of the array of pictures (n, rows, columns).
    masks
        Name of the array of masks (n, raters, rows, columns).
    packed_bits
        Eight pixels of a mask's row share a byte, as `numpy.packbits` leaves them.
    label
        Name of the structure.
    """

    file: str
    names: str
    pattern: str
    images: str
    masks: str
    packed_bits: bool
    label: str


@dataclass(frozen=True)
class DatasetSpec:
    """One set of labelled images as its file describes it.

    Parameters
    ----------
    name, title
        What protocols and tables call it, and what people do.
    kind
        How the images were made: one of `KINDS`.
    has_spacing
        The files say how large a voxel is; where not, lengths are in pixels.
    folder
        Its folder, relative to the root that it is loaded from.
    storage
        Where images and labels lie.
    licence, source, citation
        Terms of use, where it comes from, and what to cite.
    training
        Whether weights may be trained on it: `allowed`, `share_alike` (only weights under the same licence),
        or `never` (only for evaluation).
    notes
        What else one should know.
    pixel_mm
        Side of a pixel [mm] that is assumed where the files do not tell it: some models want to see structures at a
        certain size. What is measured is in pixels all the same.
    """

    name: str
    title: str
    kind: str
    has_spacing: bool
    folder: str
    storage: FilesSpec | ArchiveSpec
    licence: str
    training: str
    source: str
    citation: str
    notes: str
    pixel_mm: float = 1.0

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of all structures, in the order of the description."""
        if isinstance(self.storage, ArchiveSpec):
            return (self.storage.label,)
        return tuple(dict.fromkeys(label for spec in self.storage.label_maps for label in spec.labels))


def described_datasets() -> tuple[str, ...]:
    """Return the names of the sets that come with a description, sorted."""
    return tuple(sorted(file.stem for file in resource_folder("Datasets").glob("*.json")))


def read_description(file: Path) -> DatasetSpec:
    """Return what a JSON file says about a set; it must call itself like the file.

    Raises
    ------
    InvalidDataset
        There is no such file, it is not JSON, or a field is missing, unknown or wrong; the message names it.
    """
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        message = f"There is no description '{file.name}'."
        raise InvalidDataset(message, f"Choose a file, or one of: {', '.join(described_datasets())}.") from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        message = f"The description '{file.name}' is not JSON: {error}."
        raise InvalidDataset(message) from error
    return parse_description(values, file.stem)


def parse_description(values: Any, name: str) -> DatasetSpec:
    """Return the set that the parsed JSON object `values` describes; it must call itself `name`.

    Raises
    ------
    InvalidDataset
        A field is missing, unknown or wrong; the message names it.
    """
    fields = Fields(values, name, InvalidDataset)
    files, archive = fields.optional("files", fields.part), fields.optional("archive", fields.part)
    if (files is None) == (archive is None):
        fields.refuse("files", "or the field archive must be an object, the other one null")
    spec = DatasetSpec(
        name=fields.choice("name", (name,)),
        title=fields.text("title"),
        kind=fields.choice("kind", KINDS),
        has_spacing=fields.flag("has_spacing"),
        folder=fields.text("folder"),
        storage=_archive(archive) if files is None else _files(files),
        licence=fields.text("licence"),
        training=fields.choice("training", TRAINING),
        source=fields.text("source"),
        citation=fields.text("citation", allow_empty=True),
        notes=fields.text("notes", allow_empty=True),
        pixel_mm=fields.number("pixel_mm") if fields.has("pixel_mm") else 1.0,
    )
    if spec.pixel_mm <= 0:
        fields.refuse("pixel_mm", "must be above 0")
    fields.finish()
    return spec


def placeholders_of(pattern: str) -> set[str]:
    """Return what stands between braces in a pattern, with the braces."""
    return set(re.findall(r"\{[^{}]*\}", pattern))


def _files(part: Fields) -> FilesSpec:
    image = part.optional("image", part.text)
    label_maps = part.parts("label_maps")
    if image is None and not label_maps:
        part.refuse("label_maps", "must list label maps where there are no images")
    specs = tuple(_label_map(label_map) for label_map in label_maps)
    part.finish()
    listed = specs[0].file if image is None else image
    _check_placeholders(part, "image" if image else "label_maps", listed, PLACEHOLDERS)
    for spec in specs:
        _check_placeholders(part, "label_maps", spec.file, placeholders_of(listed))
        if spec.file == image:
            part.refuse("label_maps", "must not name the file of the image")
    return FilesSpec(image, specs)


def _label_map(part: Fields) -> LabelMapSpec:
    spec = LabelMapSpec(
        file=part.text("file"),
        labels=_labels(part),
        rater=part.text("rater", allow_empty=True),
        ignores_others=part.choice("other_values", OTHER_VALUES) == "ignore",
    )
    part.finish()
    return spec


def _labels(part: Fields) -> dict[str, int]:
    values = part.value("labels")
    if not isinstance(values, dict) or not values:
        part.refuse("labels", "must be an object of names and values")
    if not all(name and type(value) is int and 0 < value <= LARGEST_LABEL for name, value in values.items()):
        part.refuse("labels", f"must have whole numbers from 1 to {LARGEST_LABEL} as values")
    if len(set(values.values())) != len(values):
        part.refuse("labels", "must not give two structures one value")
    return dict(values)


def _archive(part: Fields | None) -> ArchiveSpec:
    assert part is not None  # noqa: S101  one of the two is there
    spec = ArchiveSpec(
        file=part.text("file"),
        names=part.text("names"),
        pattern=part.text("pattern"),
        images=part.text("images"),
        masks=part.text("masks"),
        packed_bits=part.flag("packed_bits"),
        label=part.text("label"),
    )
    part.finish()
    _check_placeholders(part, "pattern", spec.pattern, PLACEHOLDERS)
    return spec


def _check_placeholders(part: Fields, field: str, pattern: str, allowed: set[str] | tuple[str, ...]) -> None:
    if not placeholders_of(pattern).issubset(allowed):
        known = ", ".join(sorted(allowed)) or "no placeholder"
        part.refuse(field, f"has the pattern '{pattern}'; it may hold {known}")
