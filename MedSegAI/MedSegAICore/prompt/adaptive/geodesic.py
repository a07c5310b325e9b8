"""Distances that grow faster across image edges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...engine.run import Run
from .arrays import Float32

FAR = np.float32(1e6)
"""Stands for a distance that no path within the region has [mm]."""


def geodesic_distance(
    source: NDArray[np.bool_], cost: Float32, spacing_mm: NDArray[np.float64], sweeps: int, run: Run
) -> Float32:
    """Return the length of the cheapest path from the source to every voxel.

    Raster sweeps along each axis in both directions (Toivanen, Pattern Recognition Letters 1996, on the
    6-neighbourhood); `sweeps` rounds are exact for paths that turn as often.

    Parameters
    ----------
    source
        Voxels (k, j, i) at distance 0.
    cost
        Price of one millimetre within each voxel [1/mm], at least 1.
    spacing_mm
        Distance between voxels along (k, j, i) [mm].
    sweeps
        Rounds over all directions.
    run
        Progress and cancel.
    """
    distance = np.where(source, np.float32(0), FAR).astype(np.float32)
    for _ in range(sweeps):
        for axis in range(3):
            run.check()
            layers = np.moveaxis(distance, axis, 0)
            prices = np.moveaxis(cost, axis, 0)
            steps = (prices[1:] + prices[:-1]) * np.float32(spacing_mm[axis] / 2)
            for index in range(1, len(layers)):
                np.minimum(layers[index], layers[index - 1] + steps[index - 1], out=layers[index])
            for index in range(len(layers) - 2, -1, -1):
                np.minimum(layers[index], layers[index + 1] + steps[index], out=layers[index])
    return distance
