"""Where clicks go by each rule, with and without jitter."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.errors import InvalidRequest
from MedSegAICore.evaluation.click_curve import answers
from MedSegAICore.evaluation.next_click import ClickRule, next_click
from MedSegAICore.geometry import VolumeGeometry
from scipy import ndimage

GRID = VolumeGeometry.from_components((9, 21, 21), (1, 1, 3))
ISOTROPIC = VolumeGeometry.from_components(GRID.shape)
NOTHING = np.zeros(GRID.shape, bool)
LARGEST = ClickRule("largest")


def block(*cuts: tuple[int, int]) -> np.ndarray:
    mask = NOTHING.copy()
    mask[tuple(slice(*cut) for cut in cuts)] = True
    return mask


def voxel_of(click, geometry: VolumeGeometry = GRID) -> tuple[int, ...]:
    return tuple(geometry.voxels_at(click.position_ras)[0].tolist())


THICK, LONG = block((0, 5), (0, 5), (0, 5)), block((4, 7), (8, 11), (0, 20))
"""125 voxels, 5 thick, and 180 voxels, 3 thick."""


def test_one_rule_takes_the_thickest_error_and_the_other_the_largest():
    assert voxel_of(next_click(NOTHING, THICK | LONG, ISOTROPIC), ISOTROPIC) == (2, 2, 2)
    assert voxel_of(next_click(NOTHING, THICK | LONG, ISOTROPIC, rule=LARGEST), ISOTROPIC)[:2] == (5, 9)


def test_the_largest_error_joins_missed_and_added_voxels_that_touch_at_a_corner():
    missed, added = block((0, 2), (0, 2), (0, 2)), block((2, 5), (2, 5), (2, 5))
    alone = block((0, 2), (10, 14), (10, 14))  # 32 voxels: more than each part, fewer than both
    truth, prediction = missed | alone, added
    click = next_click(prediction, truth, GRID, rule=LARGEST)
    assert voxel_of(click) == (3, 3, 3)
    assert not click.positive
    assert voxel_of(next_click(prediction & ~added, truth, GRID, rule=LARGEST))[1] >= 10


def test_the_largest_error_is_measured_in_voxels_and_the_thickest_in_mm():
    slab, column = block((0, 3), (0, 9), (0, 9)), block((3, 9), (0, 5), (0, 5))
    assert voxel_of(next_click(NOTHING, slab | column, GRID, rule=LARGEST))[1:] == (2, 2)
    assert voxel_of(next_click(NOTHING, slab | column, GRID)) == (1, 4, 4)


def test_a_voxel_that_was_clicked_is_passed_over_by_the_thickest_rule():
    truth = block((4, 5), (10, 11), (3, 8))
    first = next_click(NOTHING, truth, GRID)
    second = next_click(NOTHING, truth, GRID, clicked=[first])
    assert voxel_of(first) != voxel_of(second)
    assert truth[voxel_of(second)]
    one_voxel = block((4, 5), (10, 11), (3, 4))
    only = next_click(NOTHING, one_voxel, GRID)
    assert next_click(NOTHING, one_voxel, GRID, clicked=[only]) is None


@pytest.mark.parametrize("error", ["thickest", "largest"])
def test_a_jittered_click_stays_deep_within_the_error_and_comes_from_the_seed(error):
    truth = block((0, 9), (3, 12), (4, 13))  # one voxel is deepest
    depth = ndimage.distance_transform_edt(np.pad(truth, 1))[1:-1, 1:-1, 1:-1]
    rule = ClickRule(error, jitter=0.5)

    def drawn(seed):
        return voxel_of(next_click(NOTHING, truth, ISOTROPIC, np.random.default_rng(seed), rule), ISOTROPIC)

    voxels = [drawn(seed) for seed in range(20)]
    assert all(depth[voxel] >= 0.5 * depth.max() for voxel in voxels)
    assert len(set(voxels)) > 10
    assert voxels == [drawn(seed) for seed in range(20)]


@pytest.mark.parametrize(("error", "jitter"), [("smallest", 0.0), ("thickest", 1.0), ("thickest", -0.1)])
def test_a_rule_that_does_not_exist_is_refused(error, jitter):
    with pytest.raises(InvalidRequest):
        ClickRule(error, jitter)


def test_without_a_box_the_first_answer_is_to_the_first_click():
    truth = block((2, 7), (4, 12), (5, 15))
    given = list(answers(truth, GRID, lambda _: NOTHING, 3, box_first=False))
    assert [len(answer.prompts) for answer in given] == [1, 2, 3]
    assert voxel_of(given[0].prompts[0])[0] == 4
    assert len({voxel_of(click) for click in given[-1].prompts}) == 3
