"""Resize pictures bilinearly between pixels, as networks expect whose pictures torch enlarged."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]


def resize_linear(pixels: NDArray[Any], shape: tuple[int, int]) -> Float32:
    """Return a picture (rows, columns, channels) of another `shape` (rows, columns), float32.

    That is `torch.nn.functional.interpolate` with the mode "bilinear": corners of pixels are aligned, not their
    centres, each side is scaled by its own factor, and nothing is smoothed where it shrinks.
    """
    across = _between(pixels.astype(np.float32).transpose(1, 0, 2), shape[1]).transpose(1, 0, 2)
    return _between(across, shape[0])


def _between(pixels: Float32, length: int) -> Float32:
    old = pixels.shape[0]
    position = np.maximum((np.arange(length) + 0.5) * (old / length) - 0.5, 0)
    first = np.minimum(position.astype(np.intp), old - 1)
    part = (position - first).astype(np.float32)[:, None, None]
    blended: Float32 = (1 - part) * pixels[first] + part * pixels[np.minimum(first + 1, old - 1)]
    return blended
