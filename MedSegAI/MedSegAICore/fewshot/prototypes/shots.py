"""The slices of examples that queries are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from ...engine.run import Run
from ..examples import Example
from ..registered.grids import Float32, as_itk
from .encoders import SliceEncoder
from .pictures import Pictures, as_slices, onto
from .pooling import coverage

SLICES = 6
"""Of each structure of an example, so many slices are kept at most."""

LEAST_REACH = 3.0
"""At least so many features around the structures are kept."""


@dataclass(frozen=True, eq=False)
class Shot:
    """A slice of an example.

    Parameters
    ----------
    features
        (channels, h, w) float16: the surroundings of its structures.
    covered
        Share of each feature that each structure covers: float32 (structures, h, w).
    depths
        How deep in each structure the slice lies (structures,): the share of the structure on the slices below,
        counting half of its own. NaN where it does not show the structure.
    example
        Number of the example.
    """

    features: NDArray[np.float16]
    covered: Float32
    depths: NDArray[np.float64]
    example: int


@dataclass(frozen=True, eq=False)
class Seen:
    """A structure on a slice of an example: features (channels, h, w), and how much it covers them (h, w)."""

    features: Tensor
    covered: Tensor


def shots_of(
    example: Example,
    number: int,
    labels: Sequence[str],
    pictures: Pictures,
    reach: float,
    encoder: SliceEncoder,
    run: Run,
) -> list[Shot]:
    """Return the slices of an example that show its structures, with the features around them.

    Parameters
    ----------
    example, number
        The example, and what it is called in the answer.
    labels
        The structures.
    pictures
        Its slices.
    reach
        How far from the structures features are kept [mm].
    encoder
        Makes the features.
    run
        Progress and cancel.
    """
    masks = _masks_on(example, labels, pictures, run)
    run.check()
    depths = np.stack([depths_of(mask.sum(axis=(1, 2))) for mask in masks])
    chosen = sorted({index for of_structure in depths for index in _spread(of_structure)})
    shots = []
    for done, index in enumerate(chosen):
        run.step(done / len(chosen), "looking at the examples")
        features = pictures.embed(index, encoder, run)
        size = features.shape[1], features.shape[2]
        covered = coverage(torch.from_numpy(masks[:, index]), size).numpy()
        around = _box(covered.sum(axis=0) > 0, reach / (np.array(pictures.spacing) * pictures.shape / size))
        kept = features.numpy()[(slice(None), *around)].astype(np.float16)
        shots.append(Shot(kept, covered[(slice(None), *around)].copy(), depths[:, index], number))
    return shots


def depths_of(areas: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the share (n,) of all areas (n,) that lies below each and half of it itself; NaN where there is none."""
    total = float(areas.sum())
    depth = (np.cumsum(areas, dtype=np.float64) - areas / 2) / max(total, 1e-12)
    return np.where(areas > 0, depth, np.nan)


def nearest(shots: Sequence[Shot], structure: int, depth: float, most: int) -> list[Seen]:
    """Return the slices of examples that lie about as deep in a structure, the nearest first, at most so many."""
    distances = [(abs(float(shot.depths[structure]) - depth), shot) for shot in shots]
    showing = sorted((pair for pair in distances if pair[0] == pair[0]), key=lambda pair: pair[0])
    return [
        Seen(torch.from_numpy(shot.features).float(), torch.from_numpy(shot.covered[structure]))
        for _, shot in _examples_in_turn(showing)[:most]
    ]


def _examples_in_turn(pairs: list[tuple[float, Shot]]) -> list[tuple[float, Shot]]:
    """Return the nearest slice of every example, then the second of every one, and so on."""
    seen: dict[int, int] = {}
    ranked = []
    for place, (distance, shot) in enumerate(pairs):
        turn = seen.get(shot.example, 0)
        seen[shot.example] = turn + 1
        ranked.append((turn, place, (distance, shot)))
    return [pair for _, _, pair in sorted(ranked, key=lambda entry: entry[:2])]


def _masks_on(example: Example, labels: Sequence[str], pictures: Pictures, run: Run) -> Float32:
    """Return how much of each pixel each structure covers: float32 (structures, n, rows, columns)."""
    run.check()
    label_map = example.label_map(labels)
    run.check()
    drawn = as_itk(label_map, example.image.canonical().geometry)
    values = sitk.GetArrayViewFromImage(drawn)
    moved = []
    for label in range(1, len(labels) + 1):  # one by one: the voxels of a large volume take much memory as floats
        run.check()
        mask = (values == label).astype(np.float32)
        moved.append(onto(mask[None], drawn, pictures.image, 0.0, run)[0])
    return np.stack([np.ascontiguousarray(as_slices(mask, pictures.axis)) for mask in moved])


def _spread(depths: NDArray[np.float64]) -> list[int]:
    """Return slices that are spread evenly over a structure."""
    showing = np.flatnonzero(~np.isnan(depths))
    if len(showing) <= SLICES:
        return [int(index) for index in showing]
    wanted = (np.arange(SLICES) + 0.5) / SLICES
    return [int(showing[np.abs(depths[showing] - one).argmin()]) for one in wanted]


def _box(region: NDArray[np.bool_], reach: NDArray[np.float64]) -> tuple[slice, slice]:
    """Return the box around a region (h, w) and what lies within reach of it [features]."""
    margins = np.ceil(np.maximum(reach, LEAST_REACH)).astype(int)
    found = ndimage.find_objects(region.astype(np.uint8))[0]
    rows, columns = (
        slice(max(0, part.start - margin), min(length, part.stop + margin))
        for part, margin, length in zip(found, margins, region.shape, strict=True)
    )
    return rows, columns
