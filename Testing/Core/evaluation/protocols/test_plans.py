"""Protocols by their settings."""

from __future__ import annotations

import numpy as np
import pytest
from fakes.datasets import drawn_case, drawn_dataset
from fakes.methods import bright
from MedSegAICore.engine.run import Run
from MedSegAICore.errors import InvalidDataset, InvalidRequest
from MedSegAICore.evaluation.protocols.plans import (
    SCHEMES,
    Asked,
    InteractivePlan,
    RatersPlan,
    few_shot_plan,
    in_context_plan,
)
from MedSegAICore.evaluation.protocols.raters import Candidates

CUBE = np.zeros((6, 6, 6), bool)
CUBE[1:5, 1:5, 1:5] = True
PEOPLE = drawn_dataset(*(drawn_case(f"{number:02}", {"cube": CUBE}) for number in range(9)))

PLANS = [InteractivePlan(2), RatersPlan(), in_context_plan((1, 4)), *(few_shot_plan(name) for name in SCHEMES)]


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: type(plan).__name__)
def test_only_as_many_people_as_wanted_are_asked_for(plan):
    def asked(**who):
        return [{item.subject for item in protocol.items()} for protocol in plan.over(PEOPLE, Asked(**who))]

    assert all(len(subjects) == 9 for subjects in asked())
    few = asked(most_subjects=3)
    assert all(len(subjects) == 3 for subjects in few)
    assert few == asked(most_subjects=3)
    assert few != asked(most_subjects=3, seed=1)
    assert all(subjects <= {"01", "02", "03"} for subjects in asked(most_subjects=2, subjects=("01", "02", "03")))
    with pytest.raises(InvalidDataset, match="no subject 'nobody'"):
        asked(subjects=("nobody",))


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: type(plan).__name__)
def test_the_masks_of_an_answer_come_back_with_the_truth(plan):
    def method(*question):
        mask = bright(*question)
        return Candidates((mask,)) if plan.asks_for == "candidates" else mask

    protocol = plan.over(PEOPLE, Asked())[0]
    item = protocol.items()[0]
    right, truth, geometry = protocol.masks(item, method, Run())
    assert geometry.shape == truth.shape == CUBE.shape
    assert np.array_equal(right, truth)
    assert truth.sum() == CUBE.sum()
    nothing, truth, _ = protocol.masks(item, None, Run())
    assert not nothing.any()
    assert truth.sum() == CUBE.sum()


def test_examples_come_from_everyone_though_few_are_asked_for():
    (protocol,) = in_context_plan((8,)).over(PEOPLE, Asked(most_subjects=1))
    (item,) = protocol.items()
    (query,) = PEOPLE.only([item.subject]).cases
    assert len(protocol.examples(query, "cube")) == 8


def test_what_one_scheme_cannot_use_is_asked_of_the_other_only():
    protocols = in_context_plan((1, 2), deranged=True).over(PEOPLE, Asked())
    assert [protocol.condition for protocol in protocols] == ["1 support", "2 supports", "2 supports, masks deranged"]


@pytest.mark.parametrize("supports", [(), (0,), (2, 2), (-1, 4)])
def test_numbers_of_examples_that_make_no_sense_are_refused(supports):
    with pytest.raises(InvalidRequest, match="numbers of supports"):
        in_context_plan(supports)
