"""The values that a request is made of."""

from __future__ import annotations

import numpy as np
import pytest
from fakes.grids import geometries
from hypothesis import given, settings
from hypothesis import strategies as st
from MedSegAICore.errors import (
    EngineFault,
    GeometryMismatch,
    InvalidRequest,
    MedSegAIError,
    PromptOutsideImage,
    error_from_message,
    error_to_message,
)
from MedSegAICore.prompts import BoxPrompt, LassoPrompt, PointPrompt, ScribblePrompt, SlicePlane
from MedSegAICore.request import CleanUp, IntensityWindow, PromptTask, VolumeScope

INFINITE = (0.0, np.inf, 0.0)
vectors = st.tuples(*[st.floats(-100, 100)] * 3).filter(lambda v: np.linalg.norm(v) > 1e-3)


@given(vectors, vectors, vectors)
@settings(max_examples=200, deadline=None)
def test_a_plane_is_made_of_unit_directions_at_right_angles(origin, right, down):
    if np.linalg.norm(np.cross(right, down)) < 1e-6 * np.linalg.norm(right) * np.linalg.norm(down):
        return
    plane = SlicePlane(origin, right, down)
    axes = np.stack([plane.right_ras, plane.down_ras, plane.normal_ras])
    assert np.allclose(axes @ axes.T, np.eye(3), atol=1e-9)
    assert np.allclose(plane.right_ras, np.asarray(right) / np.linalg.norm(right))
    assert abs(plane.distance_mm(np.add(origin, down))[0]) < 1e-6
    assert plane.distance_mm(origin + 3 * plane.normal_ras) == pytest.approx(3)
    again = SlicePlane(plane.origin_ras, plane.right_ras, plane.down_ras)
    assert again.down_ras.tobytes() == plane.down_ras.tobytes()


@pytest.mark.parametrize(
    ("right", "down"), [((0, 0, 0), (0, 1, 0)), ((1, 0, 0), (2, 0, 0)), ((1, 0, 0), (np.nan,) * 3)]
)
def test_a_plane_without_directions_is_refused_by_name(right, down):
    with pytest.raises(InvalidRequest):
        SlicePlane((0, 0, 0), right, down)


@given(geometries(), st.integers(0, 2), st.floats(0, 8))
@settings(max_examples=100, deadline=None)
def test_the_plane_of_a_slice_holds_its_voxels(geometry, axis, index):
    plane = SlicePlane.of_slice(geometry, axis, index)
    kji = np.argwhere(np.ones(geometry.shape)).astype(float)
    kji[:, axis] = index
    assert np.allclose(plane.distance_mm(geometry.to_ras(kji[:, ::-1])), 0, atol=1e-6)


@given(vectors, vectors, st.tuples(*[st.floats(-50, 50)] * 4))
@settings(max_examples=100, deadline=None)
def test_a_box_drawn_on_a_plane_has_its_corners(origin, right, ends):
    down = np.cross(right, (0.3, -0.7, 0.2) if abs(right[0]) > 1e-2 * np.linalg.norm(right) else (1, 0, 0))
    if np.linalg.norm(down) < 1e-3 * np.linalg.norm(right) or min(abs(ends[0] - ends[2]), abs(ends[1] - ends[3])) < 0.1:
        return
    plane = SlicePlane(origin, right, down)
    first, last = (plane.origin_ras + x * plane.right_ras + y * plane.down_ras for x, y in (ends[:2], ends[2:]))
    box = BoxPrompt.on_plane(plane, first, last)
    corners = box.corners_ras()
    assert box.is_flat
    assert np.allclose(box.plane.distance_mm(corners), 0, atol=1e-6)
    for corner in (first, last):
        assert np.linalg.norm(corners - corner, axis=1).min() < 1e-6
    assert np.allclose(np.linalg.norm(corners - box.center_ras, axis=1), np.linalg.norm(first - last) / 2)


def test_a_box_from_world_corners():
    box = BoxPrompt.from_corners((5, -2, 8), (1, 4, 2))
    assert box.center_ras.tolist() == [3, 1, 5]
    assert box.size_mm.tolist() == [4, 6, 6]
    assert sorted(map(tuple, box.corners_ras().tolist()))[0] == (1, -2, 2)
    assert not box.is_flat


@pytest.mark.parametrize(
    "make",
    [
        lambda: PointPrompt(INFINITE),
        lambda: PointPrompt((1, 2)),
        lambda: PointPrompt("abc"),
        lambda: BoxPrompt((0, 0, 0), (1, 0, 0)),
        lambda: BoxPrompt((0, 0, 0), (1, -1, 1)),
        lambda: BoxPrompt((0, 0, 0), (1, np.nan, 1)),
        lambda: BoxPrompt((0, 0, 0), (1, 1, 0), np.ones((3, 3))),
        lambda: BoxPrompt(INFINITE, (1, 1, 0)),
        lambda: ScribblePrompt([INFINITE]),
        lambda: ScribblePrompt([(0, 0, 0)], radius_mm=-1),
        lambda: ScribblePrompt([(0, 0, 0)], radius_mm=float("nan")),
        lambda: LassoPrompt([(0, 0, 0), (1, 0, 0)]),
        lambda: LassoPrompt([(0, 0, 0), (1, 0, 0), INFINITE]),
        lambda: LassoPrompt([(3, 3, 3)] * 4),
        lambda: LassoPrompt([(0, 0, 0), (1, 1, 0), (5, 5, 0), (2, 2, 0)]),
        lambda: IntensityWindow(5, 5),
        lambda: IntensityWindow(6, 5),
        lambda: IntensityWindow(0, float("inf")),
        lambda: VolumeScope(method="magic"),
        lambda: VolumeScope(direction="sideways"),
        lambda: VolumeScope(range_ras=np.zeros((2, 2))),
        lambda: VolumeScope(range_ras=np.array([(0, 0, 0), INFINITE])),
        lambda: CleanUp(smoothing_mm=-1),
        lambda: CleanUp(smoothing_mm=float("nan")),
        lambda: PromptTask((), threshold=0),
        lambda: PromptTask((), threshold=1),
        lambda: PromptTask((), threshold=float("nan")),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_name(make):
    with pytest.raises(InvalidRequest):
        make()


def test_strokes_without_three_coordinates_are_refused_by_name():
    with pytest.raises(GeometryMismatch):
        ScribblePrompt([(1, 2)])


@given(st.integers(3, 12), vectors, vectors)
@settings(max_examples=50, deadline=None)
def test_the_plane_of_a_lasso_holds_its_points(count, origin, right):
    down = np.cross(right, (1, 2, 3))
    if np.linalg.norm(down) < 1e-2 * np.linalg.norm(right):
        return
    plane = SlicePlane(origin, right, down)
    angle = np.linspace(0, 6, count)[:, None]
    points = plane.origin_ras + 20 * np.cos(angle) * plane.right_ras + 9 * np.sin(angle) * plane.down_ras
    assert np.allclose(LassoPrompt(points).plane.distance_mm(points), 0, atol=1e-6)


def test_prompts_keep_no_array_of_their_caller():
    position, stroke = np.zeros(3), np.zeros((4, 3))
    point, scribble = PointPrompt(position), ScribblePrompt(stroke)
    position[0] = stroke[0, 0] = 7
    assert point.position_ras[0] == scribble.points_ras[0, 0] == 0


def test_an_error_travels_as_text_and_comes_back_with_its_name():
    error = PromptOutsideImage("A point lies outside the image.", "Move it.")
    back = error_from_message(error_to_message(error))
    assert type(back) is PromptOutsideImage
    assert (back.message, back.advice) == (error.message, "Move it.")
    assert str(back) == "A point lies outside the image. Move it."


def test_an_error_without_advice_of_its_own_gives_that_of_its_kind():
    assert str(PromptOutsideImage("It is far away.")) == "It is far away. Move the prompt onto the image."


def test_an_unexpected_error_travels_as_a_fault():
    back = error_from_message(error_to_message(ZeroDivisionError("division by zero")))
    assert type(back) is EngineFault
    assert "ZeroDivisionError: division by zero" in str(back)
    assert isinstance(error_from_message({"type": "Unheard"}), MedSegAIError)
