"""Examples of people teach what to find in others, on features that need no weights."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from fakes.grids import ORDERS_AND_FLIPS, image_stored_as, stored_as
from MedSegAICore import Cancelled, InvalidImage, InvalidSupport, InvalidSupportModel
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.fewshot.examples import Example
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.volume import ImageVolume, VolumePatch


@pytest.fixture(scope="module")
def answer(of_two, people):
    return of_two.segment(people[3].image, Run())


@pytest.fixture(scope="module")
def of_one(learner, people):
    return learner.fit(people[:1], Run())


@pytest.fixture(scope="module")
def answer_of_one(of_one, people):
    return of_one.segment(people[3].image, Run())


def example(array, masks, spacing=(2.0, 2.5, 3.0)) -> Example:
    geometry = VolumeGeometry.from_components(array.shape, spacing)
    patches = {label: VolumePatch.whole(mask, geometry) for label, mask in masks.items()}
    return Example(ImageVolume(array.astype(np.float32), geometry), patches)


def slice_with(seed: int, mask, rng_scale=5.0) -> Example:
    array = 100 * mask + rng_scale * np.random.default_rng(seed).standard_normal(mask.shape)
    return example(array, {"spot": mask})


def test_several_structures_are_found_at_once(answer, people, dice_of):
    assert list(answer.probabilities) == ["liver", "kidney"]
    assert min(dice_of(answer, people[3])) > 0.85


def test_probabilities_lie_on_the_grid_of_the_query_and_add_up_to_one_at_most(answer, people):
    total = np.zeros(people[3].image.geometry.shape)
    for patch in answer.probabilities.values():
        assert patch.geometry.matches(people[3].image.geometry)
        assert patch.array.dtype == np.float32
        total += patch.full()
    assert 0 <= total.min() <= total.max() <= 1 + 1e-5


def test_the_answer_says_how_good_it_is_likely_to_be(answer):
    assert set(answer.quality) == {"liver", "kidney"}
    assert all(0.3 < value <= 1 for value in answer.quality.values())


def test_examples_judge_each_other(make_learner, people):
    model = make_learner(judges_itself=True).fit(people[:2], Run())
    assert {label: len(scores) for label, scores in model.leave_one_out.items()} == {"liver": 2, "kidney": 2}
    assert min(min(scores) for scores in model.leave_one_out.values()) > 0.7
    assert not make_learner(judges_itself=True).fit(people[:1], Run()).leave_one_out


def test_a_slice_learns_from_slices(learner, draw_person, dice_of):
    people = [draw_person(seed, (1, 48, 44)) for seed in range(3)]
    found = learner.fit(people[:2], Run()).segment(people[2].image, Run())
    assert min(dice_of(found, people[2])) > 0.8


def test_examples_and_query_may_differ_in_size(learner, draw_person, dice_of):
    one, other = draw_person(0, (1, 48, 44)), draw_person(1, (1, 70, 61))
    assert min(dice_of(learner.fit([one], Run()).segment(other.image, Run()), other)) > 0.7
    assert min(dice_of(learner.fit([other], Run()).segment(one.image, Run()), one)) > 0.7


@pytest.mark.parametrize(("order", "flips"), ORDERS_AND_FLIPS[29:30])
def test_the_order_in_which_voxels_are_stored_changes_nothing(of_one, answer_of_one, people, order, flips):
    found = of_one.segment(image_stored_as(people[3].image, order, flips), Run())
    for label, patch in answer_of_one.probabilities.items():
        expected, _ = stored_as(patch.full(), patch.geometry, order, flips)
        assert np.abs(found.probabilities[label].full() - expected).max() < 1e-3


def test_thick_slices_in_another_direction_are_the_ones_that_are_looked_at(learner, people):
    array = people[0].image.array
    turned = example(array, {label: mask.array for label, mask in people[0].masks.items()}, (2.0, 6.0, 2.0))
    model = learner.fit([turned], Run())
    assert model.knowledge.axis == 1
    assert model.segment(turned.image, Run()).probabilities["liver"].array.max() > 0.5


def test_a_mask_that_is_smaller_than_a_feature_does_not_vanish(learner):
    mask = np.zeros((1, 300, 300), np.bool_)
    mask[0, 141, 150] = True
    model = learner.fit([slice_with(0, mask)], Run())
    shot = model.knowledge.shots[0]
    assert 0 < shot.covered.max() < 1
    assert np.isfinite(model.segment(slice_with(1, mask).image, Run()).probabilities["spot"].full()).all()


def test_a_mask_that_covers_everything_is_taken(learner):
    mask = np.ones((1, 40, 40), np.bool_)
    image = example(np.random.default_rng(0).standard_normal((1, 40, 40)), {"spot": mask})
    found = learner.fit([image], Run()).segment(image.image, Run())
    assert np.mean(found.probabilities["spot"].full() > 0.5) > 0.9


def test_an_image_without_contrast_is_refused(learner, of_one, people):
    constant = ImageVolume(np.full(people[0].image.geometry.shape, 7, np.int16), people[0].image.geometry)
    with pytest.raises(InvalidImage, match="7 everywhere"):
        learner.fit([Example(constant, people[0].masks)], Run())
    with pytest.raises(InvalidImage, match="7 everywhere"):
        of_one.segment(constant, Run())


def test_slices_and_volumes_are_not_mixed(learner, of_two, people, draw_person):
    flat = draw_person(0, (1, 48, 44))
    with pytest.raises(InvalidSupport):
        learner.fit([people[0], flat], Run())
    with pytest.raises(InvalidImage, match="slice"):
        of_two.segment(flat.image, Run())


def test_what_was_stored_gives_the_same_answer_bit_by_bit(make_learner, of_one, answer_of_one, people):
    restored = make_learner().restore(of_one.stored())
    found = restored.segment(people[3].image, Run())
    assert restored.labels == of_one.labels
    for label, patch in answer_of_one.probabilities.items():
        assert np.array_equal(found.probabilities[label].full(), patch.full())
    assert found.quality == answer_of_one.quality


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weights_hash": "of others"}, "other weights"),
        ({"method": "another"}, "another"),
        ({"labels": ("liver",)}, "support model"),
    ],
)
def test_a_model_of_something_else_is_refused(learner, of_two, change, words):
    with pytest.raises(InvalidSupportModel, match=words):
        learner.restore(replace(of_two.stored(), **change))


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("shots.0.features", lambda array: array.astype(np.float32)),
        ("shots.0.features", lambda array: array[:5]),
        ("shots.0.features", lambda array: array * np.float16(np.inf)),
        ("shots.1.covered", lambda array: array[:, :1]),
        ("shots.1.depths", lambda _: None),
        ("scans.0.labels", lambda _: None),
    ],
)
def test_a_damaged_model_is_refused(learner, of_two, name, spoil):
    stored = of_two.stored()
    spoiled = spoil(stored.tensors[name])
    tensors = {**stored.tensors, name: spoiled}
    if spoiled is None:
        del tensors[name]
    with pytest.raises(InvalidSupportModel):
        learner.restore(replace(stored, tensors=tensors))


@pytest.mark.parametrize("job", ["fit", "segment"])
def test_both_can_be_cancelled(make_learner, of_two, people, job):
    token = CancelToken()
    threading.Timer(0.3, token.cancel).start()
    run = Run(cancel=token)
    began = time.perf_counter()
    with pytest.raises(Cancelled):
        make_learner(judges_itself=True).fit(people[:3], run) if job == "fit" else of_two.segment(people[3].image, run)
    assert time.perf_counter() - began < 1.3


def test_progress_never_falls(make_learner, people):
    told = []
    run = Run(lambda fraction, _: told.append(fraction))
    model = make_learner(judges_itself=True).fit(people[:2], run)
    assert told == sorted(told)
    told.clear()
    model.segment(people[3].image, run)
    assert told == sorted(told)
    assert told[-1] <= 1
