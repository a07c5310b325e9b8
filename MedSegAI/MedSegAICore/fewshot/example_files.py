"""Examples that lie in files: an image and a label map or a segmentation of Slicer for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import GeometryMismatch, InvalidImage, InvalidSupport, MedSegAIError
from ..images import read_image
from ..label_files import Labels, is_segmentation, read_labels
from ..label_grids import placed_on
from ..segment_look import SegmentLook
from ..segmentation_file import read_looks
from ..volume import ImageVolume, VolumePatch
from .examples import Example


@dataclass(frozen=True)
class ExampleFiles:
    """The files of one example.

    Parameters
    ----------
    image
        In any format that ITK reads.
    labels
        Label map or `.seg.nrrd` file on the grid of the image; a part of that grid or another storage order will do.
    name
        What messages call it; "" lets it be called by its number.
    """

    image: Path
    labels: Path
    name: str = ""


def read_examples(files: Sequence[ExampleFiles], wanted: Mapping[str, int | None]) -> tuple[Example, ...]:
    """Return examples from files, each with the same structures.

    Parameters
    ----------
    files
        At least one pair.
    wanted
        Names of the structures, with their values in label maps; empty takes what the first example shows.

    Raises
    ------
    InvalidImage
        A file is missing or damaged, or is no image or label map.
    InvalidSupport
        There is no example, or one does not show a structure, or shows more than the first where none are named.
    GeometryMismatch
        Labels do not lie on the grid of their image.
    """
    if not files:
        message = "There is no example."
        raise InvalidSupport(message, "Choose at least one image with the structure drawn on it.")
    examples: list[Example] = []
    names: tuple[str, ...] = ()
    for number, pair in enumerate(files, start=1):
        name = pair.name or f"example {number}"
        image, labels = _read(pair, name, wanted)
        names = names or tuple(wanted) or tuple(labels.places)
        if not names:
            message = f"The example '{name}' shows nothing: '{pair.labels.name}' is empty."
            raise InvalidSupport(message)
        if not wanted and (more := sorted(set(labels.places) - set(names))):
            message = f"The example '{name}' also shows '{more[0]}' ('{pair.labels.name}'), which the first does not."
            raise InvalidSupport(message, "Name the structures that all examples show, or draw it on all of them.")
        masks = {label: _mask(labels, label, wanted.get(label), image, pair, name) for label in names}
        examples.append(Example(image, masks, name))
    return tuple(examples)


def label_values(files: Sequence[ExampleFiles], wanted: Mapping[str, int | None]) -> dict[str, int]:
    """Return the values of structures in the examples' label maps, as far as names and numbers tell.

    A segmentation has names instead of values. Raises what `read_labels` raises.
    """
    known = {name: value for name, value in wanted.items() if value is not None}
    if wanted or not files or is_segmentation(files[0].labels):
        return known
    return {name: value for name, (_, value) in read_labels(files[0].labels).places.items()}


def looks_in(files: Sequence[ExampleFiles]) -> dict[str, SegmentLook]:
    """Return how structures look in the examples' segmentations; the first example that shows one counts.

    A label map says nothing. Raises what `read_looks` raises.
    """
    looks: dict[str, SegmentLook] = {}
    for pair in reversed(files):
        if is_segmentation(pair.labels):
            looks |= read_looks(pair.labels)
    return looks


def _read(pair: ExampleFiles, name: str, wanted: Mapping[str, int | None]) -> tuple[ImageVolume, Labels]:
    """Return the image, and the labels on its grid; the message of an error names the example."""
    try:
        for file in (pair.image, pair.labels):
            if not file.is_file():
                message = f"There is no file '{file.name}' in '{file.parent}'."
                raise InvalidImage(message, "Put it there, or leave the example out.")
        image = read_image(pair.image)
        labels = read_labels(pair.labels).chosen(wanted)
    except MedSegAIError as error:
        message = f"The example '{name}' cannot be used. {error.message}"
        raise type(error)(message, error.advice) from error
    try:
        return image, placed_on(labels, image.geometry, resample=False)
    except GeometryMismatch as error:
        message = f"In the example '{name}' the labels '{pair.labels.name}' do not lie on '{pair.image.name}'."
        advice = "Draw on that image, or resample the labels onto its grid (in Slicer: Resample Image)."
        raise GeometryMismatch(message, advice) from error


def _mask(
    labels: Labels, label: str, value: int | None, image: ImageVolume, pair: ExampleFiles, name: str
) -> VolumePatch:
    mask = labels.mask(label)
    if not mask.any():
        where = f"'{pair.labels.name}' has no voxel " + (
            f"of the value {value}" if value is not None and not is_segmentation(pair.labels) else "of that name"
        )
        message = f"The example '{name}' does not show '{label}': {where}."
        raise InvalidSupport(message, "Draw it there, correct its name or value, or leave the example out.")
    return VolumePatch.whole(mask, image.geometry).tight()
