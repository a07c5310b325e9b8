"""The default: what few-shot segmentation learns of the examples of a task."""

from __future__ import annotations

import numpy as np
import pytest
from fakes.people import person
from MedSegAICore.engine.cache import ByteBoundedCache
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import Cancelled
from MedSegAICore.fewshot.examples import Example
from MedSegAICore.fewshot.registered.learner import RegisteredLearner
from MedSegAICore.fewshot.registered.registrations import Registrations
from MedSegAICore.incontext.context_example import ContextExample
from MedSegAICore.incontext.learned import TEACHERS_OF_ONE, LearnedModel, lessons_of
from MedSegAICore.incontext.question import Question
from MedSegAICore.incontext.slice_cut import slice_image
from MedSegAICore.prompts import SlicePlane
from MedSegAICore.request import SliceScope, VolumeScope
from MedSegAICore.volume import VolumePatch

LABELS = ("liver", "kidney")


class CountingLearner(RegisteredLearner):
    fits = 0

    def fit(self, examples, run, seed=0):
        CountingLearner.fits += 1
        return super().fit(examples, run, seed)


@pytest.fixture(scope="module")
def model():
    return LearnedModel("registered_context", CountingLearner("registered"), ByteBoundedCache(1 << 28))


def dice(one, other) -> float:
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def cut(example: Example, place: int, labels=LABELS) -> ContextExample:
    image = slice_image(example.image.canonical(), 0, place)
    masks = {
        label: VolumePatch.whole(example.masks[label].canonical().full()[place : place + 1], image.geometry)
        for label in labels
    }
    return ContextExample(Example(image, masks), position=(place + 0.5) / 18)


def test_volumes_teach_about_volumes_and_are_learned_from_once(model, contexts, query):
    question = Question(query.image, contexts[:2], LABELS, "volumes")
    answer, before = model.answer(question, Run()), CountingLearner.fits
    for label in LABELS:
        assert dice(answer.probabilities[label].full() >= 0.5, query.masks[label].full()) > 0.85
    assert set(answer.quality) == set(LABELS)
    assert 0 < answer.uncertainty.array.max() <= 1
    model.answer(question, Run())
    assert CountingLearner.fits == before


def test_slices_teach_about_the_slices_of_a_volume(model, contexts, query):
    ends = query.image.geometry.to_ras([[0, 0, 8], [0, 0, 9]])
    slices = tuple(cut(context.example, 9, ("liver",)) for context in contexts[:2])
    question = Question(query.image, slices, ("liver",), "slices", VolumeScope(range_ras=ends))
    found = model.answer(question, Run()).probabilities["liver"].full() >= 0.5
    assert not np.delete(found, [8, 9], axis=0).any()
    assert dice(found[8:10], query.masks["liver"].full()[8:10]) > 0.7


def test_volumes_teach_about_a_single_slice(model, contexts, query):
    scope = SliceScope(SlicePlane.of_slice(query.image.geometry, 0, 9))
    answer = model.answer(Question(query.image, contexts[:2], ("liver",), "one slice", scope), Run())
    found = answer.probabilities["liver"].full() >= 0.5
    assert dice(found[9], query.masks["liver"].full()[9]) > 0.7
    assert not np.delete(found, 9, axis=0).any()


def test_a_single_slice_is_answered_about_without_registering_its_examples_to_each_other(contexts, query):
    class Counting(Registrations):
        done = 0

        def register(self, fixed, moving, run):
            Counting.done += 1
            return super().register(fixed, moving, run)

    hurried = LearnedModel("", RegisteredLearner("registered", registrations=Counting()), ByteBoundedCache(1 << 28))
    place = 9
    scope = SliceScope(SlicePlane.of_slice(query.image.geometry, 0, place))
    other = person(3)
    shown = (*contexts[:2], ContextExample(Example(other.image, {"kidney": other.masks["kidney"]}), "kidney only"))
    answer = hurried.answer(Question(query.image, shown, LABELS, "", scope), Run())
    assert Counting.done <= 2 * TEACHERS_OF_ONE * len(LABELS)  # to the slice only; to each other it were many more
    for label in LABELS:
        found, truth = answer.probabilities[label].full()[place] >= 0.5, query.masks[label].full()[place]
        assert dice(found, truth) > 0.7


def test_structures_are_taught_apart_where_not_every_example_shows_them():
    both = person(0)
    one = Example(both.image, {"kidney": both.masks["kidney"]})
    assert [lesson.labels for lesson in lessons_of([both, both], LABELS)] == [LABELS]
    apart = lessons_of([both, one], LABELS)
    assert [(lesson.labels, len(lesson.examples)) for lesson in apart] == [(("liver",), 1), (("kidney",), 2)]


def test_a_cancel_is_noticed(model, contexts, query):
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        model.answer(Question(query.image, contexts[:2], LABELS, "cancelled"), Run(cancel=token))


class SaysNothingIsThere:
    """Asked about what was found on slices, it sees nothing, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked = []

    def opinions(self, asked, run):  # noqa: ARG002  it does not look
        self.asked.append(asked.found)
        return [np.zeros_like(asked.found)]


def test_somebody_else_is_asked_about_slices_but_not_about_volumes(contexts, query):
    look = SaysNothingIsThere()
    asking = LearnedModel("", RegisteredLearner("registered", look=look), ByteBoundedCache(1 << 28))
    alone = LearnedModel("", RegisteredLearner("registered"), ByteBoundedCache(1 << 28))
    scope = SliceScope(SlicePlane.of_slice(query.image.geometry, 0, 7))
    question = Question(query.image, contexts[:2], LABELS, "slice", scope)
    both, first = (model.answer(question, Run()).probabilities for model in (asking, alone))
    assert len(look.asked) == len(LABELS)
    for label in LABELS:
        assert np.allclose(both[label].full(), first[label].full() / 2, atol=1e-3)
    look.asked.clear()
    asking.answer(Question(query.image, contexts[:2], LABELS, "volume", VolumeScope()), Run())
    assert not look.asked
