"""Accepted slices of the image that is asked about: they stand, and the rest of the volume gets better by them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes.people import person
from MedSegAICore.engine.cache import ByteBoundedCache
from MedSegAICore.engine.run import Run
from MedSegAICore.fewshot.examples import Example
from MedSegAICore.fewshot.registered.learner import RegisteredLearner
from MedSegAICore.incontext.context_example import ContextExample
from MedSegAICore.incontext.learned import LearnedModel
from MedSegAICore.incontext.own_slices import own_slices, with_own_slices
from MedSegAICore.incontext.question import Question
from MedSegAICore.incontext.slice_cut import slice_of
from MedSegAICore.prompts import SlicePlane
from MedSegAICore.volume import ImageVolume, VolumePatch

LABELS = ("liver", "kidney")


def accepted(example: Example, place: int, axis: int = 0) -> ContextExample:
    return slice_of(ContextExample(example), SlicePlane.of_slice(example.image.geometry, axis, place))


def dice(one, other) -> float:
    return 2 * (one & other).sum() / (one.sum() + other.sum())


@pytest.fixture(scope="module")
def patient() -> Example:
    """Return somebody whose liver is darker than the body instead of brighter."""
    drawn = person(7)
    array = np.where(drawn.masks["liver"].full(), drawn.image.array - 190, drawn.image.array)
    masks = {label: mask.canonical() for label, mask in drawn.masks.items()}
    return Example(ImageVolume(array, drawn.image.geometry).canonical(), masks)


@pytest.mark.parametrize(("axis", "place"), [(0, 9), (1, 11), (2, 14)])
def test_a_slice_is_known_again_in_its_own_image_only(patient, axis, place):
    context = accepted(patient, place, axis)
    (found,) = own_slices(patient.image, [ContextExample(person(1)), context])
    assert (found.axis, found.place) == (axis, place)
    assert np.array_equal(found.masks["liver"], np.take(patient.masks["liver"].full(), place, axis=axis))
    assert not own_slices(person(7).image.canonical(), [context])  # the same grid with other voxels


def test_of_two_answers_for_one_slice_the_later_counts(patient):
    mask = patient.masks["liver"].full().copy()
    mask[:, :12] = False
    later = replace(patient, masks={"liver": VolumePatch.whole(mask, patient.image.geometry)})
    (found,) = own_slices(patient.image, [accepted(patient, 9), accepted(later, 9)])
    assert np.array_equal(found.masks["liver"], mask[9])


def test_what_was_accepted_stands_and_its_neighbours_follow(patient):
    truth, view = patient.masks["liver"].full(), patient.image.geometry
    missed = truth.astype(np.float32)
    missed[7:12] = 0.2
    own = own_slices(patient.image, [accepted(patient, 9)])
    found = with_own_slices({"liver": VolumePatch.whole(missed, view)}, patient.image, own, Run())["liver"].full()
    assert np.array_equal(found[9], truth[9])
    for near in (8, 10):
        assert dice(found[near] >= 0.5, truth[near]) > 0.8
    assert np.array_equal(found[:4], missed[:4])


def test_slices_that_were_not_asked_for_stay_as_they_are(patient):
    nothing = {"liver": VolumePatch.whole(np.zeros(patient.image.geometry.shape, np.float32), patient.image.geometry)}
    own = own_slices(patient.image, [accepted(patient, 9)])
    found = with_own_slices(nothing, patient.image, own, Run(), (0, range(9, 10)))["liver"].full()
    assert np.array_equal(found[9], patient.masks["liver"].full()[9])
    assert not np.delete(found, 9, axis=0).any()
    assert not with_own_slices(nothing, patient.image, own, Run(), (0, range(4, 9)))["liver"].full().any()


def test_a_volume_gets_better_by_accepting_a_slice_also_elsewhere(patient, contexts):
    model = LearnedModel("registered_context", RegisteredLearner("registered"), ByteBoundedCache(1 << 28))

    def answered(*more: ContextExample) -> np.ndarray:
        question = Question(patient.image, (*contexts[:1], *more), LABELS, "")
        return model.answer(question, Run()).probabilities["liver"].full() >= 0.5

    truth, before = patient.masks["liver"].full(), answered()
    worst = int((before ^ truth).sum(axis=(1, 2)).argmax())
    after = answered(accepted(patient, worst))
    assert np.array_equal(after[worst], truth[worst])
    near = [place for place in (worst - 1, worst, worst + 1) if 0 <= place < len(truth)]
    far_before, far_after, far_truth = (np.delete(array, near, axis=0) for array in (before, after, truth))
    assert dice(far_after, far_truth) > dice(far_before, far_truth) + 0.03


def test_slices_of_others_teach_about_a_volume(patient, contexts):
    other = person(8)
    array = np.where(other.masks["liver"].full(), other.image.array - 190, other.image.array)
    other = replace(other, image=ImageVolume(array, other.image.geometry))
    model = LearnedModel("registered_context", RegisteredLearner("registered"), ByteBoundedCache(1 << 28))

    def dice_with(*more: ContextExample) -> float:
        question = Question(patient.image, (*contexts[:1], *more), LABELS, "")
        found = model.answer(question, Run()).probabilities["liver"].full() >= 0.5
        return dice(found, patient.masks["liver"].full())

    assert dice_with(*(accepted(other, place) for place in (6, 8, 10))) > dice_with() + 0.01
