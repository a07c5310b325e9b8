"""SE-Net as a way to learn from examples: what it answers, and what it refuses."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from fakes.grids import SOME_ORDERS_AND_FLIPS, image_stored_as, stored_as
from fakes.senet import SHAPE, answered, cache_of, example_of
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import (
    Cancelled,
    InvalidImage,
    InvalidSupport,
)
from MedSegAICore.fewshot.examples import Example
from MedSegAICore.fewshot.senet import SENetLearner, matching_slice
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.volume import ImageVolume, VolumePatch


def test_a_volume_is_answered_slice_by_slice_with_the_slice_at_the_same_height(learner, network):
    support, query = example_of(0), example_of(1)
    found = learner.fit([support], Run()).segment(query.image, Run()).probabilities["organ"].full()
    assert not found[0].any()  # the example does not show the structure there
    for k in range(1, SHAPE[0]):
        assert np.abs(found[k] - answered(network, support, k, query, k)).max() < 1e-5


@pytest.mark.parametrize(
    ("index", "count", "shows", "expected"),
    [
        (0, 1, [True], 0),
        (9, 10, [True], 0),
        (0, 4, [True, True], 0),
        (3, 4, [True, True], 1),
        (1, 2, [False, True, True, True, False, False], None),
        (0, 2, [False, True, True, True, False, False], 1),
        (299, 300, [False, False, True], 2),
    ],
)
def test_slices_match_by_relative_height(index, count, shows, expected):
    assert matching_slice(index, count, np.array(shows)) == expected


def test_another_match_can_be_chosen(network):
    learner = SENetLearner("senet", "", "cpu", network, cache_of(), match=lambda _index, _count, _shows: 2)
    support, query = example_of(0), example_of(1)
    found = learner.fit([support], Run()).segment(query.image, Run()).probabilities["organ"].full()
    assert np.abs(found[0] - answered(network, support, 2, query, 0)).max() < 1e-5


@pytest.mark.parametrize("axis", range(3))
def test_a_slice_in_any_direction_learns_from_slices(learner, axis):
    shape = tuple(np.insert([33, 50], axis, 1))
    examples = [example_of(seed, shape) for seed in range(2)]
    found = learner.fit(examples[:1], Run()).segment(examples[1].image, Run()).probabilities["organ"]
    assert found.full().shape == shape
    assert np.count_nonzero(found.full()) == 33 * 50


@pytest.mark.parametrize("size", [(2, 3), (15, 17), (16, 32), (31, 90)])
def test_any_number_of_rows_and_columns_is_answered(learner, size):
    example = example_of(0)
    query = example_of(1, (3, *size))
    found = learner.fit([example], Run()).segment(query.image, Run()).probabilities["organ"]
    assert found.full().shape == (3, *size)
    assert np.isfinite(found.array).all()
    assert found.full().any()


def test_a_query_with_another_spacing_is_seen_as_the_examples_are(learner):
    support, query = example_of(0), example_of(1)
    model = learner.fit([support], Run())
    near = model.segment(query.image, Run()).probabilities["organ"].full()
    twice = np.repeat(np.repeat(query.image.array, 2, axis=1), 2, axis=2)
    finer = VolumeGeometry.from_components(twice.shape, (0.75, 0.625, 4.0), (0, 0, 0), np.diag([-1, -1, 1]))
    found = model.segment(ImageVolume(twice, finer), Run()).probabilities["organ"].full()
    assert found.shape == twice.shape
    back = found.reshape(SHAPE[0], SHAPE[1], 2, SHAPE[2], 2).mean(axis=(2, 4))
    assert np.abs(back - near).mean() < 0.1 * near.mean()


def test_examples_with_another_spacing_teach_the_same_structure(learner):
    coarse, query = example_of(0), example_of(1)
    twice = np.repeat(np.repeat(coarse.image.array, 2, axis=1), 2, axis=2)
    finer = VolumeGeometry.from_components(twice.shape, (0.75, 0.625, 4.0), (0, 0, 0), np.diag([-1, -1, 1]))
    mask = np.repeat(np.repeat(coarse.masks["organ"].full(), 2, axis=1), 2, axis=2)
    fine = Example(ImageVolume(twice, finer), {"organ": VolumePatch.whole(mask, finer)})
    model = learner.fit([query, fine], Run())
    assert model.supports[1].size == model.supports[0].size
    assert np.array_equal(model.supports[1].masks[0], coarse.masks["organ"].full()[1:])


def test_several_examples_are_averaged(learner):
    examples, query = [example_of(seed) for seed in range(2)], example_of(5)
    one, other = (learner.fit([example], Run()).segment(query.image, Run()) for example in examples)
    both = learner.fit(examples, Run()).segment(query.image, Run())
    mean = (one.probabilities["organ"].full() + other.probabilities["organ"].full()) / 2
    assert np.abs(both.probabilities["organ"].full() - mean).max() < 1e-6


def test_several_structures_share_what_adds_up_to_more_than_one(learner, network):
    support, query = example_of(0, labels=("liver", "spleen")), example_of(1)
    answer = learner.fit([support], Run()).segment(query.image, Run())
    assert list(answer.probabilities) == ["liver", "spleen"]
    alone = np.stack([answered(network, support, 2, query, 2, label) for label in ("liver", "spleen")])
    found = np.stack([patch.full()[2] for patch in answer.probabilities.values()])
    assert np.abs(found - alone / np.maximum(alone.sum(axis=0), 1)).max() < 1e-5
    assert found.sum(axis=0).max() <= 1 + 1e-6


@pytest.mark.parametrize(("order", "flips"), SOME_ORDERS_AND_FLIPS)
def test_the_order_in_which_voxels_are_stored_changes_nothing(learner, order, flips):
    query = example_of(1)
    model = learner.fit([example_of(0)], Run())
    plain = model.segment(query.image, Run()).probabilities["organ"]
    found = model.segment(image_stored_as(query.image, order, flips), Run()).probabilities["organ"]
    expected, geometry = stored_as(plain.full(), plain.geometry, order, flips)
    assert found.geometry.matches(geometry)
    assert np.array_equal(found.full(), expected)


def test_voxels_that_are_no_numbers_are_answered_as_the_lowest(learner):
    query = example_of(1)
    array = query.image.array.copy()
    array[2, 3, 4] = array.min()
    holed = array.copy()
    holed[2, 3, 4] = np.nan
    model = learner.fit([example_of(0)], Run())
    found = [model.segment(ImageVolume(each, query.image.geometry), Run()) for each in (array, holed)]
    assert np.array_equal(*(answer.probabilities["organ"].full() for answer in found))


@pytest.mark.parametrize("value", [0, -1e38, 1e308])
def test_an_image_of_one_value_is_answered_with_numbers(learner, value):
    image = ImageVolume(np.full(SHAPE, value, np.float64), example_of(0).image.geometry)
    found = learner.fit([example_of(0)], Run()).segment(image, Run()).probabilities["organ"]
    assert np.isfinite(found.array).all()


def test_the_widest_range_of_numbers_is_scaled(learner):
    array = np.full(SHAPE, -1.7e308)
    array[2] = 1.7e308
    found = learner.fit([example_of(0)], Run()).segment(ImageVolume(array, example_of(0).image.geometry), Run())
    assert np.isfinite(found.probabilities["organ"].array).all()


def test_slices_and_volumes_are_not_mixed(learner):
    volume, plane = example_of(0, name="A"), example_of(1, (1, 37, 43), name="B")
    with pytest.raises(InvalidSupport, match="'B' and the first one are not both volumes"):
        learner.fit([volume, plane], Run())
    with pytest.raises(InvalidImage, match="The image is a slice, but the examples are volumes"):
        learner.fit([volume], Run()).segment(plane.image, Run())
    with pytest.raises(InvalidImage, match="The image is a volume, but the examples are slices"):
        learner.fit([plane], Run()).segment(volume.image, Run())


def test_examples_of_different_structures_and_lines_are_refused(learner):
    line = ImageVolume(np.zeros((1, 1, 43)), VolumeGeometry.from_components((1, 1, 43)))
    model = learner.fit([example_of(0)], Run())
    with pytest.raises(InvalidSupport, match="do not both show 'organ'"):
        learner.fit([example_of(0), example_of(1, labels=("spleen",))], Run())
    with pytest.raises(InvalidImage, match="43 x 1 x 1 voxels and is no slice"):
        model.segment(line, Run())


def test_what_an_example_says_is_computed_once(learner, network, monkeypatch):
    calls = []
    condition = network.condition
    monkeypatch.setattr(network, "condition", lambda *arguments: calls.append(1) or condition(*arguments))
    model = learner.fit([example_of(0)], Run())
    query = example_of(1, (40, 37, 43))
    first = model.segment(query.image, Run()).probabilities["organ"].full()
    assert len(calls) == 4
    again = learner.restore(model.stored()).segment(query.image, Run()).probabilities["organ"].full()
    assert len(calls) == 4
    assert np.array_equal(first, again)


def test_without_room_in_the_cache_the_answer_is_the_same(network):
    query = example_of(1)
    answers = []
    for size in (0, 1 << 24):
        learner = SENetLearner("senet", "", "cpu", network, cache_of(size))
        answers.append(learner.fit([example_of(0)], Run()).segment(query.image, Run()).probabilities["organ"].full())
    assert np.array_equal(*answers)


def test_when_memory_runs_out_slices_are_looked_at_one_by_one(learner, network, monkeypatch):
    segment = network.segment

    def segment_one(query, *arguments):
        if len(query) > 1:
            raise MemoryError
        return segment(query, *arguments)

    query = example_of(1, (20, 37, 43))
    model = learner.fit([example_of(0)], Run())
    expected = model.segment(query.image, Run())
    monkeypatch.setattr(network, "segment", segment_one)
    found = model.segment(query.image, Run())
    assert found.warnings == ("Memory ran out, so the model looked at one slice at a time, which is slower.",)
    assert expected.warnings == ()
    difference = found.probabilities["organ"].full() - expected.probabilities["organ"].full()
    assert np.abs(difference).max() < 1e-5


def test_large_slices_can_be_cancelled_within_a_second(learner):
    example = example_of(0, (3, 512, 512))
    model = learner.fit([example], Run())
    token = CancelToken()
    cancelled_at = []
    threading.Timer(0.7, lambda: (cancelled_at.append(time.perf_counter()), token.cancel())).start()
    with pytest.raises(Cancelled):
        model.segment(example.image, Run(cancel=token))
    assert time.perf_counter() - cancelled_at[0] < 1


def test_learning_can_be_cancelled(learner):
    token = CancelToken()

    def cancel_later(fraction, _message):
        if fraction > 0.3:
            token.cancel()

    with pytest.raises(Cancelled):
        learner.fit([example_of(0), example_of(1)], Run(cancel_later, token))


def test_progress_never_falls(learner):
    told = []
    model = learner.fit([example_of(seed) for seed in range(2)], Run(lambda fraction, _: told.append(fraction)))
    assert told == sorted(told)
    told.clear()
    model.segment(example_of(3).image, Run(lambda fraction, _: told.append(fraction)))
    assert told == sorted(told)
    assert told[-1] == 1
