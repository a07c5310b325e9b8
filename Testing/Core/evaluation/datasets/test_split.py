from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from MedSegAICore.errors import InvalidRequest
from MedSegAICore.evaluation.datasets.split import capped_subjects, drawn_order, subject_folds, subject_split

names = st.lists(st.text(min_size=1, max_size=4), min_size=2, max_size=20)
THREE = {"train": 0.6, "validation": 0.2, "test": 0.2}
PEOPLE = [f"subject{number:02}" for number in range(10)]


@given(names, st.integers(0, 5), st.randoms())
def test_every_subject_is_in_exactly_one_part_whatever_the_order_of_the_files(subjects, seed, random):
    split = subject_split(subjects, THREE, seed)
    assert sorted(subject for part in split.values() for subject in part) == sorted(set(subjects))
    shuffled = list(subjects)
    random.shuffle(shuffled)
    assert subject_split(shuffled, THREE, seed) == split


@given(names, st.integers(2, 5), st.integers(0, 5))
def test_every_subject_is_in_exactly_one_fold(subjects, folds, seed):
    if folds > len(set(subjects)):
        with pytest.raises(InvalidRequest):
            subject_folds(subjects, folds, seed)
        return
    dealt = subject_folds(subjects, folds, seed)
    assert sorted(subject for fold in dealt for subject in fold) == sorted(set(subjects))
    sizes = [len(fold) for fold in dealt]
    assert max(sizes) - min(sizes) <= 1
    assert subject_folds(subjects[::-1], folds, seed) == dealt


@given(names, st.floats(0, 1))
def test_parts_have_the_size_that_was_asked_for(subjects, share):
    split = subject_split(subjects, {"one": share, "other": 1 - share})
    assert len(split["one"]) == pytest.approx(share * len(set(subjects)), abs=1)


def test_the_split_of_a_seed_is_the_same_for_ever():
    assert subject_split(PEOPLE, THREE, 7) == subject_split(PEOPLE, THREE, 7)
    assert subject_split(PEOPLE, THREE, 7) != subject_split(PEOPLE, THREE, 8)
    assert drawn_order(["a", "b", "c", "d", "e"], 1) == ["d", "e", "b", "c", "a"]
    assert {part: len(subjects) for part, subjects in subject_split(PEOPLE, THREE).items()} == {
        "train": 6,
        "validation": 2,
        "test": 2,
    }


def test_draws_for_different_purposes_are_different():
    assert drawn_order(PEOPLE, 1, "supports") != drawn_order(PEOPLE, 1, "folds")


def test_who_joins_does_not_change_the_order_of_the_others():
    before, after = drawn_order(PEOPLE, 3), drawn_order([*PEOPLE, "newcomer"], 3)
    assert [name for name in after if name != "newcomer"] == before


@pytest.mark.parametrize("shares", [{}, {"a": 0.5}, {"a": 1.5, "b": -0.5}])
def test_shares_that_do_not_sum_to_one_are_refused(shares):
    with pytest.raises(InvalidRequest, match="do not sum to 1"):
        subject_split(PEOPLE, shares)


@pytest.mark.parametrize("folds", [0, 1, 11])
def test_more_folds_than_subjects_are_refused(folds):
    with pytest.raises(InvalidRequest, match=f"10 subjects cannot be dealt into {folds} folds"):
        subject_folds(PEOPLE, folds)


def test_a_cap_keeps_so_many_subjects_and_the_same_ones():
    few, more = capped_subjects(PEOPLE, 3), capped_subjects(PEOPLE, 5)
    assert len(few) == 3
    assert set(few) < set(more) < set(PEOPLE)
    assert capped_subjects(PEOPLE[::-1], 3) == few
    assert capped_subjects(PEOPLE, 99) == tuple(PEOPLE)
