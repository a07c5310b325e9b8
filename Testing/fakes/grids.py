"""Grids in every storage order, turned every way, for tests and property tests."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
from hypothesis import strategies as st
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.volume import ImageVolume
from scipy.spatial.transform import Rotation

ORDERS_AND_FLIPS = [(order, flips) for order in permutations(range(3)) for flips in product((1, -1), repeat=3)]
"""All 48 ways to store a volume: which old axis each new one is, and the steps along them."""

SOME_ORDERS_AND_FLIPS = ORDERS_AND_FLIPS[::9]

spacings = st.tuples(*[st.floats(0.3, 6.0)] * 3)
origins = st.tuples(*[st.floats(-300.0, 300.0)] * 3)
shapes = st.tuples(*[st.integers(1, 9)] * 3)


@st.composite
def geometries(draw, shapes=shapes) -> VolumeGeometry:
    """Draw a grid of any size, spacing, place, order, flip and direction."""
    turn = [draw(st.floats(-180.0, 180.0)) for _ in range(3)]
    order, flips = draw(st.sampled_from(ORDERS_AND_FLIPS))
    axes = Rotation.from_euler("xyz", turn, degrees=True).as_matrix()[:, list(order)] * flips
    return VolumeGeometry.from_components(draw(shapes), draw(spacings), draw(origins), axes)


def stored_as(array: np.ndarray, geometry: VolumeGeometry, order, flips) -> tuple[np.ndarray, VolumeGeometry]:
    """Return the same voxels at the same places in the world, stored in another order."""
    first_kji = np.array([0 if step > 0 else geometry.shape[axis] - 1 for axis, step in zip(order, flips, strict=True)])
    first_ijk = np.zeros(3)
    columns = []
    for axis, start, step in zip(order, first_kji, flips, strict=True):
        first_ijk[2 - axis] = start
        columns.append(geometry.ijk_to_ras[:3, 2 - axis] * step)
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack(columns[::-1], axis=1)
    matrix[:3, 3] = geometry.to_ras(first_ijk)[0]
    stored = array.transpose(order)[tuple(slice(None, None, step) for step in flips)]
    return np.ascontiguousarray(stored), VolumeGeometry(stored.shape, matrix)


def image_stored_as(image: ImageVolume, order, flips) -> ImageVolume:
    """Return the same image, its voxels stored in another order."""
    return ImageVolume(*stored_as(image.array, image.geometry, order, flips))
