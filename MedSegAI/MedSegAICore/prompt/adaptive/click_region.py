"""What a click alone points at on its slice, before anything else is known.

Around the click lies a family of nested regions, see `nested_regions`. A regression turns the looks of each into the
overlap with a structure that is to be expected, and the answer is the mean of the family, weighted by it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...engine.run import Run
from .arrays import Float32, Float64
from .click_view import Pixel, View, views_of
from .nested_regions import NestedRegion, regions_around

SOFTNESS = 0.04
"""Difference of expected overlap over which a region's weight falls by e."""
NEGLIGIBLE = 1e-4
"""Regions of less weight than this share of the largest are left out: all together they change nothing visible."""

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
"""Constant, and linear and square coefficient of each look. The overlap grows with the depth of the click.

Fitted by `Testing/Benchmarks/fit_click_region.py`, which names the images: sets under Apache-2.0, CC BY, CC0, MIT, BSD
and public-domain terms. No set under share-alike or non-commercial terms took part.
"""


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
        (view, region)
        for index, view in enumerate(views_of(pixels, click))
        for region in regions_around(view, index == 1, run)
        if not view.holds(region.mask, shut_out)
    ]
    if not found:
        return None
    weights = weights_of([region for _, region in found], run)
    likely: dict[View, Float64] = {}
    for (view, region), weight in zip(found, weights, strict=True):
        if weight > 0:
            likely[view] = likely.get(view, 0.0) + weight * region.mask
    probability = np.zeros(pixels.shape, dtype=np.float32)
    for view, values in likely.items():
        rows, columns, fine = view.spread(values, (pixels.shape[0], pixels.shape[1]))
        probability[rows, columns] += fine.astype(np.float32)
    return probability


def weights_of(regions: Sequence[NestedRegion], run: Run) -> Float64:
    """Return the weight of each region, together 1; that of a negligible one is 0.

    How deep a click lies takes the longest to find out, so this is asked only about regions that may count. They come
    in the order of the overlap that would be expected if the click lay deepest.
    """
    bounds = np.array([expected_overlap(region.looks_if_deepest) for region in regions])
    scores, least = np.full(len(regions), -np.inf), -np.inf
    for number in np.argsort(-bounds):
        if bounds[number] < least:
            break
        run.check()
        scores[number] = expected_overlap(regions[number].looks())
        least = max(least, float(scores[number]) + SOFTNESS * np.log(NEGLIGIBLE))
    weights = np.exp((scores - scores.max()) / SOFTNESS)
    weights[scores < least] = 0
    return np.asarray(weights / weights.sum())


def expected_overlap(looks: Float64) -> float:
    """Return the Dice overlap with a structure that is to be expected of a region that looks so."""
    linear, square = np.array(COEFFICIENTS).T
    return float(EXPECTED + looks @ linear + looks**2 @ square)
