"""What a click alone points at on its slice, before anything else is known.

Around the click lies a family of nested regions: the pixels that differ from the click's surroundings by at most
a tolerance and hang together with it through passages wider than a radius (connected thresholds, opened). How such
a region looks tells how likely it is a structure: how strong the image's edges are along its border, how little it
grows with the tolerance (maximally stable regions, Matas et al. 2002), how compact it is, how large, and how deep
within it the click lies. A regression turns these looks into the overlap that is to be expected, and the answer is
the mean of the family, weighted by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...engine.run import Run
from ...volume import nonzero_bounds
from .arrays import Float32, Float64, Mask

Pixel = tuple[int, int]

OVERVIEW = 128
"""Pixels across the slice as a whole, about."""
CLOSE_UP = 64
"""Pixels across the view of the click's surroundings."""
QUANTILES = tuple(np.linspace(0.01, 1, 9)[:-1] ** 1.3)
SHARES = (0.05, 0.1, 0.2, 0.3, 0.45, 0.65)
"""Tolerances that are tried: quantiles of the difference from the click, and shares of nearly the largest one."""
RADII = (0, 1, 2, 4)
"""Half widths of the passages that close [pixels]."""
SMALLEST = 5
"""Pixels of the smallest region that counts."""
SOFTNESS = 0.04
"""Difference of expected overlap over which a region's weight falls by e."""

EXPECTED = -0.4552
COEFFICIENTS = (
    (0.0404, -0.0831),
    (0.0716, 0.0296),
    (-0.1865, 0.0440),
    (-0.1509, 0.0299),
    (-0.2529, -0.0518),
    (-0.3543, -0.0891),
    (0.3249, -0.0849),
    (0.4067, -0.0819),
    (-0.0167, -0.0167),
)
"""Constant, and linear and square coefficient of each look.

Fitted by `Testing/Benchmarks/fit_click_region.py`, which names the images: sets under Apache-2.0, CC BY, CC0, MIT, BSD
and public-domain terms. No set under share-alike or non-commercial terms took part.
"""


@dataclass(frozen=True, eq=False)
class View:
    """A part of the slice at some resolution.

    Parameters
    ----------
    pixels
        Intensities (rows, columns) in any unit.
    click
        The clicked pixel (row, column).
    factor
        Pixels of the slice per pixel of the view along each side.
    corner
        First pixel (row, column) of the slice that the view shows.
    """

    pixels: Float64
    click: Pixel
    factor: int
    corner: Pixel

    def spread(self, values: NDArray[Any], shape: tuple[int, int]) -> tuple[slice, slice, NDArray[Any]]:
        """Return where the view lies in a slice of `shape`, and the view's values there."""
        fine = values.repeat(self.factor, axis=0).repeat(self.factor, axis=1)
        rows, columns = (
            slice(start, min(start + size, limit))
            for start, size, limit in zip(self.corner, fine.shape, shape, strict=True)
        )
        return rows, columns, fine[: rows.stop - rows.start, : columns.stop - columns.start]

    def holds(self, region: Mask, pixels: NDArray[np.int64]) -> bool:
        """Tell whether a region of the view holds one of some pixels (n, 2) of the slice."""
        here = (pixels - np.array(self.corner)) // self.factor
        here = here[((here >= 0) & (here < np.array(region.shape))).all(axis=1)]
        return bool(region[tuple(here.T)].any())


def views_of(pixels: Float64, click: Pixel) -> tuple[View, ...]:
    """Return the slice as a whole, reduced, and where that is much larger, the surroundings of the click."""
    factor = max(1, -(-max(pixels.shape) // OVERVIEW))
    padded = np.pad(pixels, [(0, -size % factor) for size in pixels.shape], mode="edge")
    rows, columns = (size // factor for size in padded.shape)
    reduced = padded.reshape(rows, factor, columns, factor).mean(axis=(1, 3))
    overview = View(reduced, (click[0] // factor, click[1] // factor), factor, (0, 0))
    if max(pixels.shape) <= CLOSE_UP:
        return (overview,)
    corner = tuple(
        max(0, min(at - CLOSE_UP // 2, size - CLOSE_UP)) for at, size in zip(click, pixels.shape, strict=True)
    )
    row, column = corner
    surroundings = pixels[row : row + CLOSE_UP, column : column + CLOSE_UP]
    return overview, View(surroundings, (click[0] - row, click[1] - column), 1, (row, column))


def region_of_click(pixels: Float64, click: Pixel, shut_out: NDArray[np.int64], run: Run) -> Float32 | None:
    """Return the probability (rows, columns) of the structure that was clicked; None if nothing stands out.

    Parameters
    ----------
    pixels
        Intensities (rows, columns) of the slice.
    click
        The clicked pixel (row, column).
    shut_out
        Pixels (n, 2) that are known to be outside.
    run
        Cancel.
    """
    found = [
        (view, region, expected_overlap(looks))
        for index, view in enumerate(views_of(pixels, click))
        for region, looks in regions_around(view, index == 1, run)
        if not view.holds(region, shut_out)
    ]
    if not found:
        return None
    scores = np.array([score for _, _, score in found])
    weights = np.exp((scores - scores.max()) / SOFTNESS)
    weights /= weights.sum()
    likely: dict[View, Float64] = {}
    for (view, region, _), weight in zip(found, weights, strict=True):
        likely[view] = likely.get(view, 0.0) + weight * region
    probability = np.zeros(pixels.shape, dtype=np.float32)
    for view, values in likely.items():
        rows, columns, fine = view.spread(values, (pixels.shape[0], pixels.shape[1]))
        probability[rows, columns] += fine.astype(np.float32)
    return probability


def expected_overlap(looks: Float64) -> float:
    """Return the Dice overlap with a structure that is to be expected of a region that looks so."""
    linear, square = np.array(COEFFICIENTS).T
    return float(EXPECTED + looks @ linear + looks**2 @ square)


def regions_around(view: View, is_close_up: bool, run: Run) -> Iterator[tuple[Mask, Float64]]:
    """Yield the regions (rows, columns) around the click of a view, each with its looks (9,)."""
    smooth = ndimage.gaussian_filter(view.pixels, 0.7)
    row, column = view.click
    around = smooth[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3]
    difference = np.abs(smooth - np.median(around))
    edges = np.hypot(ndimage.sobel(smooth, 0), ndimage.sobel(smooth, 1))
    mean_edge = float(edges.mean())
    if not mean_edge > 0:
        return
    edges = edges / mean_edge
    families: dict[int, list[Mask]] = {radius: [] for radius in RADII}
    for tolerance in _tolerances(difference):
        run.check()
        similar = difference <= tolerance
        for radius in RADII:
            core = ~_grown(~similar, radius)
            if core[view.click]:
                families[radius].append(_connected(core, view.click, radius))
    for family in families.values():
        sizes = [int(np.count_nonzero(region)) for region in family]
        for index, region in enumerate(family):
            run.check()
            size, larger = sizes[index], sizes[index + 1] if index + 1 < len(sizes) else region.size
            if size < SMALLEST or size == larger:  # too small, or found again with the next tolerance
                continue
            growth = np.log(larger / size), np.log(size / sizes[index - 1]) if index else 1.0
            yield region, _looks(region, edges, view.click, growth, is_close_up)


def _tolerances(difference: Float64) -> Float64:
    *levels, largest = np.quantile(difference, (*QUANTILES, 0.99))
    return np.unique([*levels, *(largest * share for share in SHARES)])


def _connected(core: Mask, click: Pixel, radius: int) -> Mask:
    """Return the part of a core that was clicked, grown back by the radius it was eroded with, holes filled."""
    parts, _ = ndimage.label(core)
    part = parts == parts[click]
    cut = _around(part, radius + 1)
    near = _grown(part[cut], radius)
    beyond, _ = ndimage.label(np.pad(~near, 1, constant_values=True))  # its first part surrounds everything
    part[cut] = (beyond != beyond[0, 0])[1:-1, 1:-1]
    return np.asarray(part)


def _grown(region: Mask, radius: int) -> Mask:
    """Return the pixels within `radius` [pixels] of a region: a fast case of thresholding the distance from it."""
    rows, columns = region.shape
    wide, grown = region.copy(), np.zeros_like(region)
    for half in range(radius + 1):  # half the width of the disk in some of its rows
        wide[:, half:] |= region[:, : max(columns - half, 0)]
        wide[:, : max(columns - half, 0)] |= region[:, half:]
        for up in range(radius + 1):
            if isqrt(radius**2 - up**2) == half:
                grown[up:] |= wide[: max(rows - up, 0)]
                grown[: max(rows - up, 0)] |= wide[up:]
    return grown


def _around(region: Mask, margin: int) -> tuple[slice, slice]:
    """Return where a region lies, and a margin around it."""
    bounds = nonzero_bounds(region[None])
    assert bounds is not None  # noqa: S101  the clicked pixel is in it
    rows, columns = (slice(max(0, cut.start - margin), cut.stop + margin) for cut in bounds[1:])
    return rows, columns


def _looks(region: Mask, edges: Float64, click: Pixel, growth: tuple[float, float], is_close_up: bool) -> Float64:
    """Return how a region looks (9,).

    These are log edge strength along its border, mean and 20th percentile; log growth to the next larger and
    from the next smaller region; log compactness; log share of the view; depth of the click as share of the
    region's; log side [pixels]; 1 in a close-up.
    """
    size, share = float(np.count_nonzero(region)), float(np.mean(region))
    cut = _around(region, 1)
    region, edges, click = region[cut], edges[cut], (click[0] - cut[0].start, click[1] - cut[1].start)
    padded = np.pad(region, 1)
    rim = region & _grown(~padded, 1)[1:-1, 1:-1]
    along = edges[rim | (_grown(region, 1) & ~region)]
    depth = ndimage.distance_transform_edt(padded)[1:-1, 1:-1]
    return np.array(
        [
            np.log(along.mean() + 0.1),
            np.log(np.percentile(along, 20) + 0.1),
            min(growth[0], 3.0),
            min(growth[1], 3.0),
            np.log(np.sqrt(size) / np.count_nonzero(rim)),
            np.log(share) / 2,
            depth[click] / depth.max(),
            np.log(size) / 2,
            float(is_close_up),
        ]
    )
