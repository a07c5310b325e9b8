from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from fakes.fewshot import masks_from, segmented
from fakes.grids import ORDERS_AND_FLIPS, image_stored_as, stored_as
from MedSegAICore import Cancelled
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.fewshot.examples import Example
from MedSegAICore.fewshot.registered.fitting import (
    align_pairs,
    fit_supports,
    leave_one_out_lessons,
    training_target,
)
from MedSegAICore.fewshot.registered.lessons import one_hot, warped_lessons
from MedSegAICore.fewshot.registered.query import (
    classified,
    patches_of,
    register_query,
    without_stray_parts,
)
from MedSegAICore.fewshot.registered.scan import Scan
from MedSegAICore.fewshot.registered.sources import prepare_sources
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.volume import ImageVolume, VolumePatch
from scipy import ndimage


def dice(one, other) -> float:
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def dice_of(patches, example) -> list[float]:
    masks = masks_from(patches)
    return [dice(masks[label].full(), mask.full()) for label, mask in example.masks.items()]


@pytest.fixture(scope="module")
def answer(model, people):
    return segmented(model, people[3].image, Run())


@pytest.fixture(scope="module")
def answer_of_one(model_of_one, people):
    return segmented(model_of_one, people[3].image, Run())


def test_several_structures_are_found_at_once(answer, people):
    assert list(answer) == ["liver", "kidney"]
    assert min(dice_of(answer, people[3])) > 0.9


def test_probabilities_lie_on_the_grid_of_the_query(answer, people):
    total = np.zeros(people[3].image.geometry.shape)
    for patch in answer.values():
        assert patch.geometry.matches(people[3].image.geometry)
        assert patch.array.dtype == np.float32
        total += patch.full()
    assert 0 <= total.min() <= total.max() <= 1 + 1e-5


def test_the_classifier_adds_to_the_registration(model, people):
    registered = register_query(model, people[3].image, Run())
    learned = classified(model, registered, Run())
    assert dice_of_box(people[3], registered, learned) > dice_of_box(
        people[3], registered, registered.priors.deformable
    )


def dice_of_box(example, registered, values) -> float:
    return float(np.mean(dice_of(patches_of(tuple(example.masks), registered, values), example)))


def test_one_example_is_enough(answer_of_one, people):
    assert min(dice_of(answer_of_one, people[3])) > 0.85


def test_a_slice_learns_from_slices(draw_person):
    people = [draw_person(seed, (1, 48, 44)) for seed in range(3)]
    found = segmented(fit_supports(people[:2], Run())[0], people[2].image, Run())
    assert min(dice_of(found, people[2])) > 0.85


@pytest.mark.parametrize(("order", "flips"), ORDERS_AND_FLIPS[5::17])
def test_the_order_in_which_voxels_are_stored_changes_nothing(model_of_one, answer_of_one, people, order, flips):
    found = segmented(model_of_one, image_stored_as(people[3].image, order, flips), Run())
    for label, patch in answer_of_one.items():
        expected, _ = stored_as(patch.full(), patch.geometry, order, flips)
        assert np.abs(found[label].full() - expected).max() < 1e-3


def test_examples_may_have_another_spacing_and_field_of_view(people):
    finer, _ = fit_supports([cropped_and_finer(people[0])], Run())
    assert min(dice_of(segmented(finer, people[3].image, Run()), people[3])) > 0.8


def cropped_and_finer(example: Example) -> Example:
    """Return the example without two slices at each end, finer in its slices."""
    geometry = example.image.geometry
    ratio = 4 / 3
    part = geometry.crop((2, 0, 0), (14, *geometry.shape[1:]))
    array = ndimage.zoom(example.image.array[2:16], (1, ratio, ratio), order=1, grid_mode=True, mode="nearest")
    step = np.array(part.spacing_ijk) * np.array(part.shape[::-1]) / array.shape[::-1]
    first = part.to_ras(np.array([(step / part.spacing_ijk - 1) / 2]))[0]
    finer = VolumeGeometry.from_components(array.shape, step, first)
    masks = {}
    for label, mask in example.masks.items():
        cut = mask.full()[2:16].astype(float)
        zoomed = ndimage.zoom(cut, (1, ratio, ratio), order=1, grid_mode=True, mode="nearest")
        masks[label] = VolumePatch.whole(zoomed > 0.5, finer)
    return Example(ImageVolume(array, finer), masks, example.name)


@pytest.fixture(scope="module")
def sources(people):
    return prepare_sources(people[:3], ("liver", "kidney"))


def test_the_prior_of_an_example_never_comes_from_its_own_mask(sources):
    alignments = align_pairs(sources, Run())
    targets = [training_target(sources, number, alignments, Run()) for number in range(3)]

    def priors(scans):
        return [lesson.prior for lesson in leave_one_out_lessons(scans, targets, alignments, 2, Run())]

    expected = priors(sources.scans)
    for number, scan in enumerate(sources.scans):
        scans = list(sources.scans)
        scans[number] = Scan(scan.coarse, scan.fine, scan.labels * 0)
        unchanged = [np.array_equal(one, other) for one, other in zip(priors(scans), expected, strict=True)]
        assert unchanged == [other == number for other in range(3)]
        assert expected[number].max() > 0.5


def test_a_single_example_never_sees_its_mask_in_place(sources):
    target = training_target(sources, 0, {}, Run())
    for lesson in warped_lessons(target, 2, np.random.default_rng(0)):
        own = one_hot(target.labels, 2)
        overlap = 2 * np.minimum(own, lesson.prior).sum() / (own.sum() + lesson.prior.sum())
        assert 0.4 < overlap < 0.9


def test_parts_that_no_example_knows_of_are_dropped():
    answer, prior = np.zeros((1, 4, 9, 9), np.float32), np.zeros((1, 4, 9, 9), np.float32)
    answer[0, 1:3, 1:4, 1:4] = answer[0, 1:3, 6:8, 6:8] = 0.9
    prior[0, 1:3, 1:4, 1:4] = 0.8
    kept = without_stray_parts(answer, prior)
    assert kept[0, 1:3, 1:4, 1:4].min() == np.float32(0.9)
    assert not kept[0, :, 5:, 5:].any()


def test_a_part_that_the_examples_expect_is_kept():
    answer, prior = np.zeros((1, 4, 9, 9), np.float32), np.zeros((1, 4, 9, 9), np.float32)
    answer[0, 1:3, 1:4, 1:4] = answer[0, 1:3, 6:8, 6:8] = 0.9
    prior[0, 1:3, 1:4, 1:4], prior[0, 1:3, 6:8, 6:8] = 0.8, 0.5
    assert np.array_equal(without_stray_parts(answer, prior), answer)


def test_the_same_example_gives_the_same_answer(people, answer_of_one):
    again = segmented(fit_supports(people[:1], Run())[0], people[3].image, Run())
    for label, patch in answer_of_one.items():
        assert np.abs(again[label].full() - patch.full()).max() < 0.02


def test_learning_can_be_cancelled(people):
    token = CancelToken()
    threading.Timer(0.4, token.cancel).start()
    began = time.perf_counter()
    with pytest.raises(Cancelled):
        fit_supports(people[:3], Run(cancel=token))
    assert time.perf_counter() - began < 1.4


def test_progress_never_falls(people):
    told = []
    model, _ = fit_supports(people[:2], Run(lambda fraction, _: told.append(fraction)))
    assert told == sorted(told)
    segmented(model, people[3].image, Run(lambda fraction, _: told.append(fraction)))
    assert told[-1] <= 1
