"""Nested regions around a click, and how they look.

They are the pixels that differ from the click's surroundings by at most a tolerance and hang together with it through
passages wider than a radius (connected thresholds, opened). How such a region looks tells how likely it is a
structure: how strong the image's edges are along its border, how little it grows with the tolerance (maximally stable
regions, Matas et al. 2002), how compact it is, how large, and how deep within it the click lies.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isqrt
from typing import TypeVar

import numpy as np
from scipy import ndimage

from ...engine.run import Run
from .arrays import Float64, Mask
from .click_view import Pixel, View

QUANTILES = tuple(np.linspace(0.01, 1, 9)[:-1] ** 1.3)
SHARES = (0.05, 0.1, 0.2, 0.3, 0.45, 0.65)
"""Tolerances that are tried: quantiles of the difference from the click, and shares of nearly the largest one."""
RADII = (0, 1, 2, 4)
"""Half widths of the passages that close [pixels]."""
SMALLEST = 5
"""Pixels of the smallest region that counts."""
_NEIGHBOURS = ndimage.generate_binary_structure(2, 1)
_Values = TypeVar("_Values", Mask, Float64)

DEPTH = 6
"""Which of a region's looks is the depth of the click."""
FAINT = 20
"""Percentile of the edges along a border that tells how strong they are where they are weak."""


@dataclass(frozen=True, eq=False)
class NestedRegion:
    """A region that was found around a click.

    Parameters
    ----------
    mask
        It in its view (rows, columns).
    click
        The clicked pixel (row, column) of the view.
    looks_if_deepest
        How it looks (9,), were there no pixel deeper inside than the clicked one.
    """

    mask: Mask
    click: Pixel
    looks_if_deepest: Float64

    def looks(self) -> Float64:
        """Return how it looks (9,).

        These are log edge strength along its border, mean and 20th percentile; log growth to the next larger and
        from the next smaller region; log compactness; log share of the view; depth of the click as share of the
        region's; log side [pixels]; 1 in a close-up.
        """
        rows, columns = _around(self.mask, 1)
        depth = ndimage.distance_transform_edt(_framed(self.mask[rows, columns]))
        looks = self.looks_if_deepest.copy()
        looks[DEPTH] = depth[self.click[0] - rows.start + 1, self.click[1] - columns.start + 1] / depth.max()
        return looks


def regions_around(view: View, is_close_up: bool, run: Run) -> Iterator[NestedRegion]:
    """Yield the regions around the click of a view."""
    smooth = ndimage.gaussian_filter(view.pixels, 0.7)
    row, column = view.click
    around = smooth[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3]
    difference = np.abs(smooth - np.median(around))
    edges = np.hypot(ndimage.sobel(smooth, 0), ndimage.sobel(smooth, 1))
    mean_edge = float(edges.mean())
    if not mean_edge > 0:
        return
    edges, tolerances = edges / mean_edge, _tolerances(difference)
    families = [_family(difference, view.click, radius, tolerances, run) for radius in RADII]
    for family in families:
        sizes = [int(np.count_nonzero(region)) for region in family]
        for index, region in enumerate(family):
            run.check()
            size, larger = sizes[index], sizes[index + 1] if index + 1 < len(sizes) else region.size
            if size < SMALLEST or size == larger:  # too small, or found again with the next tolerance
                continue
            growth = np.log(larger / size), np.log(size / sizes[index - 1]) if index else 1.0
            yield NestedRegion(region, view.click, _looks_if_deepest(region, edges, growth, is_close_up))


def _tolerances(difference: Float64) -> Float64:
    *levels, largest = np.quantile(difference, (*QUANTILES, 0.99))
    return np.unique([*levels, *(largest * share for share in SHARES)])


def _family(difference: Float64, click: Pixel, radius: int, tolerances: Float64, run: Run) -> list[Mask]:
    """Return the regions whose passages are wider than a radius, from the smallest on.

    Parameters
    ----------
    difference
        From the click, of each pixel (rows, columns).
    click
        The clicked pixel (row, column).
    radius
        Half width of the passages that close [pixels].
    tolerances
        Of these differences, rising.
    run
        Cancel.
    """
    highest = _grown(difference, radius)  # a pixel is in the core if all around it are similar
    family, cut = list[Mask](), (slice(0, difference.shape[0]), slice(0, difference.shape[1]))
    for tolerance in tolerances[::-1]:
        run.check()
        core = highest[cut] <= tolerance
        at = click[0] - cut[0].start, click[1] - cut[1].start
        if not core[at]:
            break
        parts, _ = ndimage.label(core, _NEIGHBOURS)
        core = parts == parts[at]
        whole = np.zeros(difference.shape, dtype=np.bool_)
        whole[cut] = core
        cut = _around(whole, 0)  # what is found with less tolerance lies inside
        family.append(_grown_back(whole, radius))
    return family[::-1]


def _grown_back(core: Mask, radius: int) -> Mask:
    """Return a core with what it was eroded by, its holes filled."""
    cut, region = _around(core, radius + 1), core.copy()
    near = _grown(core[cut], radius)
    beyond, _ = ndimage.label(~_framed(near), _NEIGHBOURS)  # its first part surrounds everything
    region[cut] = (beyond != beyond[0, 0])[1:-1, 1:-1]
    return region


def _grown(values: _Values, radius: int) -> _Values:
    """Return the largest of the values, 0 or more, within `radius` [pixels] of each pixel; True for a mask."""
    rows, columns = values.shape
    wide, grown = values.copy(), values.copy()
    for half in range(radius + 1):  # half the width of the disk in some of its rows
        _raise(wide[:, half:], values[:, : max(columns - half, 0)])
        _raise(wide[:, : max(columns - half, 0)], values[:, half:])
        for up in range(radius + 1):
            if isqrt(radius**2 - up**2) == half:
                _raise(grown[up:], wide[: max(rows - up, 0)])
                _raise(grown[: max(rows - up, 0)], wide[up:])
    return grown


def _raise(values: _Values, least: _Values) -> None:
    """Raise values in place to others where these are larger."""
    np.maximum(values, least, out=values)


def _around(region: Mask, margin: int) -> tuple[slice, slice]:
    """Return where a region lies, which has a pixel at least, and a margin around it."""
    rows, columns = (np.flatnonzero(region.any(axis=across)) for across in (1, 0))
    return (
        slice(max(0, int(rows[0]) - margin), int(rows[-1]) + 1 + margin),
        slice(max(0, int(columns[0]) - margin), int(columns[-1]) + 1 + margin),
    )


def _looks_if_deepest(region: Mask, edges: Float64, growth: tuple[float, float], is_close_up: bool) -> Float64:
    """Return how a region looks (9,) apart from the depth of the click, see `NestedRegion.looks`."""
    size, share = float(np.count_nonzero(region)), float(np.mean(region))
    cut = _around(region, 1)
    region, edges = region[cut], edges[cut]
    rim = region & _grown(~_framed(region), 1)[1:-1, 1:-1]
    along = np.sort(edges[rim | (_grown(region, 1) & ~region)])
    faint = np.interp(FAINT / 100 * (len(along) - 1), np.arange(len(along)), along)
    return np.array(
        [
            np.log(along.mean() + 0.1),
            np.log(faint + 0.1),
            min(growth[0], 3.0),
            min(growth[1], 3.0),
            np.log(np.sqrt(size) / np.count_nonzero(rim)),
            np.log(share) / 2,
            1.0,
            np.log(size) / 2,
            float(is_close_up),
        ]
    )


def _framed(region: Mask) -> Mask:
    """Return a region with a rim of pixels around it that are outside."""
    framed = np.zeros((region.shape[0] + 2, region.shape[1] + 2), dtype=np.bool_)
    framed[1:-1, 1:-1] = region
    return framed
