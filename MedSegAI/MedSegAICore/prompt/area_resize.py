"""Resize pictures by the area that old pixels share with new ones, as networks trained with OpenCV expect."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

UInt8 = NDArray[np.uint8]
Float32 = NDArray[np.float32]

_FIXED_POINT = 2048
_SLIVER = 1e-3  # a smaller part of an old pixel [pixels] does not count


def resize_area(levels: UInt8, shape: tuple[int, int]) -> UInt8:
    """Return a picture (rows, columns, channels) of another `shape` (rows, columns), as OpenCV's INTER_AREA would.

    The levels are the same, rounding and all. Where no side grows, a new pixel is the mean of the area it covers:
    summed in single precision, columns before rows. Otherwise it is interpolated between the two old pixels that
    it touches along each side.
    """
    rows, columns = levels.shape[:2]
    if shape == (rows, columns):
        return levels
    if (rows, columns) == (2 * shape[0], 2 * shape[1]):
        return _halved(levels)
    if shape[0] > rows or shape[1] > columns:
        return _interpolated(levels, shape)
    across = _weighed(levels.transpose(1, 0, 2).astype(np.float32), *_shared_area(columns, shape[1]))
    down = _weighed(across.transpose(1, 0, 2), *_shared_area(rows, shape[0]))
    resized: UInt8 = np.rint(down).clip(0, 255).astype(np.uint8)
    return resized


def _halved(levels: UInt8) -> UInt8:
    """Return means of four levels, halves rounded up."""
    rows, columns, channels = levels.shape
    squares = levels.reshape(rows // 2, 2, columns // 2, 2, channels).astype(np.int32)
    means: UInt8 = ((squares.sum(axis=(1, 3)) + 2) // 4).astype(np.uint8)
    return means


def _weighed(levels: Float32, positions: NDArray[np.intp], parts: Float32) -> Float32:
    total = np.zeros((len(positions), *levels.shape[1:]), np.float32)
    for tap in range(positions.shape[1]):
        total += levels[positions[:, tap]] * parts[:, tap, None, None]
    return total


def _shared_area(old: int, new: int) -> tuple[NDArray[np.intp], Float32]:
    """Return the old pixels (new, taps) under each new one, and their parts of it."""
    scale = old / new
    first = np.arange(new) * scale
    last = np.minimum(first + scale, old)
    positions = np.floor(first).astype(np.intp)[:, None] + np.arange(int(np.ceil(scale)) + 1)
    shared = np.minimum(positions + 1, last[:, None]) - np.maximum(positions, first[:, None])
    parts = np.where(shared > _SLIVER, shared, 0) / (last - first)[:, None]
    return np.minimum(positions, old - 1), parts.astype(np.float32)


def _interpolated(levels: UInt8, shape: tuple[int, int]) -> UInt8:
    """Return levels between two old pixels along each side, in the fixed point that OpenCV computes in."""
    rows, row_parts = _between(levels.shape[0], shape[0])
    columns, column_parts = _between(levels.shape[1], shape[1])
    across = (levels[:, columns].astype(np.int32) * column_parts[None, :, :, None]).sum(axis=2)
    down = ((across >> 4)[rows] * row_parts[:, :, None, None]) >> 16
    resized: UInt8 = ((down.sum(axis=1) + 2) >> 2).clip(0, 255).astype(np.uint8)
    return resized


def _between(old: int, new: int) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Return the two old pixels (new, 2) that each new one touches, and their parts of it [1 / 2048]."""
    enlarged = new / old
    position = np.floor(np.arange(new) * (1 / enlarged)).astype(np.intp)
    reach = (np.arange(1, new + 1) - (position + 1) * enlarged).astype(np.float32)
    second = np.where(reach > 0, reach - np.floor(reach), np.float32(0))
    parts = np.rint(np.stack([1 - second, second], axis=1) * _FIXED_POINT).astype(np.int32)
    return np.minimum(np.stack([position, position + 1], axis=1), old - 1), parts
