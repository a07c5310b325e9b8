"""Which slices of the examples are shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes.people import person
from MedSegAICore.engine.run import Run
from MedSegAICore.fewshot.examples import Example
from MedSegAICore.incontext import support_pool
from MedSegAICore.incontext.context_example import ContextExample
from MedSegAICore.incontext.support_pool import SupportPool, body_frame
from MedSegAICore.request import ContextOptions
from MedSegAICore.volume import VolumePatch

LABELS = ("liver", "kidney")


def pool_of(*contexts, labels=LABELS, axis=0, side=32) -> SupportPool:
    return SupportPool.of(contexts, labels, axis, None, body_frame(side), Run())


@pytest.fixture(scope="module")
def pool() -> SupportPool:
    return pool_of(*(ContextExample(person(seed)) for seed in range(3)))


def test_a_slice_is_nearest_to_itself(pool):
    for row in (0, 20, 40):
        assert pool.nearest(float(pool.positions[row]), pool.looks[row], 1)[0] == row


def test_every_example_is_shown_before_any_is_shown_twice(pool):
    near = pool.nearest(0.5, pool.looks[9], 9)
    for start in (0, 3, 6):
        assert set(pool.owners[near[start : start + 3]]) == {0, 1, 2}
    assert len(set(near.tolist())) == 9


def test_slices_of_the_same_height_come_first(pool):
    near = pool.nearest(0.25, pool.looks[4], 6)
    assert np.abs(pool.positions[near] - 0.25).max() < 0.25


def test_slices_of_unknown_height_are_neither_first_nor_last(pool):
    unknown = replace(pool, positions=np.where(pool.owners == 1, np.float32(np.nan), pool.positions))
    near = unknown.nearest(0.5, pool.looks[9], 54)
    assert len(near) == 54
    assert np.isfinite(unknown.nearest(float("nan"), pool.looks[9], 3)).all()


def test_subsets_differ_and_come_back_with_the_seed(pool):
    options = ContextOptions(supports=6, subsets=4, seed=3)
    drawn = [tuple(rows) for rows in pool.subsets(0.5, pool.looks[9], options)]
    assert len(set(drawn)) == 4
    assert all(len(set(rows)) == 6 for rows in drawn)
    assert drawn == [tuple(rows) for rows in pool.subsets(0.5, pool.looks[9], options)]


def test_the_number_of_slices_that_are_kept_is_bounded(monkeypatch):
    monkeypatch.setattr(support_pool, "MOST_SLICES", 12)
    pool = pool_of(*(ContextExample(person(seed)) for seed in range(2)))
    assert len(pool.owners) == 12
    assert {pool.places.min(), pool.places.max()} == {0, 17}


def test_a_structure_thinner_than_a_pixel_is_not_lost():
    drawn = person(0, (3, 200, 200))
    mask = np.zeros((3, 200, 200), bool)
    mask[1, 100, 60:140] = True
    context = ContextExample(Example(drawn.image, {"line": VolumePatch.whole(mask, drawn.image.geometry)}))
    assert pool_of(context, labels=("line",)).masks[0, 1].sum() > 5


def test_a_structure_that_an_example_does_not_show_is_empty_there():
    both = person(0)
    one = Example(both.image, {"kidney": both.masks["kidney"]})
    pool = pool_of(ContextExample(one), ContextExample(both))
    assert not pool.masks[0, pool.owners == 0].any()
    assert pool.masks[0, pool.owners == 1].any()
