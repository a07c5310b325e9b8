"""Labelled images of a few voxels, as files with a description and without files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from MedSegAICore.evaluation.datasets.dataset import Case, Dataset
from MedSegAICore.evaluation.datasets.description import DatasetSpec, FilesSpec, LabelMapSpec
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.images import image_from_array, write_image
from MedSegAICore.volume import ImageVolume, VolumePatch

GRID = VolumeGeometry.from_components((4, 6, 5), (1, 1, 2))


def write_volume(path: Path, array: np.ndarray, geometry: VolumeGeometry = GRID) -> None:
    """Write voxels to a file in a folder that need not exist."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, image_from_array(array, geometry))


def description(name: str = "mine", **changes) -> dict:
    """Return a description of `{subject}_image.nii.gz` with `{subject}_label.nii.gz` beside it."""
    label_map = {
        "file": "{subject}_label.nii.gz",
        "labels": {"liver": 1, "spleen": 2},
        "rater": "",
        "other_values": "refuse",
    }
    fields = {
        "name": name,
        "title": "A set of mine",
        "kind": "MR",
        "has_spacing": True,
        "folder": ".",
        "files": {"image": "{subject}_image.nii.gz", "label_maps": [label_map]},
        "archive": None,
        "licence": "CC0-1.0",
        "training": "allowed",
        "source": "drawn here",
        "citation": "",
        "notes": "",
    }
    return fields | changes


def write_description(folder: Path, fields: dict) -> Path:
    """Write a description into the folder it is about."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{fields['name']}.json"
    file.write_text(json.dumps(fields))
    return file


@dataclass(frozen=True)
class DrawnSource:
    """A case in memory: an image and the masks of each structure, one per rater."""

    drawn: ImageVolume
    by_label: Mapping[str, tuple[np.ndarray, ...]]

    files: tuple[Path, ...] = ()

    def image(self) -> ImageVolume:
        return self.drawn

    def masks(self, label: str) -> tuple[VolumePatch, ...]:
        return tuple(VolumePatch.whole(mask, self.drawn.geometry) for mask in self.by_label.get(label, ()))

    def rater_count(self, label: str) -> int:
        return len(self.by_label.get(label, ()))

    def drawn_labels(self) -> tuple[str, ...]:
        return tuple(label for label, masks in self.by_label.items() if any(mask.any() for mask in masks))


def drawn_case(subject: str, masks: Mapping[str, np.ndarray], geometry=None, name="", image=None) -> Case:
    """Return a case with one rater; its image is brighter in the structures unless it is given."""
    shape = next(iter(masks.values())).shape
    grid = VolumeGeometry.from_components(shape) if geometry is None else geometry
    voxels = sum(100 * mask.astype(np.float32) for mask in masks.values()) if image is None else image
    return Case("drawn", subject, name, DrawnSource(ImageVolume(voxels, grid), {k: (v,) for k, v in masks.items()}))


def drawn_dataset(*cases: Case, has_spacing: bool = True, labels=None) -> Dataset:
    """Return the set of the cases; it is called `drawn`."""
    names = labels or tuple(dict.fromkeys(label for case in cases for label in case.source.by_label))
    label_map = LabelMapSpec("", {label: value for value, label in enumerate(names, 1)}, "", ignores_others=False)
    terms = {"licence": "CC0-1.0", "training": "allowed", "source": "", "citation": "", "notes": ""}
    files = FilesSpec("", (label_map,))
    return Dataset(DatasetSpec("drawn", "Drawn", "other", has_spacing, "", files, **terms), cases)
