"""Structures that are segmented together: from probabilities to masks that do not overlap."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from .clean_up import cleaned
from .request import CleanUp
from .result import LOW_QUALITY, Structure
from .volume import Bounds, VolumePatch

SLAB_VOXELS = 1 << 22
"""Structures are compared in slabs of about so many voxels, a part of a second each."""


def _never_stopped() -> None:
    """Do nothing."""


def structures_from(
    probabilities: Mapping[str, VolumePatch],
    quality: Mapping[str, float],
    threshold: float,
    clean_up: CleanUp,
    check: Callable[[], None] = _never_stopped,
) -> tuple[Structure, ...]:
    """Return the structures that are as likely as the threshold or more, each voxel in the likeliest one.

    Parameters
    ----------
    probabilities
        For each structure float32 in [0, 1] (k, j, i); at every voxel they add up to 1 at most.
    quality
        Dice [0, 1] to be expected, of the structures for which it is known.
    threshold
        Probability (0, 1) of being in any structure from which a voxel is inside.
    clean_up
        Options for every mask.
    check
        Called often; may raise to stop.
    """
    structures = []
    for label, probability in exclusive(probabilities, check).items():
        check()
        inside = VolumePatch(probability.array >= threshold, probability.offset, probability.geometry)
        stored = VolumePatch(probability.array.astype(np.float16), probability.offset, probability.geometry)
        structures.append(Structure(label, cleaned(inside, clean_up), stored, quality.get(label)))
    return tuple(structures)


def exclusive(
    probabilities: Mapping[str, VolumePatch], check: Callable[[], None] = _never_stopped
) -> dict[str, VolumePatch]:
    """Return for each structure the probability of being in any structure, where it is the likeliest one, else 0.

    `check` is called often and may raise to stop.
    """
    patches = list(probabilities.values())
    k, j, i = _bounds_of(patches)
    parts = [np.zeros((k.stop - k.start, j.stop - j.start, i.stop - i.start), np.float32) for _ in patches]
    thickness = max(1, SLAB_VOXELS // max(1, parts[0][:1].size * len(parts)))
    for start in range(k.start, k.stop, thickness):
        check()
        slab = slice(start, min(start + thickness, k.stop))
        stacked = np.stack([patch.within((slab, j, i)) for patch in patches])
        likeliest, sums = stacked.argmax(axis=0), np.minimum(stacked.sum(axis=0), np.float32(1))
        for number, part in enumerate(parts):
            part[slab.start - k.start : slab.stop - k.start] = np.where(likeliest == number, sums, np.float32(0))
    offset = k.start, j.start, i.start
    tight = {}
    for label, part in zip(probabilities, parts, strict=True):
        check()
        tight[label] = VolumePatch(part, offset, patches[0].geometry).tight()
    return tight


def union(patches: Sequence[VolumePatch]) -> VolumePatch:
    """Return a patch around all patches with their greatest values."""
    k, j, i = _bounds_of(patches)
    array: NDArray[np.generic] = np.max([patch.within((k, j, i)) for patch in patches], axis=0)
    return VolumePatch(array, (k.start, j.start, i.start), patches[0].geometry)


def _bounds_of(patches: Sequence[VolumePatch]) -> Bounds:
    """Return the box around all patches that hold something; nothing if none does."""
    filled = [patch for patch in patches if patch.array.size] or patches[:1]
    low = np.min([patch.offset for patch in filled], axis=0)
    high = np.max([np.add(patch.offset, patch.array.shape) for patch in filled], axis=0)
    k, j, i = (slice(int(start), int(stop)) for start, stop in zip(low, high, strict=True))
    return k, j, i


def mask_of(structures: Sequence[Structure]) -> VolumePatch:
    """Return what is in any structure as a bool patch."""
    mask = union([structure.mask for structure in structures])
    return VolumePatch(mask.array > 0, mask.offset, mask.geometry)


def mean_quality(structures: Sequence[Structure]) -> float | None:
    """Return the mean Dice to be expected of the structures for which it is known; None without any."""
    known = [structure.quality for structure in structures if structure.quality is not None]
    return float(np.mean(known)) if known else None


def warnings_of(structures: Sequence[Structure]) -> tuple[str, ...]:
    """Say what was not found, and what is expected to be poor."""
    said = []
    for structure in structures:
        if not structure.mask.array.any():
            said.append(f"Nothing was found of '{structure.label}'.")
        elif structure.quality is not None and structure.quality < LOW_QUALITY:
            said.append(
                f"'{structure.label}' is expected to be poor (Dice about {structure.quality:.2f}): "
                "check it on every slice, or add examples that look more like this image."
            )
    return tuple(said)
