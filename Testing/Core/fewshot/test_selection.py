"""Which learner is taken, with learners that need no time."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field

import numpy as np
import pytest
from MedSegAICore import FitRequest, InvalidSupport
from MedSegAICore.engine.run import Run
from MedSegAICore.fewshot.learner import Answer, StoredModel
from MedSegAICore.fewshot.model_file import read_description
from MedSegAICore.fewshot.selection import learn_best
from MedSegAICore.volume import VolumePatch


@dataclass(frozen=True, eq=False)
class Shifted:
    """Finds the structures of a person, so many voxels off."""

    name: str
    voxels: int
    people: list
    leave_one_out: dict = field(default_factory=dict)
    labels = ("liver", "kidney")
    warnings = ()

    def segment(self, query, _run):
        masks = next(person.masks for person in self.people if person.image is query)
        parts = {label: np.roll(mask.full(), self.voxels, axis=2) for label, mask in masks.items()}
        return Answer(
            {name: VolumePatch.whole(part.astype(np.float32), query.geometry) for name, part in parts.items()}
        )

    def stored(self):
        return StoredModel(self.name, "", self.labels, self.leave_one_out, {}, {"none": np.zeros(1)})


@dataclass(frozen=True, eq=False)
class Learner:
    name: str
    voxels: int
    people: list
    weights_hash = ""
    device = "cpu"

    def fit(self, _examples, _run, _seed=0):
        if self.voxels > 9:
            message = "It is too far off."
            raise InvalidSupport(message)
        return Shifted(self.name, self.voxels, self.people)


@pytest.fixture
def best(people, tmp_path):
    """Learn with the best of learners by name, each so many voxels off."""

    def learn(**learners):
        ready = {name: Learner(name, voxels, people) for name, voxels in learners.items()}
        run_with = {name: lambda work, learner=learner: work(learner) for name, learner in ready.items()}
        return learn_best(FitRequest(people[:3], tmp_path / "m.safetensors", "best"), run_with, Run())

    return learn


def test_the_best_is_taken_and_how_sure_that_is_is_said(best):
    report = best(registered=1, exact=0, far=10)
    assert report.model == "exact"
    assert report.compared["exact"] == 1 > report.compared["registered"] > 0
    assert "'exact' did best clearly" in report.warnings[0]
    assert "better on 3 of 3 examples" in report.warnings[0]
    assert report.warnings[1] == "'far' was left out: It is too far off."


def test_what_was_found_out_about_it_is_kept_in_its_file(best):
    report = best(registered=2)
    stored = read_description(report.file)
    assert stored.leave_one_out == report.leave_one_out
    assert {label: len(scores) for label, scores in stored.leave_one_out.items()} == {"liver": 3, "kidney": 3}
    assert report.warnings == ("'registered' is the only method that is ready here.",)


def test_only_the_best_model_stays_in_memory(best, monkeypatch):
    made = []
    fit = Learner.fit

    def noted(self, *more):
        is_final = len(more[0]) == 3
        assert not is_final or sum(model() is not None for model in made) <= 1
        model = fit(self, *more)
        if is_final:
            made.append(weakref.ref(model))
        return model

    monkeypatch.setattr(Learner, "fit", noted)
    assert best(registered=0, second=1, third=2).model == "registered"


def test_where_no_learner_can_use_the_examples_the_first_says_why(best):
    with pytest.raises(InvalidSupport, match="too far off"):
        best(registered=10)
