"""Saved markups as prompts."""

from __future__ import annotations

import json

import numpy as np
import pytest
from MedSegAICore.errors import InvalidRequest, UnsupportedPrompt
from MedSegAICore.markups import read_markups, region_prompt
from MedSegAICore.prompts import LassoPrompt, ScribblePrompt


@pytest.fixture
def saved(tmp_path):
    def save(kind, *positions, **fields):
        points = [{"position": list(position), "positionStatus": "defined"} for position in positions]
        markup = {"type": kind, "coordinateSystem": "LPS", "coordinateUnits": "mm", "controlPoints": points, **fields}
        path = tmp_path / "markups.mrk.json"
        path.write_text(json.dumps({"markups": [markup]}))
        return path

    return save


@pytest.mark.parametrize(("system", "expected"), [("LPS", (-1, -2, 3)), ("RAS", (1, 2, 3))])
def test_points_come_back_in_the_ras_world(saved, system, expected):
    (point,) = read_markups(saved("Fiducial", (1, 2, 3), coordinateSystem=system), positive=False)
    np.testing.assert_array_equal(point.position_ras, expected)
    assert not point.positive


def test_points_that_are_not_placed_are_left_out(saved):
    points = [{"position": "", "positionStatus": "missing"}, {"position": [1, 2, 3]}]
    (point,) = read_markups(saved("Fiducial", controlPoints=points))
    np.testing.assert_array_equal(point.position_ras, (-1, -2, 3))


def test_an_oriented_roi_keeps_its_axes(saved):
    turned = [0, -1, 0, 1, 0, 0, 0, 0, 1]
    (box,) = read_markups(saved("ROI", center=[1, 2, 3], orientation=turned, size=[10, 20, 30]))
    np.testing.assert_array_equal(box.center_ras, (-1, -2, 3))
    np.testing.assert_array_equal(box.size_mm, (10, 20, 30))
    np.testing.assert_array_equal(box.axes_ras, [[0, 1, 0], [-1, 0, 0], [0, 0, 1]])


def test_a_roi_without_depth_is_a_flat_box(saved):
    upright = [1, 0, 0, 0, 1, 0, 0, 0, 1]
    (box,) = read_markups(saved("ROI", center=[1, 2, 3], orientation=upright, size=[0, 20, 30]))
    assert box.is_flat
    np.testing.assert_array_equal(np.abs(box.plane.normal_ras), (1, 0, 0))


def test_curves_are_scribbles_and_closed_curves_lassos(saved):
    corners = [(0, 0, 0), (10, 0, 0), (0, 10, 0)]
    assert isinstance(read_markups(saved("Curve", *corners))[0], ScribblePrompt)
    assert isinstance(read_markups(saved("Line", *corners[:2]))[0], ScribblePrompt)
    assert isinstance(read_markups(saved("ClosedCurve", *corners))[0], LassoPrompt)


def test_markups_that_cannot_be_prompts_are_refused(saved):
    with pytest.raises(UnsupportedPrompt, match="'Angle'"):
        read_markups(saved("Angle", (0, 0, 0)))


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"coordinateSystem": "IJK"}, "'IJK'"),
        ({"coordinateUnits": "inch"}, "'inch'"),
        ({"controlPoints": None}, "not a complete markups file"),
        ({"controlPoints": [{"position": [1, "x", 3]}]}, "not a complete markups file"),
        ({"controlPoints": [{"position": [1, 2]}]}, "not a complete markups file"),
        ({"controlPoints": [{"position": [1, 2, float("nan")]}]}, "not finite"),
    ],
)
def test_bad_fields_are_refused_by_name(saved, fields, complaint):
    with pytest.raises(InvalidRequest, match=complaint):
        read_markups(saved("Fiducial", **fields))


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"markups": 3}', '{"markups": [3]}', "\x00"])
def test_a_file_that_is_no_markups_file_is_refused(tmp_path, text):
    path = tmp_path / "markups.mrk.json"
    path.write_text(text)
    with pytest.raises(InvalidRequest, match="not a complete markups file"):
        read_markups(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InvalidRequest, match="cannot be read"):
        read_markups(tmp_path / "none.mrk.json")


def test_a_region_is_a_box_of_twice_its_radii():
    box = region_prompt([1, 2, 3, 5, 10, 15])
    np.testing.assert_array_equal(box.center_ras, (1, 2, 3))
    np.testing.assert_array_equal(box.size_mm, (10, 20, 30))
    with pytest.raises(InvalidRequest, match="six numbers"):
        region_prompt([1, 2, 3])
