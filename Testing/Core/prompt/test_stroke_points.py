"""Points that stand for strokes and areas."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.prompt.stroke_points import POINTS_PER_STROKE, stroke_points
from scipy.spatial.distance import pdist


def disk(shape, row, column, radius):
    rows, columns = np.indices(shape)
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


def test_no_stroke_gives_no_points():
    assert stroke_points(np.zeros((5, 5), np.bool_)).shape == (0, 2)


def test_a_dot_gives_one_point_at_its_centre():
    assert stroke_points(disk((40, 60), 12, 30, 5)).tolist() == [[30, 12]]


def test_a_single_pixel_gives_itself():
    mask = np.zeros((9, 9), np.bool_)
    mask[0, 8] = True
    assert stroke_points(mask).tolist() == [[8, 0]]


def test_a_long_stroke_gives_points_on_its_middle_line_that_are_well_apart():
    mask = np.zeros((50, 200), np.bool_)
    mask[20:27, 10:190] = True
    points = stroke_points(mask)
    assert len(points) == POINTS_PER_STROKE
    assert set(points[:, 1]) == {23}
    assert pdist(points).min() > 30
    assert np.ptp(points[:, 0]) > 160


def test_two_strokes_give_points_each():
    mask = disk((60, 60), 10, 10, 4) | disk((60, 60), 45, 40, 6)
    assert sorted(stroke_points(mask).tolist()) == [[10, 10], [40, 45]]


def test_a_bent_stroke_keeps_its_points_on_the_stroke():
    ring = disk((80, 80), 40, 40, 30) & ~disk((80, 80), 40, 40, 25)
    points = stroke_points(ring).astype(int)
    assert ring[points[:, 1], points[:, 0]].all()
    assert len(points) == POINTS_PER_STROKE


def test_the_points_of_an_area_stay_away_from_its_rim():
    area = np.zeros((100, 140), np.bool_)
    area[20:80, 20:120] = True
    points = stroke_points(area)
    assert points[:, 1] == pytest.approx(50, abs=16)
    assert points[:, 0].min() >= 34
    assert points[:, 0].max() <= 105
