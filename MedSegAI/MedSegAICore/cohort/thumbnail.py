"""A small picture of a case: the axial slice that shows most, with the outlines of the structures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from ..result import Structure
from ..segmentation_file import COLORS
from ..volume import ImageVolume

SIZE = 160
"""Longer edge of the picture [pixels]."""

DARKEST, BRIGHTEST = 1.0, 99.0
"""Percentiles of the slice that are black and white."""


def thumbnail(image: ImageVolume, structures: Sequence[Structure]) -> sitk.Image:
    """Return the picture, in colours, as the radiologist looks at it: from the feet, the front of the body above."""
    view = image.canonical()
    masks = [structure.mask.canonical() for structure in structures]
    sizes = np.zeros(view.array.shape[0], np.int64)
    for mask in masks:
        sizes[mask.bounds[0]] += np.count_nonzero(mask.array, axis=(1, 2))
    index = int(sizes.argmax()) if sizes.any() else view.array.shape[0] // 2
    spacing = view.geometry.spacing_kji
    height, width = np.array(view.array.shape[1:]) * spacing[1:]
    shape = np.maximum(np.round(np.array([height, width]) / max(height, width) * SIZE), 1).astype(int)
    picture = np.repeat(_grey(_scaled(view.array[index].astype(np.float32), shape, order=1))[..., None], 3, axis=2)
    for number, mask in enumerate(masks):
        inside = _scaled(_plane(mask.full()[index]), shape, order=0) > 0
        edge = inside & ~ndimage.binary_erosion(inside, border_value=1)
        picture[edge] = np.round(255 * np.array(COLORS[number % len(COLORS)])).astype(np.uint8)
    return sitk.GetImageFromArray(picture, isVector=True)


def _plane(mask: NDArray[np.generic]) -> NDArray[np.float32]:
    return np.asarray(mask, dtype=np.float32)


def _scaled(plane: NDArray[np.float32], shape: NDArray[np.int_], order: int) -> NDArray[np.float32]:
    """Return a slice with another number of pixels."""
    rows, columns = ((np.arange(new) + 0.5) * (old / new) - 0.5 for new, old in zip(shape, plane.shape, strict=True))
    grid = np.meshgrid(rows, columns, indexing="ij")
    scaled: NDArray[np.float32] = ndimage.map_coordinates(plane, grid, order=order, mode="nearest")
    return scaled


def _grey(plane: NDArray[np.float32]) -> NDArray[np.uint8]:
    low, high = np.percentile(plane, (DARKEST, BRIGHTEST))
    grey: NDArray[np.uint8] = np.round(255 * np.clip((plane - low) / max(high - low, 1e-6), 0, 1)).astype(np.uint8)
    return grey
