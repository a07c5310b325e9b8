"""A slice and what was drawn on it, as ScribblePrompt-UNet takes them: five pictures of its own size.

Wong et al., ScribblePrompt: Fast and Flexible Interactive Segmentation for Any Biomedical Image, ECCV 2024.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from .picture import Shape
from .segmenter import Float32, Mask, SlicePrompts

Pixels = NDArray[np.int64]


def scribble_channels(picture: Float32, shape: Shape, prompts: SlicePrompts, logits: Float32 | None) -> Tensor:
    """Return the network's input (1, 5, size, size) float32: picture, box, inside, outside, logits.

    Scribbles are stretched to the square; boxes and clicks become whole pixels of it.

    Parameters
    ----------
    picture
        Slice in [0, 1], as large as the network's input (size, size).
    shape
        Number of (rows, columns) of the slice that was drawn on.
    prompts
        What was drawn on it. A lasso counts as a scribble; the first guess is not looked at.
    logits
        Answer to the prompts before (size, size), or None.
    """
    size = picture.shape[0]
    channels = torch.zeros(5, size, size)
    channels[0] = torch.from_numpy(picture.copy())
    if prompts.box_xyxy is not None:
        left, top, right, bottom = box_pixels(prompts.box_xyxy, shape, size)
        channels[1, top:bottom, left:right] = 1
    for channel, drawn, positive in ((2, prompts.inside, True), (3, prompts.outside, False)):
        clicks = click_pixels(prompts.points_xy[prompts.points_positive == positive], shape, size)
        channels[channel] = _marked(drawn, clicks, size)
    if logits is not None:
        channels[4] = torch.from_numpy(logits.astype(np.float32))
    return channels[None]


def click_pixels(points_xy: NDArray[np.float64], shape: Shape, size: int) -> Pixels:
    """Return the pixels (n, 2) of the input as (column, row) for clicks on a slice of (rows, columns) `shape`."""
    clicked = np.clip(np.rint(points_xy), 0, np.array(shape[::-1]) - 1)
    return _truncated(clicked, shape, size)


def box_pixels(box_xyxy: NDArray[np.float64], shape: Shape, size: int) -> Pixels:
    """Return (left, top, right, bottom) in pixels of the input; right and bottom are the first beyond the box.

    `box_xyxy` has the first and last columns and rows of a slice of (rows, columns) `shape`, in any order.
    """
    corners = np.rint(box_xyxy).reshape(2, 2)
    edges = np.stack([corners.min(axis=0), corners.max(axis=0) + 1])
    return _truncated(np.clip(edges, 0, np.array(shape[::-1])), shape, size).reshape(4)


def _truncated(positions_xy: NDArray[np.float64], shape: Shape, size: int) -> Pixels:
    pixels: Pixels = (positions_xy * size / np.array(shape[::-1])).astype(np.int64)
    return pixels


def _marked(drawn: Mask | None, clicks_xy: Pixels, size: int) -> Tensor:
    marks = torch.zeros(size, size) if drawn is None else _stretched(drawn, size)
    columns, rows = torch.from_numpy(clicks_xy).unbind(1)
    marks[rows, columns] = 1
    return marks


def _stretched(values: Mask, size: int) -> Tensor:
    # as the authors do it, without smoothing before shrinking
    picture = torch.from_numpy(values.astype(np.float32))[None, None]
    return functional.interpolate(picture, (size, size), mode="bilinear", align_corners=False)[0, 0]
