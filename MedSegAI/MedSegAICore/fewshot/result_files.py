"""Results of several structures as files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..errors import InvalidRequest
from ..images import LARGEST_LABEL, check_label_value, image_from_array, write_image
from ..recipe import Recipe, recipes_to_json
from ..result import SegmentationResult, Structure
from ..segment_look import SegmentLook
from ..segmentation_file import RECIPE_TAG, NamedMask, tag_text, write_segmentation


def known_values(labels: Sequence[str], given: Mapping[str, int]) -> dict[str, int]:
    """Return the values in label maps that structures are given, or that they are called by.

    Parameters
    ----------
    labels
        Names of the structures; `label 5` stands for the value 5, where a label map can hold that.
    given
        Values of some of them.

    Raises
    ------
    InvalidRequest
        A value is given for a structure that is not there or for two of them, or fits no label map.
    """
    if strange := [name for name in given if name not in labels]:
        message = f"There is no structure '{strange[0]}'."
        raise InvalidRequest(message, f"Choose from: {', '.join(labels)}.")
    called = {label: int(found[1]) for label in labels if (found := re.fullmatch(r"label ([1-9][0-9]{0,4})", label))}
    numbers = {label: value for label, value in called.items() if value <= LARGEST_LABEL}
    values = {label: {**numbers, **given}[label] for label in labels if label in numbers or label in given}
    for value in values.values():
        check_label_value(value)
    if len(set(values.values())) < len(values):
        message = f"Two structures have one value: {', '.join(f'{name}={value}' for name, value in values.items())}."
        raise InvalidRequest(message, "Give every structure a value of its own.")
    return values


def filled_values(labels: Sequence[str], values: Mapping[str, int]) -> dict[str, int]:
    """Return a value for every structure: the one it has, or the next free one."""
    taken = set(values.values())
    free = (value for value in range(1, len(labels) + len(values) + 1) if value not in taken)
    return {label: values[label] if label in values else next(free) for label in labels}


def write_label_map(path: Path, result: SegmentationResult, values: Mapping[str, int]) -> None:
    """Write the structures of a result into one label map; it appears whole or not at all.

    Raises
    ------
    InvalidRequest
        The file cannot be written.
    """
    geometry = result.mask.geometry
    array = np.zeros(geometry.shape, np.uint8 if max(values.values()) < 256 else np.uint16)
    for structure in result.structures:
        array[structure.mask.bounds][structure.mask.array.astype(bool)] = values[structure.label]
    write_image(path, image_from_array(array, geometry))


def write_segments(path: Path, result: SegmentationResult, looks: Mapping[str, SegmentLook]) -> None:
    """Write the structures of a result as a segmentation of Slicer, with names, looks and the recipe.

    Structures that `looks` does not name get colours of their own.

    Raises
    ------
    InvalidRequest
        The name does not end in `.seg.nrrd`, or the file cannot be written.
    """
    tags = {RECIPE_TAG: tag_text(recipes_to_json([Recipe.from_result(result)]))}
    segments = []
    for part in result.structures:
        look = looks.get(part.label)
        own = look.tags if look else {}
        segments.append(NamedMask(part.label, part.mask, look.color if look else None, {**own, **tags}))
    write_segmentation(path, segments)


def volume_ml(structure: Structure) -> float:
    """Return the volume of a structure [ml]."""
    voxels = int(np.count_nonzero(structure.mask.array))
    return voxels * float(np.prod(structure.mask.geometry.spacing_ijk)) / 1000


def expected_dice(result: SegmentationResult) -> dict[str, float]:
    """Return the Dice [0, 1] to be expected of every structure, where that is known."""
    return {part.label: part.quality for part in result.structures if part.quality is not None}
