"""Drawn people as files: scans, label maps and segmentations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import SimpleITK as sitk
from MedSegAICore.fewshot.examples import Example
from MedSegAICore.images import image_from_array
from MedSegAICore.segment_look import SegmentLook
from MedSegAICore.segmentation_file import NamedMask, write_segmentation

VALUES = {"liver": 1, "kidney": 5}
"""Values of the organs in label maps; they do not follow each other."""


def write_scan(file: Path, drawn: Example) -> Path:
    """Write the image of a person."""
    file.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image_from_array(drawn.image.array, drawn.image.geometry), str(file))
    return file


def write_label_map(file: Path, drawn: Example, values=VALUES) -> Path:
    """Write the organs of a person as a label map."""
    file.parent.mkdir(parents=True, exist_ok=True)
    array = np.zeros(drawn.image.geometry.shape, np.uint8)
    for label, value in values.items():
        array[drawn.masks[label].full()] = value
    sitk.WriteImage(image_from_array(array, drawn.image.geometry), str(file))
    return file


def write_segments(file: Path, drawn: Example, looks: Mapping[str, SegmentLook] = MappingProxyType({})) -> Path:
    """Write the organs of a person as a segmentation of Slicer."""
    file.parent.mkdir(parents=True, exist_ok=True)
    segments = []
    for label, mask in drawn.masks.items():
        look = looks.get(label)
        segments.append(NamedMask(label, mask, look and look.color, look.tags if look else {}))
    write_segmentation(file, segments)
    return file
