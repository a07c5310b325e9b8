"""Known slices of a query, on boxes of other resolutions."""

from __future__ import annotations

import numpy as np
import pytest
from fakes.people import person
from MedSegAICore.fewshot.registered.grids import coarse_image, grid_around, normalised
from MedSegAICore.fewshot.registered.known_slices import UNKNOWN, KnownSlice, classes_on, structures_on
from scipy import ndimage


@pytest.fixture(scope="module")
def drawn():
    return person(0)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("spacing", [(2.0, 2.5, 3.0), (1.0, 1.25, 1.5), (4.0, 5.0, 6.0)])
def test_a_slice_lies_where_it_is_whatever_the_resolution(drawn, axis, spacing):
    labels = drawn.label_map(("liver", "kidney"))  # (k, j, i) canonical, as is what follows
    place = int(np.argmax((labels > 0).sum(axis=tuple(other for other in range(3) if other != axis))))
    image = normalised(drawn.image)
    grid = grid_around(image, labels > 0, 2, spacing)
    known = [KnownSlice(axis, place, np.take(labels, place, axis=axis))]
    found = classes_on(grid, coarse_image(image), drawn.image, known)

    told = found != UNKNOWN
    rows = np.flatnonzero(told.any(axis=tuple(other for other in range(3) if other != axis)))
    assert len(rows) == 1
    assert np.take(told, rows[0], axis=axis).all()
    spots = np.argwhere(structures_on(grid, coarse_image(image), drawn.image, known))
    points = [grid.TransformIndexToPhysicalPoint([int(n) for n in spot[::-1]]) for spot in spots]
    voxels = np.array([image.TransformPhysicalPointToContinuousIndex(point)[::-1] for point in points])
    assert np.abs(voxels[:, axis] - place).max() <= max(0.5, 0.5 * spacing[2 - axis] / image.GetSpacing()[2 - axis])
    voxels[:, axis] = place
    expected = ndimage.map_coordinates(labels, voxels.T.round(), order=0)
    assert np.mean(expected == found[tuple(spots.T)]) > 0.85


def test_nothing_is_known_without_slices_or_beside_the_box(drawn):
    labels, image = drawn.label_map(("liver", "kidney")), normalised(drawn.image)
    grid = grid_around(image, labels > 0, 0, (2.0, 2.5, 3.0))
    beside = [KnownSlice(0, 0, labels[0])]
    for known in ([], beside):
        assert (classes_on(grid, coarse_image(image), drawn.image, known) == UNKNOWN).all()
