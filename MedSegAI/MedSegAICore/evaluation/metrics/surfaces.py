"""How far two surfaces lie from each other, every piece of surface weighted by its area.

The definition is that of DeepMind's surface-distance (Nikolov et al. 2018, arXiv:1809.04430): a piece of surface
sits at every corner where voxels of the mask and of the background meet, and its area is that of the marching-cubes
surface there. The areas come from that package. Its function for the distances does not run with NumPy 2 and needs
5 GB for a large volume, so that the distances come from SimpleITK's exact distance map (Maurer et al. 2003).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ...errors import PackageMissing

Float64 = NDArray[np.float64]
Mask = NDArray[np.bool_]

ROUNDING = 1e-5
"""By how much a distance may pass a limit [mm]: spacings in headers and distances in maps are float32."""


@dataclass(frozen=True, eq=False)
class Surface:
    """The surface of a mask, in pieces.

    Parameters
    ----------
    corners
        Where the pieces sit among the corners of all voxels, bool, one larger than the mask along each axis.
    areas
        Area of each piece [mm^2] in the order of the array; of a contour, its length [mm].
    """

    corners: Mask
    areas: Float64


@dataclass(frozen=True, eq=False)
class OneWay:
    """Distances of all pieces of one surface to the nearest piece of another, near ones first.

    Parameters
    ----------
    distances
        Distance of each piece [mm], rising.
    areas
        Area of each piece, in the same order.
    """

    distances: Float64
    areas: Float64

    def area_within(self, tolerance: float) -> float:
        """Return the area of all pieces that lie at most `tolerance` [mm] from the other surface."""
        last = np.searchsorted(self.distances, tolerance + ROUNDING, side="right")
        return float(self.areas[:last].sum())

    def percentile(self, percent: float) -> float:
        """Return the distance [mm] that `percent` of the area does not exceed."""
        share = np.cumsum(self.areas) / self.areas.sum()
        at = int(np.searchsorted(share, percent / 100.0))
        return float(self.distances[min(at, len(self.distances) - 1)])

    def mean(self) -> float:
        """Return the mean distance [mm] over the area."""
        return float(np.average(self.distances, weights=self.areas))


@dataclass(frozen=True, eq=False)
class SurfaceDistances:
    """Distances between two surfaces, seen from each of them."""

    from_prediction: OneWay
    from_truth: OneWay

    def overlap(self, tolerance: float) -> float:
        """Return the share (0..1) of both surfaces together that lies at most `tolerance` [mm] from the other."""
        sides = (self.from_prediction, self.from_truth)
        return sum(side.area_within(tolerance) for side in sides) / float(sum(side.areas.sum() for side in sides))

    def robust_hausdorff(self, percent: float) -> float:
        """Return the larger of the two directed percentiles [mm]."""
        return max(self.from_prediction.percentile(percent), self.from_truth.percentile(percent))

    def symmetric_mean(self) -> float:
        """Return the mean of the two directed mean distances [mm]."""
        return (self.from_prediction.mean() + self.from_truth.mean()) / 2.0


def surface_distances_between(prediction: Mask, truth: Mask, spacing: Sequence[float]) -> SurfaceDistances:
    """Return the distances between the surfaces of two masks.

    Parameters
    ----------
    prediction, truth
        Masks (j, i) or (k, j, i) bool on one grid, neither of them empty. The image's border counts as background.
    spacing
        Distance between voxels along each axis [mm].

    Raises
    ------
    PackageMissing
        The package 'surface-distance' is not installed.
    """
    areas = _areas_by_code(spacing)
    ours, theirs = (_surface(mask, areas) for mask in (prediction, truth))
    return SurfaceDistances(_one_way(ours, theirs, spacing), _one_way(theirs, ours, spacing))


def _areas_by_code(spacing: Sequence[float]) -> Float64:
    """Return the area of the surface at a corner for all 16 or 256 ways to fill the voxels around it."""
    try:
        from surface_distance import lookup_tables
    except ImportError as error:
        message = "The Python package 'surface-distance' is not installed; distances between surfaces need it."
        raise PackageMissing(message, "Install it with: pip install surface-distance") from error
    if len(spacing) == 2:
        table = lookup_tables.create_table_neighbour_code_to_contour_length(spacing)
    else:
        table = lookup_tables.create_table_neighbour_code_to_surface_area(spacing)
    return np.asarray(table, dtype=np.float64)


def _surface(mask: Mask, areas: Float64) -> Surface:
    codes: NDArray[Any] = np.pad(mask, 1).view(np.uint8)
    bits = 1
    for axis in reversed(range(mask.ndim)):  # joins the codes of neighbors; the first one gives the higher bits
        before, after = (codes[(slice(None),) * axis + (cut,)] for cut in (slice(None, -1), slice(1, None)))
        codes = (before << bits) | after
        bits *= 2
    corners = (codes != 0) & (codes != len(areas) - 1)
    return Surface(corners, areas[codes[corners]])


def _one_way(start: Surface, goal: Surface, spacing: Sequence[float]) -> OneWay:
    image = sitk.GetImageFromArray(goal.corners.view(np.uint8))
    image.SetSpacing([float(mm) for mm in reversed(spacing)])
    outline = sitk.SignedMaurerDistanceMap(image, False, False, True)
    distances = sitk.GetArrayViewFromImage(outline)[start.corners].astype(np.float64)
    distances = np.maximum(distances, 0.0)  # corners inside thick clumps have a negative distance to their outline
    order = np.argsort(distances, kind="stable")
    return OneWay(distances[order], start.areas[order])
