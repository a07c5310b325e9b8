"""What examples are learned from."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.engine.run import Run
from MedSegAICore.fewshot.registered.fitting import align_pairs, lessons_of, training_target
from MedSegAICore.fewshot.registered.lessons import LessonTable, leave_one_out, lesson_tables
from MedSegAICore.fewshot.registered.sources import prepare_sources


@pytest.fixture(scope="module")
def lessons(people):
    """Return the lessons of so many examples."""

    def make(count: int):
        sources = prepare_sources(people[:count], ("liver", "kidney"))
        alignments = align_pairs(sources, Run())
        targets = [training_target(sources, number, alignments, Run()) for number in range(count)]
        return lessons_of(sources.scans, targets, alignments, 2, np.random.default_rng(0), Run())

    return make


@pytest.mark.parametrize(("count", "per_example"), [(1, 4), (2, 5), (3, 1)])
def test_warped_masks_stand_in_where_registrations_are_few(lessons, count, per_example):
    assert [len(of_one) for of_one in lessons(count)] == [per_example] * count


def test_every_example_is_judged_by_what_the_others_make_of_it(lessons):
    rng = np.random.default_rng(0)
    tables = [lesson_tables(of_one, 5.0, rng, Run(), 20_000) for of_one in lessons(2)]
    scores = leave_one_out(tables, ("liver", "kidney"), 0, Run())
    assert {label: len(found) for label, found in scores.items()} == {"liver": 2, "kidney": 2}
    assert min(min(found) for found in scores.values()) > 0.75


def test_no_more_voxels_are_drawn_than_asked_for(lessons):
    tables = lesson_tables(lessons(1)[0], 5.0, np.random.default_rng(0), Run(), 100)
    assert [len(table.features) for table in tables] == [100] * 4


def test_a_structure_that_the_grid_lost_is_no_success():
    def table(classes):
        features = np.random.default_rng(0).normal(size=(60, 17)).astype(np.float32)
        features[:, 0] = 9 * classes
        return LessonTable(features, np.zeros((2, 60), np.float32), np.ones(60, np.bool_), classes)

    without_the_second = np.repeat(np.array([0, 1], np.uint8), 30)
    scores = leave_one_out([[table(without_the_second)]] * 2, ("liver", "speck"), 0, Run())
    assert scores["liver"] == (1, 1)
    assert scores["speck"] == (0, 0)
