"""The labelled structures that the accuracy tables are measured on, from the data beside the project."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from MedSegAICore.images import read_image
from MedSegAICore.volume import ImageVolume
from numpy.typing import NDArray

PROMISED = {"liver": 5, "spleen": 1, "right kidney": 2, "left kidney": 3, "aorta": 52}
"""Structures of the CT that the promises are about, with their label values."""

OTHER_CT = {"stomach": 6, "gallbladder": 4, "vena cava": 63, "pancreas": 7}

MR_ABDOMEN = {"liver": 1, "right kidney": 2, "left kidney": 3, "spleen": 4}

HIPPOCAMPI = ("003", "007", "011", "015", "017")


@dataclass(frozen=True, eq=False)
class Structure:
    """One labelled structure (k, j, i) of an image."""

    name: str
    image: ImageVolume
    truth: NDArray[np.bool_]


def promised(data: Path) -> Iterator[Structure]:
    """Return the structures of the abdominal CT that the promises are about."""
    folder = data / "ct_abdomen_volume"
    return _structures(folder.name, folder / "ct.nii.gz", folder / "ct_labels.nii.gz", PROMISED)


def others(data: Path) -> Iterator[Structure]:
    """Return what nothing is promised about: other organs, other people, MR, lesions, thin and tiny structures."""
    ct = data / "ct_abdomen_volume"
    yield from _structures(ct.name, ct / "ct.nii.gz", ct / "ct_labels.nii.gz", OTHER_CT)
    aorta = data / "ct_aorta_volume"
    yield from _structures(aorta.name, aorta / "ct.nii.gz", aorta / "aorta.nii.gz", {"aorta": None})
    for image in sorted((data / "mr_abdomen_t2").glob("*_image.nii.gz")):
        name = image.name.removesuffix("_image.nii.gz")
        yield from _structures(f"mr_abdomen_t2 {name}", image, image.with_name(f"{name}_label.nii.gz"), MR_ABDOMEN)
    for subject in HIPPOCAMPI:
        image = data / "mr_hippocampus" / f"hippocampus_{subject}_image.nii.gz"
        labels = image.with_name(f"hippocampus_{subject}_label.nii.gz")
        yield from _structures(f"mr_hippocampus {subject}", image, labels, {"hippocampus": None})
    for image in sorted((data / "mr_lesions").glob("*_image.nrrd")):
        name = image.name.removesuffix("_image.nrrd")
        yield from _structures(f"mr_lesions {name}", image, image.with_name(f"{name}_label.nrrd"), {"lesion": None})
    cord = data / "mr_spinal_cord"
    yield from _structures(f"{cord.name} T2", cord / "t2_image.nii.gz", cord / "t2_label.nii.gz", {"cord": None})
    yield from _structures(
        f"{cord.name} T2*", cord / "t2s_image.nii.gz", cord / "t2s_cord_label.nii.gz", {"cord": None}
    )


def _structures(scan: str, image: Path, labels: Path, values: dict[str, int | None]) -> Iterator[Structure]:
    """Read one image and its label map; the value None stands for every label."""
    volume, label_map = read_image(image), read_image(labels).array
    for name, value in values.items():
        truth = label_map > 0 if value is None else label_map == value
        yield Structure(f"{scan} {name}", volume, truth)
