"""Real CTs in the sizes that clinics have: slices of 512x512, and a volume of 512x512x300."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from MedSegAICore.evaluation.next_click import first_box, next_click
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.images import read_image
from MedSegAICore.prompts import Prompt, SlicePlane
from MedSegAICore.volume import ImageVolume, nonzero_bounds
from numpy.typing import NDArray
from scipy import ndimage

SHARED = Path(os.environ.get("MEDSEGAI_SHARED", Path(__file__).resolve().parents[3] / "shared"))
LARGE_SHAPE = (300, 512, 512)
CASES = {"gallbladder": 4, "right kidney": 2, "spleen": 1, "liver": 5}
"""Structures from small to large, with their label values in the volume."""

SLICE_LABELS = {"right kidney": 2, "liver": 6}
SLICE_SPACING_MM = (0.75, 0.75, 5.0)
"""The slices come without their spacing: that of an average abdominal CT (i, j, k)."""


@dataclass(frozen=True, eq=False)
class Case:
    """An image and prompts by rule for one structure: a box, two clicks inside it, one outside."""

    image: ImageVolume
    prompts: tuple[Prompt, ...]
    plane: SlicePlane


def slice_case(subject: int, structure: str) -> Case:
    """Return the slice of a subject (by its place in the list) that shows most of a structure, as a volume."""
    folder = sorted((SHARED / "data" / "ct_abdomen_slices").glob("subject*"))[subject]
    label = SLICE_LABELS[structure]
    labels = {path: read_image(path).array == label for path in sorted(folder.glob("*_label.png"))}
    chosen = max(labels, key=lambda path: np.count_nonzero(labels[path]))
    pixels = read_image(chosen.with_name(chosen.name.replace("_label", "_image"))).array
    geometry = VolumeGeometry.from_components(pixels.shape, SLICE_SPACING_MM)
    return _case(ImageVolume(pixels, geometry), labels[chosen], geometry)


@lru_cache(maxsize=1)
def _large_image() -> ImageVolume:
    """Return the abdominal CT on a finer grid of the same place, int16, with a little noise [about 5 HU]."""
    small = read_image(SHARED / "data" / "ct_abdomen_volume" / "ct.nii.gz")
    share = np.array(small.array.shape) / LARGE_SHAPE
    matrix = small.geometry.ijk_to_ras.copy()
    matrix[:3, 3] = small.geometry.to_ras((share[::-1] - 1) / 2)[0]
    matrix[:3, :3] *= share[::-1]
    rows, columns = (np.arange(n) for n in LARGE_SHAPE[1:])
    noise = np.random.default_rng(0).normal(0, 5, (2 * LARGE_SHAPE[1], LARGE_SHAPE[2])).astype(np.float32)
    array = np.empty(LARGE_SHAPE, dtype=np.int16)
    for index in range(LARGE_SHAPE[0]):  # layer by layer: the peak of memory is measured
        at = np.clip((index + 0.5) * share[0] - 0.5, 0, small.array.shape[0] - 1)
        below = int(at)
        above = min(below + 1, small.array.shape[0] - 1)
        layer = small.array[below] + np.float32(at - below) * (small.array[above] - small.array[below])
        wide = ndimage.zoom(
            layer.astype(np.float32), np.array(LARGE_SHAPE[1:]) / layer.shape, order=1, grid_mode=True, mode="nearest"
        )
        array[index] = wide + noise[index : index + len(rows), : len(columns)]
    return ImageVolume(array, VolumeGeometry(LARGE_SHAPE, matrix))


def large_case(structure: str) -> Case:
    """Return the volume of 512x512x300 and prompts for one of its structures."""
    labels = read_image(SHARED / "data" / "ct_abdomen_volume" / "ct_labels.nii.gz")
    return _case(_large_image(), labels.array == CASES[structure], labels.geometry)


def _case(image: ImageVolume, truth: NDArray[np.bool_], geometry: VolumeGeometry) -> Case:
    """Return a case whose prompts are placed by rule on the grid of the labels."""
    box = first_box(truth, geometry)
    used = np.flatnonzero(truth.any(axis=(1, 2)))
    nothing = np.zeros_like(truth)
    low, high = truth.copy(), truth.copy()
    low[used[len(used) // 2] + 1 :] = False
    high[: used[len(used) // 2]] = False
    inside = [next_click(nothing, part, geometry) for part in (low, high)]
    around = nothing.copy()
    k, j, i = (slice(max(cut.start - 3, 0), cut.stop + 3) for cut in nonzero_bounds(truth) or ())
    around[k, j, i] = True
    outside = next_click(around & ~truth, nothing, geometry)
    clicks = [click for click in (*inside, outside) if click is not None]
    return Case(image, (box, *clicks), box.plane)
