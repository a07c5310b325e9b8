"""Label maps with two structures, and a described set of small scans with one bright ball each."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from fakes.ball import scan
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.images import image_from_array

GEOMETRY = VolumeGeometry.from_components((6, 12, 12), (1, 1, 2), (-10, 20, 30))
LABELS = {"liver": 1, "spleen": 2}


def label_map(shift=0) -> np.ndarray:
    """A liver, moved by some rows, and a spleen."""
    found = np.zeros(GEOMETRY.shape, np.uint8)
    found[1:5, 2 + shift : 6 + shift, 2:6] = 1
    found[2:4, 7:10, 8:11] = 2
    return found


def write_array(path: Path, array, geometry=GEOMETRY) -> Path:
    path.parent.mkdir(exist_ok=True)
    sitk.WriteImage(image_from_array(array, geometry), str(path))
    return path


def write_ball_set(folder: Path, count: int = 2) -> Path:
    """Write the scans into `folder` and return the file that describes them."""
    for number in range(count):
        image, truth = scan((6, 24, 26), radius=6 + number)
        write_array(folder / f"p{number}.nrrd", image.array, image.geometry)
        write_array(folder / f"p{number}_labels.nrrd", truth.astype(np.uint8), image.geometry)
    label_maps = [{"file": "{subject}_labels.nrrd", "labels": {"ball": 1}, "rater": "", "other_values": "refuse"}]
    texts = {"licence": "CC0-1.0", "training": "allowed", "source": "drawn", "citation": "", "notes": ""}
    description = {
        "name": folder.name,
        "title": "Balls",
        "kind": "other",
        "has_spacing": True,
        "folder": folder.name,
        "files": {"image": "{subject}.nrrd", "label_maps": label_maps},
        "archive": None,
        **texts,
    }
    path = folder.parent / f"{folder.name}.json"
    path.write_text(json.dumps(description))
    return path
