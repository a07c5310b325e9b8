"""From a slice to the input of a network for natural pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..models.input_spec import InputSpec, Interpolation
from ..request import IntensityWindow
from .area_resize import resize_area
from .cubic_resize import resize_cubic
from .linear_resize import resize_linear
from .nearest_resize import resize_nearest
from .segmenter import Float32

UInt8 = NDArray[np.uint8]
Shape = tuple[int, int]

_FRACTION_BITS = 22
_NO_CONTRAST = 1e-8  # [grey levels]


def grey_levels(pixels: Float32, window: IntensityWindow) -> UInt8:
    """Return intensities (rows, columns) as grey levels: the window's ends become 0 and 255."""
    levels = (pixels - np.float32(window.lower)) * np.float32(255 / (window.upper - window.lower))
    rounded: UInt8 = np.rint(np.clip(levels, 0, 255)).astype(np.uint8)
    return rounded


def resized_shape(shape: Shape, size: int) -> Shape:
    """Return (rows, columns) scaled by one factor so that the longer side is `size`."""
    rows, columns = (max(1, int(side * (size / max(shape)) + 0.5)) for side in shape)
    return rows, columns


def shape_in_input(shape: Shape, spec: InputSpec) -> Shape:
    """Return (rows, columns) of a network's input that a picture of `shape` fills; what is left is padding."""
    return (spec.size, spec.size) if spec.resize == "stretch" else resized_shape(shape, spec.size)


def network_input(levels: UInt8, spec: InputSpec) -> Float32:
    """Return the input (3, size, size) of a network.

    Parameters
    ----------
    levels
        Picture (rows, columns, channels) with three channels, or one for grey.
    spec
        What the network was trained with.
    """
    resize = RESIZERS[spec.interpolation]
    rows, columns = shape_in_input((levels.shape[0], levels.shape[1]), spec)
    if spec.first_size is None:
        picture = _spread(resize(levels, (rows, columns)), spec)
    else:
        picture = resize(_spread(resize(levels, (spec.first_size, spec.first_size)), spec), (rows, columns))
    normalised = (picture.astype(np.float32) - np.array(spec.mean, np.float32)) / np.array(spec.std, np.float32)
    padded = np.zeros((3, spec.size, spec.size), np.float32)
    padded[:, :rows, :columns] = normalised.transpose(2, 0, 1)
    return padded


def _spread(picture: NDArray[Any], spec: InputSpec) -> NDArray[Any]:
    """Return the picture in the levels that the network counts in."""
    if spec.span == "window":
        return picture
    lowest, highest = float(picture.min()), float(picture.max())
    spread: Float32 = ((picture - np.float32(lowest)) / np.float32(max(highest - lowest, _NO_CONTRAST))) * 255
    return spread


def resize_bilinear(levels: UInt8, shape: Shape) -> UInt8:
    """Return a picture (rows, columns, channels) scaled by one factor, as Pillow would, bit for bit.

    Networks trained on pictures that Pillow resized see the same levels here: a triangle filter that widens
    when shrinking, in fixed point, rounded to whole levels after the columns and again after the rows.
    """
    across = _resize_rows(levels.transpose(1, 0, 2), shape[1]).transpose(1, 0, 2)
    return _resize_rows(across, shape[0])


def _resize_rows(levels: UInt8, length: int) -> UInt8:
    if length == levels.shape[0]:
        return levels
    positions, weights = _triangle_filter(levels.shape[0], length)
    total = np.full((length, *levels.shape[1:]), 1 << (_FRACTION_BITS - 1), np.int32)
    for tap in range(positions.shape[1]):
        total += levels[positions[:, tap]] * weights[:, tap, None, None]
    return (total >> _FRACTION_BITS).clip(0, 255).astype(np.uint8)


def _triangle_filter(old: int, new: int) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Return which old samples (new, taps) make up each new one, and their weights in fixed point."""
    scale = old / new
    support = max(scale, 1.0)
    centers = (np.arange(new) + 0.5) * scale
    first = np.maximum((centers - support + 0.5).astype(np.intp), 0)
    last = np.minimum((centers + support + 0.5).astype(np.intp), old)
    positions = first[:, None] + np.arange(int((last - first).max()))
    distance = np.abs((positions - centers[:, None] + 0.5) * (1 / support))
    weights = np.where(positions < last[:, None], np.maximum(1 - distance, 0), 0)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.minimum(positions, old - 1), (weights * (1 << _FRACTION_BITS) + 0.5).astype(np.int32)


RESIZERS: dict[Interpolation, Callable[[UInt8, Shape], NDArray[Any]]] = {
    "pillow_linear": resize_bilinear,
    "opencv_area": resize_area,
    "opencv_nearest": resize_nearest,
    "skimage_cubic": resize_cubic,
    "torch_linear": resize_linear,
}
"""What resizes a picture (rows, columns, channels) to another (rows, columns)."""
