from __future__ import annotations

import numpy as np
import pytest
from fakes.grids import ORDERS_AND_FLIPS, stored_as
from MedSegAICore.evaluation.click_curve import click_curve, dice
from MedSegAICore.evaluation.next_click import ClickRule, first_box, next_click
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.prompts import BoxPrompt, PointPrompt
from MedSegAICore.volume import ImageVolume
from scipy.spatial.transform import Rotation

GRID = VolumeGeometry.from_components((9, 21, 21), (1, 1, 3))
NOTHING = np.zeros(GRID.shape, bool)
OBLIQUE = Rotation.from_euler("xyz", (10, -15, 25), degrees=True).as_matrix()


def block(*cuts: tuple[int, int]) -> np.ndarray:
    mask = NOTHING.copy()
    mask[tuple(slice(*cut) for cut in cuts)] = True
    return mask


def voxel_of(click: PointPrompt, geometry: VolumeGeometry = GRID) -> tuple[int, ...]:
    return tuple(geometry.voxels_at(click.position_ras)[0].tolist())


def test_nothing_is_asked_when_nothing_is_wrong():
    truth = block((2, 5), (3, 8), (3, 8))
    assert next_click(truth, truth, GRID) is None
    assert next_click(NOTHING, NOTHING, GRID) is None


def test_the_click_is_the_voxel_farthest_from_the_border_of_the_error():
    click = next_click(NOTHING, block((1, 8), (4, 17), (5, 18)), GRID)
    assert click.positive
    assert voxel_of(click) == (4, 10, 11)


def test_the_thicker_error_is_clicked_first_and_says_which_way():
    truth, prediction = block((2, 7), (1, 4), (1, 4)), block((1, 8), (8, 19), (8, 19))
    assert not next_click(prediction, truth, GRID).positive
    assert voxel_of(next_click(prediction, truth, GRID)) == (4, 13, 13)
    assert next_click(truth, prediction, GRID).positive


def test_of_equal_errors_the_missed_one_is_clicked():
    assert next_click(block((4, 5), (1, 4), (1, 4)), block((4, 5), (9, 12), (9, 12)), GRID).positive


def test_the_border_of_the_image_counts_as_edge():
    everything = np.ones(GRID.shape, bool)
    assert voxel_of(next_click(NOTHING, everything, GRID)) == (4, 10, 10)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("error", ["thickest", "largest"])
def test_on_a_picture_depth_is_measured_within_it(axis, error):
    rows, columns = np.indices((40, 60))
    drop = ((rows - 12) ** 2 + (columns - 20) ** 2 <= 64) | ((abs(rows - 12) <= 1) & (columns > 20) & (columns < 55))
    truth = np.expand_dims(drop, axis)
    grid = VolumeGeometry.from_components(truth.shape, (0.7, 0.7, 0.7))
    click = next_click(np.zeros_like(truth), truth, grid, rule=ClickRule(error))
    assert np.delete(voxel_of(click, grid), axis).tolist() == [12, 20]
    everything = np.expand_dims(np.ones((41, 61), bool), axis)
    grid = VolumeGeometry.from_components(everything.shape)
    middle = next_click(np.zeros_like(everything), everything, grid, rule=ClickRule(error))
    assert np.delete(voxel_of(middle, grid), axis)[0] == 20  # its border counts as edge


def test_depth_is_measured_in_millimetres():
    thick_in_voxels, thick_in_mm = block((0, 1), (0, 5), (0, 5)), block((3, 8), (12, 17), (12, 17))
    anisotropic = VolumeGeometry.from_components(GRID.shape, (0.5, 0.5, 10))
    assert voxel_of(next_click(NOTHING, thick_in_voxels | thick_in_mm, GRID))[0] > 2
    flat = VolumeGeometry.from_components(GRID.shape, (5, 5, 0.1))
    slab, column = block((0, 9), (0, 3), (0, 3)), block((4, 5), (8, 21), (8, 21))
    assert voxel_of(next_click(NOTHING, slab | column, anisotropic), anisotropic)[1] > 7
    assert voxel_of(next_click(NOTHING, slab | column, flat), flat)[1] < 3


def test_ties_are_drawn_by_the_seed_and_only_among_the_deepest():
    line = block((4, 5), (10, 11), (2, 19))
    drawn = [voxel_of(next_click(NOTHING, line, GRID, np.random.default_rng(seed))) for seed in range(8)]
    again = [voxel_of(next_click(NOTHING, line, GRID, np.random.default_rng(seed))) for seed in range(8)]
    assert drawn == again
    assert len(set(drawn)) > 1
    assert all(line[voxel] for voxel in drawn)
    assert voxel_of(next_click(NOTHING, line, GRID)) == (4, 10, 10)


@pytest.mark.parametrize(("order", "flips"), ORDERS_AND_FLIPS)
def test_the_first_box_is_tight_on_the_middle_slice_in_every_storage_order(order, flips):
    first = VolumeGeometry.from_components((7, 8, 9), (0.8, 1.1, 3.0), (5, 6, 7), OBLIQUE)
    truth = np.zeros(first.shape, bool)
    truth[1:6, 2:7, 3:5] = True
    truth[3, 1, 4] = True
    stored, geometry = stored_as(truth, first, order, flips)
    for axis in range(3):
        box = first_box(stored, geometry, axis)
        ijk = geometry.to_ijk(box.corners_ras())[:, ::-1]
        low, high = ijk.min(axis=0), ijk.max(axis=0)
        middle = round(low[axis])
        assert low[axis] == pytest.approx(high[axis], abs=1e-9)
        voxels = np.argwhere(np.take(stored, [middle], axis=axis))
        used = np.flatnonzero(stored.any(axis=tuple(other for other in range(3) if other != axis)))
        assert abs(middle - (used[0] + used[-1]) / 2) <= 0.5
        others = [other for other in range(3) if other != axis]
        assert low[others] == pytest.approx(voxels.min(axis=0)[others] - 0.5)
        assert high[others] == pytest.approx(voxels.max(axis=0)[others] + 0.5)
        assert box.is_flat


def test_the_first_box_takes_a_slice_that_the_structure_has():
    two_parts = block((0, 2), (3, 6), (3, 6)) | block((7, 9), (3, 6), (3, 6))
    assert GRID.voxels_at(first_box(two_parts, GRID).center_ras)[0, 0] in (1, 7)


def test_an_empty_structure_has_no_first_box():
    with pytest.raises(ValueError, match="empty"):
        first_box(NOTHING, GRID)


def test_dice_of_known_masks():
    assert dice(block((0, 2), (0, 2), (0, 2)), block((0, 2), (0, 2), (1, 3))) == 0.5
    assert dice(NOTHING, NOTHING) == 1
    assert dice(NOTHING, ~NOTHING) == 0


def test_the_curve_goes_on_until_nothing_is_wrong_or_the_clicks_are_used_up():
    truth = block((2, 7), (4, 12), (5, 15))
    image = ImageVolume(truth.astype(np.float32), GRID)

    def grows_by_clicks(prompts):
        mask = block((4, 5), (4, 12), (5, 15))
        for prompt in prompts[1:]:
            mask[voxel_of(prompt)] = truth[voxel_of(prompt)]
        return mask

    curve = click_curve(image, truth, grows_by_clicks, 5)
    assert len(curve.dice) == len(curve.seconds) == len(curve.prompts) == 6
    assert isinstance(curve.prompts[0], BoxPrompt)
    assert all(isinstance(prompt, PointPrompt) and prompt.positive for prompt in curve.prompts[1:])
    assert np.all(np.diff(curve.dice) > 0)
    perfect = click_curve(image, truth, lambda _: truth, 5)
    assert perfect.dice == (1.0,)
    assert len(perfect.prompts) == 1
    assert len(click_curve(image, truth, grows_by_clicks, 0).dice) == 1
