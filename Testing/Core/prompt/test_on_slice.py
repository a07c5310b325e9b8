from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.prompt.grid import grid_of_plane, grid_of_slice
from MedSegAICore.prompt.on_slice import dense_path, has_positive, lies_on, polygon_mask, prompts_on_slice
from MedSegAICore.prompts import BoxPrompt, LassoPrompt, MaskPrompt, PointPrompt, ScribblePrompt, SlicePlane
from MedSegAICore.volume import VolumePatch
from scipy.spatial.transform import Rotation

# canonical: i to the left, j to the back, k upwards; a voxel (k, j, i) lies at RAS (-i, -j, 2k)
GRID = VolumeGeometry.from_components((9, 30, 40), (1, 1, 2), axes_ras=np.diag([-1, -1, 1]))
SLICE = grid_of_slice(GRID, 0, 4)
coordinates = st.tuples(st.floats(-5, 35), st.floats(-5, 25))


def ras(column: float, row: float, slice_index: float = 4) -> tuple[float, float, float]:
    return (-column, -row, 2 * slice_index)


def brute_force_polygon(outline, shape) -> np.ndarray:
    """Even-odd test of each pixel centre by the sum of the angles that the outline turns around it."""
    outline = np.asarray(outline, float)
    picture = np.zeros(shape, bool)
    for row in range(shape[0]):
        for column in range(shape[1]):
            crossings = 0
            for (x0, y0), (x1, y1) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
                if (y0 > row) != (y1 > row) and column < x0 + (row - y0) * (x1 - x0) / (y1 - y0):
                    crossings += 1
            picture[row, column] = crossings % 2 == 1
    return picture


@given(st.lists(coordinates, min_size=3, max_size=9))
@settings(max_examples=60, deadline=None)
def test_a_polygon_covers_the_pixels_of_the_even_odd_rule(outline):
    # off the pixel centres, where rounding may decide
    outline = np.round(np.array(outline), 1) + np.array([0.037, 0.0531])
    assert np.array_equal(polygon_mask(outline, (20, 30)), brute_force_polygon(outline, (20, 30)))


def test_polygons_that_share_an_edge_share_no_pixel():
    left, right = [(0, 0), (5, 0), (5, 8), (0, 8)], [(5, 0), (9, 0), (9, 8), (5, 8)]
    both = [polygon_mask(np.array(outline, float), (10, 12)).astype(int) for outline in (left, right)]
    assert sum(both).max() == 1
    assert sum(both).sum() == 9 * 8


@given(st.lists(st.tuples(*[st.floats(-50, 50)] * 3), min_size=1, max_size=6), st.floats(0.2, 5))
@settings(max_examples=60, deadline=None)
def test_a_dense_path_passes_its_points_in_small_steps(points, step):
    points = np.array(points)
    path = dense_path(points, step)
    assert np.linalg.norm(np.diff(path, axis=0), axis=1).max(initial=0) <= step + 1e-9
    assert all(np.linalg.norm(path - point, axis=1).min() < 1e-9 for point in points)


def test_points_land_on_their_pixels_with_their_sign():
    points = PointPrompt(ras(7.2, 3)), PointPrompt(ras(10, 20), positive=False), PointPrompt(ras(1, 1, 7))
    on_slice, count = prompts_on_slice(points, SLICE)
    assert count == 2
    assert np.allclose(on_slice.points_xy, [(7.2, 3), (10, 20)])
    assert on_slice.points_positive.tolist() == [True, False]
    assert has_positive(on_slice)
    assert not has_positive(prompts_on_slice(points[1:2], SLICE)[0])
    assert prompts_on_slice(points[2:], SLICE)[1] == 0


@pytest.mark.parametrize(("distance", "is_on"), [(0, True), (0.9, True), (-0.99, True), (1.01, False), (-3, False)])
def test_a_point_is_on_the_slice_within_its_thickness(distance, is_on):
    assert lies_on(PointPrompt((-5, -5, 8 + distance)), SLICE) == is_on
    assert lies_on(ScribblePrompt([(-5, -5, 8 + distance)], 3.0), SLICE) == is_on


def test_a_flat_box_covers_its_pixels_and_lies_on_its_slice_alone():
    box = BoxPrompt.on_plane(SLICE.plane, ras(9.5, 4.5), ras(20.5, 12.5))
    assert prompts_on_slice((box,), SLICE)[0].box_xyxy == pytest.approx([10, 5, 20, 12])
    assert not lies_on(box, grid_of_slice(GRID, 0, 5))
    assert not lies_on(box, grid_of_slice(GRID, 1, 8))


@pytest.mark.parametrize(("axis", "index"), [(1, 11), (2, 14)])
def test_a_flat_box_on_another_axis_covers_its_pixels(axis, index):
    grid = grid_of_slice(GRID, axis, index)
    corner, opposite = (grid.origin_ras + grid.steps_ras @ (row, column) for row, column in ((1.5, 3.5), (6.5, 9.5)))
    box = prompts_on_slice((BoxPrompt.on_plane(grid.plane, corner, opposite),), grid)[0].box_xyxy
    assert box == pytest.approx([4, 2, 9, 6])


def test_a_box_that_leaves_the_image_ends_at_its_border():
    box = BoxPrompt.on_plane(SLICE.plane, ras(-20, 10.5), ras(8.5, 99))
    assert prompts_on_slice((box,), SLICE)[0].box_xyxy == pytest.approx([0, 11, 8, 29])


def test_a_box_narrower_than_a_pixel_is_the_pixel_it_lies_on():
    box = BoxPrompt.on_plane(SLICE.plane, ras(9.9, 4.8), ras(10.2, 5.1))
    assert np.round(prompts_on_slice((box,), SLICE)[0].box_xyxy).tolist() == [10, 5, 10, 5]


def test_two_boxes_are_one_around_both():
    boxes = tuple(BoxPrompt.on_plane(SLICE.plane, ras(a - 0.5, 4.5), ras(a + 2.5, 8.5)) for a in (5, 15))
    assert prompts_on_slice(boxes, SLICE)[0].box_xyxy == pytest.approx([5, 5, 17, 8])


def test_a_deep_box_is_cut_by_the_slices_that_it_passes():
    box = BoxPrompt((-15, -10, 8), (8, 6, 7))
    on = [index for index in range(9) if lies_on(box, grid_of_slice(GRID, 0, index))]
    assert on == [3, 4, 5]
    assert prompts_on_slice((box,), SLICE)[0].box_xyxy == pytest.approx([11.5, 7.5, 18.5, 12.5])
    assert lies_on(box, grid_of_slice(GRID, 1, 9))


def test_a_box_with_depth_is_known_as_cut_and_a_flat_one_is_not():
    deep, flat = BoxPrompt((-15, -10, 8), (8, 6, 7)), BoxPrompt.on_plane(SLICE.plane, ras(9.5, 4.5), ras(20.5, 12.5))
    cut = [prompts_on_slice(boxes, SLICE)[0].box_is_cut for boxes in ((flat,), (deep,), (deep, flat), ())]
    assert cut == [False, True, True, False]


def test_a_turned_deep_box_is_as_wide_as_its_section():
    turned = Rotation.from_euler("y", 45, degrees=True).as_matrix()
    diamond = BoxPrompt((-15, -10, 8), (10, 6, 10), turned)  # 14 mm wide at its middle, a point at its ends
    widths = {}
    for index in (4, 6, 7):
        box = prompts_on_slice((diamond,), grid_of_slice(GRID, 0, index))[0].box_xyxy
        widths[index] = box[2] - box[0] + 1
    assert widths[4] == pytest.approx(np.hypot(10, 10))
    assert widths[6] == pytest.approx(np.hypot(10, 10) - 8)
    assert widths[7] == pytest.approx(np.hypot(10, 10) - 12)


def test_a_deep_box_thinner_than_a_slice_lies_on_the_nearest_slice():
    box = BoxPrompt((-15, -10, 8.6), (8, 6, 0.5))
    assert [index for index in range(9) if lies_on(box, grid_of_slice(GRID, 0, index))] == [4]
    assert prompts_on_slice((box,), SLICE)[0].box_xyxy == pytest.approx([11.5, 7.5, 18.5, 12.5])


@given(st.lists(coordinates, min_size=1, max_size=4), st.floats(0, 6))
@settings(max_examples=60, deadline=None)
def test_a_stroke_covers_what_its_round_pen_covers(points, radius):
    scribble = ScribblePrompt([ras(x, y) for x, y in points], radius)
    drawn = prompts_on_slice((scribble,), SLICE)[0].inside
    path = -dense_path(scribble.points_ras, 0.1)[:, :2]
    rows, columns = np.indices(SLICE.shape)
    distance = np.sqrt(((columns[..., None] - path[:, 0]) ** 2 + (rows[..., None] - path[:, 1]) ** 2).min(axis=-1))
    drawn = np.zeros(SLICE.shape, bool) if drawn is None else drawn
    assert drawn[distance <= radius - 0.1].all()
    assert not drawn[distance > max(radius + 0.01, 0.8)].any()
    passed = np.round(path).astype(int)[:, ::-1]
    passed = passed[((passed >= 0) & (passed < SLICE.shape)).all(axis=1)]
    assert len(passed) == 0 or drawn.any()


def test_a_pen_is_round_in_mm_on_an_anisotropic_slice():
    grid = grid_of_slice(GRID, 1, 10)  # rows of 2 mm, columns of 1 mm
    drawn = prompts_on_slice((ScribblePrompt([(-20, -10, 8)], 4.0),), grid)[0].inside
    rows, columns = np.nonzero(drawn)
    assert (np.ptp(rows), np.ptp(columns)) == (4, 8)


@pytest.mark.parametrize("points", [[(-9, 5), (-9, 20)], [(10, -15), (30, -15)], [(70, 5), (70, 9)]])
def test_a_stroke_beside_the_image_marks_nothing(points):
    drawn = prompts_on_slice((ScribblePrompt([ras(x, y) for x, y in points], 3.0),), SLICE)[0]
    assert drawn.inside is None
    assert not has_positive(drawn)


def test_the_part_of_a_stroke_beyond_the_border_is_cut_off():
    inner = ScribblePrompt([ras(5, 10), ras(0, 10)], 0.4)
    through = ScribblePrompt([ras(5, 10), ras(-20, 10), ras(-20, 25)], 0.4)
    whole, cut = (prompts_on_slice((stroke,), SLICE)[0].inside for stroke in (inner, through))
    assert np.array_equal(whole, cut)


def test_only_the_part_of_a_stroke_on_the_slice_is_drawn():
    rising = ScribblePrompt([ras(5, 10, 2), ras(35, 10, 6)], 0.5)
    columns = np.nonzero(prompts_on_slice((rising,), SLICE)[0].inside)[1]
    assert columns.min() == pytest.approx(16, abs=1)
    assert columns.max() == pytest.approx(24, abs=1)


def test_strokes_inside_and_outside_are_kept_apart():
    strokes = ScribblePrompt([ras(5, 5), ras(9, 5)], 1), ScribblePrompt([ras(20, 5)], 1, positive=False)
    on_slice = prompts_on_slice(strokes, SLICE)[0]
    assert not (on_slice.inside & on_slice.outside).any()
    assert on_slice.inside[5, 7]
    assert on_slice.outside[5, 20]
    assert on_slice.enclosed is None


def test_a_long_thick_stroke_is_drawn_while_a_person_waits():
    large = grid_of_slice(VolumeGeometry((1, 512, 512), np.diag([-0.7, -0.7, 3, 1])), 0, 0)
    angle = np.linspace(0, 20, 400)[:, None]
    points = (-180, -180, 0) + 150 * np.hstack([np.cos(angle), np.sin(angle), 0 * angle])
    began = time.perf_counter()
    drawn = prompts_on_slice((ScribblePrompt(points, 8.0),), large)[0].inside
    assert time.perf_counter() - began < 1.5
    assert drawn.sum() == pytest.approx(2 * np.pi * 150 * 16 / 0.49, rel=0.02)


def test_what_a_lasso_encloses_is_inside_and_known_as_enclosed():
    lasso = LassoPrompt([ras(4.5, 4.5), ras(12.5, 4.5), ras(12.5, 9.5), ras(4.5, 9.5)])
    stroke = ScribblePrompt([ras(30, 20)], 1)
    on_slice = prompts_on_slice((lasso, stroke), SLICE)[0]
    assert on_slice.enclosed.sum() == 8 * 5
    assert on_slice.enclosed[5:10, 5:13].all()
    assert (on_slice.inside & ~on_slice.enclosed).sum() > 0
    outside = LassoPrompt(lasso.points_ras, positive=False)
    negative = prompts_on_slice((outside,), SLICE)[0]
    assert negative.outside.sum() == 40
    assert negative.enclosed is None
    assert not lies_on(lasso, grid_of_slice(GRID, 0, 5))
    assert not lies_on(lasso, grid_of_slice(GRID, 1, 5))


def test_a_mask_is_a_first_guess_or_outside():
    array = np.zeros(GRID.shape, bool)
    array[4, 5:9, 6:12] = True
    patch = VolumePatch.whole(array, GRID).tight()
    guess = prompts_on_slice((MaskPrompt(patch),), SLICE)[0]
    assert np.array_equal(guess.previous_mask, array[4].astype(np.float32))
    assert guess.previous_mask.dtype == np.float32
    assert has_positive(guess)
    outside = prompts_on_slice((MaskPrompt(patch, positive=False),), SLICE)[0]
    assert np.array_equal(outside.outside, array[4])
    assert outside.previous_mask is None
    assert not lies_on(MaskPrompt(patch), grid_of_slice(GRID, 0, 3))


def test_prompts_drawn_on_an_oblique_plane_lie_on_it():
    center = GRID.to_ras((20, 15, 4))[0]
    plane = SlicePlane(center, (1, 0, 0), (0, -0.8, -0.6))
    grid = grid_of_plane(GRID, plane)
    place = {
        (x, y): plane.origin_ras + x * plane.right_ras + y * plane.down_ras for x in (-6, 0, 6) for y in (-5, 0, 5)
    }
    lasso = LassoPrompt([place[-6, -5], place[6, -5], place[6, 5], place[-6, 5]])
    prompts = (
        PointPrompt(place[0, 0]),
        BoxPrompt.on_plane(plane, place[-6, -5], place[6, 5]),
        ScribblePrompt([place[-6, 0], place[6, 0]], 1.0),
        lasso,
    )
    on_slice, count = prompts_on_slice(prompts, grid)
    assert count == 4
    assert on_slice.box_xyxy[2:] - on_slice.box_xyxy[:2] + 1 == pytest.approx([12, 10])
    assert on_slice.points_xy[0] == pytest.approx((on_slice.box_xyxy[:2] + on_slice.box_xyxy[2:]) / 2)
    assert on_slice.enclosed.sum() == pytest.approx(120, abs=12)
    assert on_slice.enclosed[tuple(np.round(on_slice.points_xy[0][::-1]).astype(int))]
    assert prompts_on_slice(prompts, SLICE)[1] == 2  # the point, and where the stroke passes
