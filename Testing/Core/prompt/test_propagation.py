from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import Cancelled, NoPositivePrompt
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.prompt.fusion import fuse_directions
from MedSegAICore.prompt.propagation import Walk, propagate
from MedSegAICore.prompt.segmenter import PROMPT_KINDS, Capabilities, SliceAnswer
from MedSegAICore.prompts import BoxPrompt, PointPrompt, SlicePlane
from MedSegAICore.request import IntensityWindow
from MedSegAICore.volume import ImageVolume
from scipy import ndimage

# canonical: a voxel (k, j, i) lies at RAS (-i, -j, 2k)
GRID = VolumeGeometry.from_components((24, 32, 32), (1, 1, 2), axes_ras=np.diag([-1, -1, 1]))
WINDOW = IntensityWindow(0, 100)


@dataclass
class Follower:
    """Takes what is bright and connected to a click, a box or the guess; nothing after a negative click."""

    capabilities: Capabilities = field(default_factory=lambda: Capabilities(PROMPT_KINDS, frozenset({2})))
    asked: list = field(default_factory=list)
    quality: float | None = None
    name: str = "follower"
    weights_hash: str = ""
    device: str = "cpu"

    def segment_slice(self, image, prompts, run):
        run.check()
        self.asked.append((image.key.split(maxsplit=1)[1], prompts))
        parts, _ = ndimage.label(image.pixels > 50)
        pointed = np.zeros(image.pixels.shape, bool)
        for (column, row), positive in zip(
            np.round(prompts.points_xy).astype(int), prompts.points_positive, strict=True
        ):
            if not positive:
                return self._answer(np.zeros(image.pixels.shape))
            pointed[row, column] = True
        if prompts.box_xyxy is not None and not pointed.any():
            first, last = prompts.box_xyxy[:2].astype(int), prompts.box_xyxy[2:].astype(int) + 1
            pointed[first[1] : last[1], first[0] : last[0]] = True
        if prompts.previous_mask is not None:
            pointed |= prompts.previous_mask >= 0.5
        touched = np.setdiff1d(np.unique(parts[pointed]), [0])
        return self._answer(np.where(np.isin(parts, touched), 0.9, 0.001))

    def _answer(self, probability):
        return SliceAnswer(probability.astype(np.float32), self.quality, warnings=("It was dark.",))

    def slices(self) -> list[int]:
        return [int(key.split()[-1]) for key, _ in self.asked]


def tube(first=5, last=17, radius=6, center=(16, 16)) -> np.ndarray:
    k, j, i = np.indices(GRID.shape)
    return ((j - center[0]) ** 2 + (i - center[1]) ** 2 <= radius**2) & (k >= first) & (k <= last)


def click(k, j=16, i=16, positive=True) -> PointPrompt:
    return PointPrompt(GRID.to_ras((i, j, k))[0], positive)


def walk_on(truth, *prompts, axis=0, limits=None, segmenter=None) -> Walk:
    image = ImageVolume(truth * np.float32(80) + 10, GRID)
    return Walk(image, segmenter or Follower(), prompts, WINDOW, axis, limits)


def found(walk: Walk) -> np.ndarray:
    return propagate(walk, Run()).probability.full() >= 0.5


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("start", [9, 14])
def test_a_walk_finds_the_structure_and_stops_at_its_end(axis, start):
    k, j, i = np.indices(GRID.shape)
    ball = ((k - 12) * 2) ** 2 + (j - 15) ** 2 + (i - 16) ** 2 <= 100
    place = [12, 15, 16]
    place[axis] = start
    walk = walk_on(ball, click(*place), axis=axis)
    result = found(walk)
    assert not (result & ~ball).any()
    assert (result & ball).sum() > 0.95 * ball.sum()
    used = np.flatnonzero(ball.any(axis=tuple(n for n in range(3) if n != axis)))
    asked = walk.segmenter.slices()
    assert min(asked) >= used[0] - 1
    assert max(asked) <= used[-1] + 1
    assert len(asked) == len(set(asked))


def test_a_walk_stops_where_the_area_jumps():
    truth = tube(5, 17)
    truth[12:, 4:28, 4:28] = True
    assert np.flatnonzero(found(walk_on(truth, click(8))).any(axis=(1, 2)))[-1] == 11


def test_a_walk_stops_where_the_structure_has_moved_away():
    truth = tube(5, 11, 4) | tube(12, 17, 4, (16, 22))
    assert np.flatnonzero(found(walk_on(truth, click(8))).any(axis=(1, 2)))[-1] == 11


def test_a_walk_stops_where_the_model_doubts_itself():
    result = found(walk_on(tube(), click(8), segmenter=Follower(quality=0.3)))
    assert np.flatnonzero(result.any(axis=(1, 2))).tolist() == [8]


def test_the_range_of_the_user_wins_over_the_end_of_the_structure_and_over_stopping():
    result = found(walk_on(tube(2, 20), click(10), limits=(7, 12)))
    assert np.flatnonzero(result.any(axis=(1, 2))).tolist() == list(range(7, 13))
    gap = tube(5, 17)
    gap[10:12] = False
    across_the_gap = found(walk_on(gap, click(7), limits=(5, 17)))
    assert np.array_equal(across_the_gap, gap)
    assert not found(walk_on(gap, click(7)))[12:].any()


def test_two_prompted_slices_meet_in_the_middle():
    walk = walk_on(tube(0, 23), click(4), click(13))
    result = found(walk)
    assert np.array_equal(result, tube(0, 23))
    asked = walk.segmenter.slices()
    assert sorted(asked) == list(range(24))
    assert asked[:2] == [4, 13]
    order = [asked.index(index) for index in range(24)]
    assert order[5] < order[6] < order[7] < order[8] < order[9]
    assert order[12] < order[11] < order[10] < order[9]


@pytest.mark.parametrize("second", [5, 6, 7, 8, 9])
def test_every_slice_between_two_prompted_ones_is_visited_once(second):
    walk = walk_on(tube(0, 23), click(4), click(second), limits=(4, second))
    assert np.array_equal(found(walk), tube(4, second))
    assert sorted(walk.segmenter.slices()) == list(range(4, second + 1))


def test_each_half_follows_the_prompt_on_its_side():
    # two tubes side by side: a click on each, and the border between them in the middle
    both = tube(0, 23, 5, (16, 8)) | tube(0, 23, 5, (16, 24))
    result = found(walk_on(both, click(4, i=8), click(11, i=24)))
    assert np.array_equal(result.any(axis=(1, 2)), np.ones(24, bool))
    assert result[:8, :, :16].any()
    assert not result[:8, :, 16:].any()
    assert not result[8:, :, :16].any()


def test_a_negative_click_on_a_later_slice_is_used_and_ends_the_walk():
    result = found(walk_on(tube(2, 20), click(8), click(13, positive=False)))
    assert np.flatnonzero(result.any(axis=(1, 2))).tolist() == list(range(2, 13))


def test_the_last_answer_is_the_next_guess_with_a_slightly_larger_box():
    walk = walk_on(tube(), click(8))
    found(walk)
    key, prompts = walk.segmenter.asked[1]
    assert key == "axis 0 slice 7"
    assert np.array_equal(prompts.previous_mask >= 0.5, tube()[8])
    assert np.all(prompts.box_xyxy[:2] < 10)
    assert np.all(prompts.box_xyxy[2:] > 22)
    assert np.all(np.abs(prompts.box_xyxy - [10, 10, 22, 22]) <= 3)


@pytest.mark.parametrize("kinds", [{"point", "box"}, {"point", "mask"}])
def test_a_model_gets_only_the_kinds_of_prompts_that_it_knows(kinds):
    follower = Follower(Capabilities(frozenset(kinds), frozenset({2})))
    assert np.array_equal(found(walk_on(tube(), click(8), segmenter=follower)), tube())
    later = [prompts for _, prompts in follower.asked[1:]]
    assert all((prompts.box_xyxy is not None) == ("box" in kinds) for prompts in later)
    assert all((prompts.previous_mask is not None) == ("mask" in kinds) for prompts in later)
    assert all(prompts.box_follows == ("box" in kinds) for prompts in later)


def test_the_answer_is_no_larger_than_what_was_found():
    answer = propagate(walk_on(tube(), click(8)), Run())
    assert answer.probability.offset == (5, 10, 10)
    assert answer.probability.array.shape == (13, 13, 13)
    assert answer.probability.array.dtype == np.float32


def test_a_warning_of_the_model_is_passed_on_once():
    assert propagate(walk_on(tube(), click(8)), Run()).warnings == ("It was dark.",)
    assert fuse_directions(walk_on(tube(), click(8)), Run()).warnings == ("It was dark.",)


def test_nothing_found_on_the_prompted_slice_is_an_empty_answer():
    walk = walk_on(tube(), click(8, 1, 1))
    assert propagate(walk, Run()).probability.array.size == 0
    assert walk.segmenter.slices() == [8]


@pytest.mark.parametrize("prompts", [(click(8, positive=False),), (click(8),)])
def test_a_walk_without_a_positive_prompt_on_its_slices_is_refused_by_name(prompts):
    with pytest.raises(NoPositivePrompt, match="direction and range"):
        propagate(walk_on(tube(), *prompts, limits=(10, 12)), Run())


def test_a_cancelled_walk_asks_the_model_nothing():
    cancel = CancelToken()
    cancel.cancel()
    walk = walk_on(tube(), click(8))
    with pytest.raises(Cancelled):
        propagate(walk, Run(cancel=cancel))
    assert walk.segmenter.asked == []


@pytest.mark.parametrize("direction", [propagate, fuse_directions])
def test_a_walk_stops_within_one_slice_of_being_cancelled(direction):
    cancel, walk = CancelToken(), walk_on(tube(), click(8), click(15))

    def progress(fraction, message):
        if len(walk.segmenter.asked) >= 5:
            cancel.cancel()

    with pytest.raises(Cancelled):
        direction(walk, Run(progress, cancel))
    assert len(walk.segmenter.asked) == 5


@pytest.mark.parametrize("direction", [propagate, fuse_directions])
def test_progress_grows_from_zero_to_one(direction):
    fractions = []
    direction(walk_on(tube(), click(8), click(15)), Run(lambda fraction, _: fractions.append(fraction)))
    assert fractions[0] == 0
    assert np.all(np.diff(fractions) >= 0)
    assert fractions[-1] <= 1


def test_three_directions_find_the_structure_and_outvote_one():
    k, j, i = np.indices(GRID.shape)
    ball = ((k - 12) * 2) ** 2 + (j - 15) ** 2 + (i - 16) ** 2 <= 100
    walk = walk_on(ball, click(12, 15, 16))
    answer = fuse_directions(walk, Run()).probability
    assert np.array_equal(answer.full() >= 0.5, ball)
    assert {key.split()[1] for key, _ in walk.segmenter.asked} == {"0", "1", "2"}
    assert answer.array.max() <= 0.9 + 1e-6


def test_three_directions_keep_to_the_range():
    answer = fuse_directions(walk_on(tube(), click(10), limits=(8, 12)), Run()).probability
    assert np.flatnonzero((answer.full() > 0).any(axis=(1, 2))).tolist() == list(range(8, 13))


def test_three_directions_of_nothing_are_nothing():
    assert fuse_directions(walk_on(tube(), click(8, 1, 1)), Run()).probability.array.size == 0


def test_a_flat_box_on_another_axis_starts_that_walk_alone():
    box = BoxPrompt.on_plane(
        SlicePlane.of_slice(GRID, 2, 16), GRID.to_ras((16, 10, 5))[0], GRID.to_ras((16, 22, 17))[0]
    )
    result = found(walk_on(tube(), box, axis=2))
    assert not (result & ~tube()).any()
    assert result.sum() > 0.9 * tube().sum()
    with pytest.raises(NoPositivePrompt):
        propagate(walk_on(tube(), box, axis=0), Run())
