"""Questions show the structure, the prompts and the guess in one place, as the network is asked later."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.training.example import SMALLEST_AREA as SMALLEST_PART
from MedSegAICore.training.example import Example, one_part
from MedSegAICore.training.questions import LARGEST_PART, LONGEST_CUT, MOST_PARTS, SMALLEST_AREA, Asker
from scipy import ndimage


class Discs:
    """A bright disc of any size, and a smaller one that belongs to it."""

    def draw(self, size, chance):
        rows, columns = np.mgrid[:size, :size]
        at, radius = chance.uniform(0.35, 0.5, 2) * size, chance.uniform(0.05, 0.2) * size
        mask = (rows - at[0]) ** 2 + (columns - at[1]) ** 2 <= radius**2
        mask |= (rows - 0.85 * size) ** 2 + (columns - 0.85 * size) ** 2 <= (radius / 2) ** 2
        return Example((mask + chance.normal(0, 0.1, mask.shape)).astype(np.float32), mask)


class Specks:
    """Structures that are too small to be pointed at."""

    def draw(self, size, chance):
        mask = np.zeros((size, size), np.bool_)
        mask[tuple(chance.integers(1, size - 4, 2))] = True
        return Example(mask.astype(np.float32), mask)


@pytest.fixture(scope="module")
def asked():
    asker = Asker(Discs(), 48)
    return [asker.ask(np.random.default_rng(seed)) for seed in range(40)]


def test_pictures_prompts_and_guesses_lie_where_the_structure_does(asked):
    overlaps = []
    for question in asked:
        picture, box, inside, _, before, guess = question.channels
        assert question.channels.dtype == np.float32
        assert picture[question.mask].mean() > 0.5
        assert not before.any()
        marked = inside > 0
        if marked.any():
            assert ndimage.binary_dilation(question.mask, iterations=3)[marked].mean() > 0.9
        if box.any() and not marked.any():
            overlaps.append(2 * (guess > 0.5)[question.mask].sum() / ((guess > 0.5).sum() + question.mask.sum()))
    assert np.median(overlaps) > 0.8


def test_every_question_can_be_learned_from(asked):
    for question in asked:
        parts, _ = ndimage.label(question.mask, np.ones((3, 3)))
        sizes = np.bincount(parts.ravel())[1:]
        assert sizes.sum() >= SMALLEST_AREA
        is_framed = question.channels[1].any()
        assert len(sizes) <= MOST_PARTS if is_framed else sizes.max() >= LARGEST_PART * sizes.sum()
        frame = np.concatenate([question.mask[[0, -1]].ravel(), question.mask[1:-1, [0, -1]].ravel()])
        assert frame.mean() <= LONGEST_CUT


def test_structures_of_several_parts_are_asked_for_with_a_box_around_all(asked):
    whole = [question for question in asked if ndimage.label(question.mask, np.ones((3, 3)))[1] > 1]
    assert len(whole) >= 3
    for question in whole:
        box = question.channels[1] > 0
        assert np.count_nonzero(question.mask & box) > 0.9 * np.count_nonzero(question.mask)


def test_boxes_and_clicks_occur_and_structures_of_all_sizes(asked):
    boxes = np.mean([question.channels[1].any() for question in asked])
    clicks = np.mean([question.channels[2].any() for question in asked])
    shares = [question.mask.mean() for question in asked]
    assert 0.2 < boxes < 0.7
    assert clicks > 0.4
    assert max(shares) > 4 * min(shares)


def test_the_same_chance_asks_the_same():
    first, again = (Asker(Discs(), 48).ask(np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(first.channels, again.channels)
    assert np.array_equal(first.mask, again.mask)


def test_a_source_without_structures_is_named_and_does_not_hang():
    with pytest.raises(ValueError, match="structure"):
        Asker(Specks(), 48).ask(np.random.default_rng(1))


def test_one_part_is_a_connected_part_of_what_was_drawn_or_all_of_what_is_too_small():
    mask = np.zeros((20, 20), np.bool_)
    mask[2:9, 2:9] = mask[12:16, 12:16] = mask[18, 18] = True
    areas = {np.count_nonzero(one_part(mask, np.random.default_rng(seed))) for seed in range(60)}
    assert areas == {49, 16}
    specks = np.eye(20, dtype=np.bool_) & (np.arange(20) % 3 == 0)
    assert np.count_nonzero(specks) < SMALLEST_PART
    assert np.array_equal(one_part(specks, np.random.default_rng(1)), specks)
