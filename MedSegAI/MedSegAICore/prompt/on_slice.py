"""Prompts on one slice: from the world to pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..geometry import Float64
from ..prompts import BoxPrompt, LassoPrompt, MaskPrompt, PointPrompt, Prompt, ScribblePrompt
from .grid import SliceGrid, section_of
from .segmenter import Mask, SlicePrompts

PARALLEL = 0.99
"""Cosine between the normals of a flat prompt and a slice from which the prompt lies on the slice (8 degrees)."""


def prompts_on_slice(prompts: tuple[Prompt, ...], grid: SliceGrid) -> tuple[SlicePrompts, int]:
    """Return the prompts that lie on a slice, in pixels, and how many of them do.

    Each is a correction of what comes before it, in the order in which they were placed; masks, as first
    guesses, come before all others.
    """
    here = [prompt for prompt in prompts if lies_on(prompt, grid)]
    placed = SlicePrompts(np.empty((0, 2)), np.empty(0, dtype=np.bool_))
    for prompt in sorted(here, key=lambda prompt: not isinstance(prompt, MaskPrompt)):
        earlier = placed if has_positive(placed) else None
        placed = replace(_with(placed, prompt, grid), earlier=earlier)
    return placed, len(here)


def _with(placed: SlicePrompts, prompt: Prompt, grid: SliceGrid) -> SlicePrompts:
    """Add one prompt to those of a slice."""
    if isinstance(prompt, PointPrompt):
        points = np.concatenate([placed.points_xy, grid.pixels_of(prompt.position_ras)])
        return replace(placed, points_xy=points, points_positive=np.append(placed.points_positive, prompt.positive))
    if isinstance(prompt, BoxPrompt):
        around = _around(placed.box_xyxy, _box_pixels(prompt, grid))
        return replace(placed, box_xyxy=around, box_is_cut=placed.box_is_cut or not prompt.is_flat)
    if isinstance(prompt, ScribblePrompt):
        drawn = _stroke(prompt, grid)
    elif isinstance(prompt, LassoPrompt):
        drawn = polygon_mask(grid.pixels_of(prompt.points_ras), grid.shape)
    else:
        drawn = grid.cut_patch(prompt.patch) > 0
    if not prompt.positive:
        return replace(placed, outside=_united(placed.outside, drawn))
    if isinstance(prompt, MaskPrompt):
        guess = placed.previous_mask
        return replace(placed, previous_mask=drawn.astype(np.float32) if guess is None else np.maximum(guess, drawn))
    enclosed = _united(placed.enclosed, drawn) if isinstance(prompt, LassoPrompt) else placed.enclosed
    return replace(placed, inside=_united(placed.inside, drawn), enclosed=enclosed)


def _united(first: Mask | None, second: Mask) -> Mask | None:
    """Return the pixels of both pictures, or None if there are none."""
    if not second.any():
        return first
    return second if first is None else first | second


def has_positive(prompts: SlicePrompts) -> bool:
    """Tell whether anything on the slice says what is inside."""
    guess = prompts.previous_mask
    return bool(
        prompts.points_positive.any()
        or prompts.box_xyxy is not None
        or prompts.inside is not None
        or (guess is not None and guess.any())
    )


def lies_on(prompt: Prompt, grid: SliceGrid) -> bool:
    """Tell whether any part of a prompt lies on the slice; outlines must be drawn on it."""
    if isinstance(prompt, PointPrompt):
        return bool(grid.on_slice(prompt.position_ras)[0])
    if isinstance(prompt, ScribblePrompt):
        return bool(grid.on_slice(dense_path(prompt.points_ras, min(grid.spacing_mm) / 2)).any())
    if isinstance(prompt, BoxPrompt):
        if prompt.is_flat:
            parallel = abs(float(prompt.plane.normal_ras @ grid.plane.normal_ras)) > PARALLEL
            return parallel and bool(grid.on_slice(prompt.center_ras)[0])
        distance = grid.plane.distance_mm(prompt.corners_ras())
        passes = bool(distance.min() <= 0 <= distance.max())
        return passes or bool(grid.on_slice(prompt.center_ras)[0])  # a box thinner than a slice is on one
    if isinstance(prompt, LassoPrompt):
        return bool(grid.on_slice(prompt.points_ras).all())
    return bool((grid.cut_patch(prompt.patch) > 0).any())


def _box_pixels(box: BoxPrompt, grid: SliceGrid) -> Float64:
    """Return the box (first and last column and row) around what a box cuts out of the slice."""
    corners = grid.pixels_of(_outline(box, grid))
    low, high = corners.min(axis=0) + 0.5, corners.max(axis=0) - 0.5
    middle = (low + high) / 2  # a box narrower than a pixel is one pixel wide
    limit = np.array(grid.shape[::-1]) - 1
    low, high = np.clip(np.minimum(low, middle), 0, limit), np.clip(np.maximum(high, middle), 0, limit)
    return np.concatenate([low, high])


def _around(first: Float64 | None, second: Float64) -> Float64:
    """Return the box around two boxes."""
    if first is None:
        return second
    return np.concatenate([np.minimum(first[:2], second[:2]), np.maximum(first[2:], second[2:])])


def _outline(box: BoxPrompt, grid: SliceGrid) -> Float64:
    """Return positions (n, 3) around what a slice cuts out of a box; all its corners if it is flat or too thin."""
    corners = box.corners_ras()
    section = corners[:0] if box.is_flat else section_of(corners, grid.plane)
    return section if len(section) else corners


def _stroke(scribble: ScribblePrompt, grid: SliceGrid) -> Mask:
    """Return the pixels within the pen's radius of the part of a stroke on the slice; at least those it passes."""
    path = dense_path(scribble.points_ras, min(grid.spacing_mm) / 2)
    path = grid.pixels_of(path[grid.on_slice(path)])[:, ::-1]  # row, column
    spacing, shape = np.array(grid.spacing_mm), np.array(grid.shape)
    picture = np.zeros(grid.shape, dtype=np.bool_)
    passed = np.round(path).astype(np.int64)
    picture[tuple(passed[((passed >= 0) & (passed < shape)).all(axis=1)].T)] = True
    reach = scribble.radius_mm / spacing
    low = np.clip(np.ceil(path.min(axis=0) - reach), 0, shape).astype(int)
    high = np.clip(np.floor(path.max(axis=0) + reach) + 1, low, shape).astype(int)
    window = picture[low[0] : high[0], low[1] : high[1]]
    if window.size:
        from scipy.spatial import cKDTree  # takes long to open; who only asks what lies on a slice does without

        centres = (np.indices(window.shape).reshape(2, -1).T + low) * spacing
        distance, _ = cKDTree(path * spacing).query(centres, distance_upper_bound=scribble.radius_mm + 1e-6)
        window |= np.isfinite(distance).reshape(window.shape)
    return picture


def dense_path(points_ras: Float64, step_mm: float) -> Float64:
    """Return positions (n, 3) along a path, at most `step_mm` apart."""
    if len(points_ras) == 1:
        return points_ras
    lengths = np.linalg.norm(np.diff(points_ras, axis=0), axis=1)
    counts = np.maximum(np.ceil(lengths / step_mm).astype(int), 1)
    parts = [
        start + np.arange(count)[:, None] / count * (end - start)
        for start, end, count in zip(points_ras[:-1], points_ras[1:], counts, strict=True)
    ]
    return np.concatenate([*parts, points_ras[-1:]])


def polygon_mask(outline_xy: Float64, shape: tuple[int, int]) -> Mask:
    """Return the pixels (rows, columns) whose centres lie inside a closed outline (n, 2) of (column, row).

    A centre is inside if a ray from it crosses the outline an odd number of times.
    """
    picture = np.zeros(shape, dtype=np.bool_)
    columns = np.arange(shape[1])
    start, end = outline_xy, np.roll(outline_xy, -1, axis=0)
    for row in range(max(0, int(outline_xy[:, 1].min())), min(shape[0], int(outline_xy[:, 1].max()) + 2)):
        crosses = (start[:, 1] <= row) != (end[:, 1] <= row)
        a, b = start[crosses], end[crosses]
        at = a[:, 0] + (row - a[:, 1]) / (b[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0])
        picture[row] = (at[:, None] > columns).sum(axis=0) % 2 == 1
    return picture
