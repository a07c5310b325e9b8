"""The slices of examples that SE-Net is shown, and how a file keeps them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes.senet import SHAPE, cache_of, example_of
from MedSegAICore.engine.run import Run
from MedSegAICore.errors import (
    InvalidSupportModel,
)
from MedSegAICore.fewshot.examples import Example
from MedSegAICore.fewshot.senet import SENetLearner
from MedSegAICore.volume import VolumePatch


def test_slices_with_a_trace_of_the_structure_are_not_shown(learner):
    example = example_of(0)
    mask = example.masks["organ"].full()
    mask[2] = False
    mask[2, 5, 4:14] = True
    traced = replace(example, masks={"organ": VolumePatch.whole(mask, example.image.geometry)})
    found = learner.fit([traced], Run()).segment(example.image, Run()).probabilities["organ"].full()
    assert [bool(part.any()) for part in found] == [False, True, False, True, True]


def test_a_structure_that_is_a_trace_everywhere_is_shown_where_it_is_largest(learner):
    example = example_of(0)
    mask = np.zeros(SHAPE, bool)
    mask[3, 7, 7:9] = mask[1, 7, 7] = True
    tiny = replace(example, masks={"organ": VolumePatch.whole(mask, example.image.geometry)})
    found = learner.fit([tiny], Run()).segment(example.image, Run()).probabilities["organ"].full()
    assert [bool(part.any()) for part in found] == [False, False, False, True, False]


def test_very_large_slices_are_made_coarser(learner, monkeypatch):
    monkeypatch.setattr("MedSegAICore.fewshot.senet.MOST_PIXELS", 18 * 21)
    model = learner.fit([example_of(0)], Run())
    assert model.supports[0].size == (18, 21) or model.supports[0].size == (18, 20)
    assert model.segment(example_of(1).image, Run()).probabilities["organ"].full().shape == SHAPE


def test_a_structure_that_is_lost_on_coarser_slices_is_named(learner, monkeypatch):
    monkeypatch.setattr("MedSegAICore.fewshot.senet.MOST_PIXELS", 12 * 14)
    example = example_of(0)
    speck = np.zeros(SHAPE, bool)
    speck[2, 20, 20] = True
    masks = {**example.masks, "speck": VolumePatch.whole(speck, example.image.geometry)}
    (said,) = learner.fit([Example(example.image, masks)], Run()).warnings
    assert said.startswith("'speck' is too small to be found")


@pytest.mark.parametrize("larger", [0, 1])
def test_no_example_is_seen_with_too_many_pixels(learner, monkeypatch, larger):
    monkeypatch.setattr("MedSegAICore.fewshot.senet.MOST_PIXELS", 40 * 50)
    shapes = [SHAPE, SHAPE]
    shapes[larger] = (5, 80, 100)
    model = learner.fit([example_of(seed, shape) for seed, shape in enumerate(shapes)], Run())
    assert max(np.prod(support.size) for support in model.supports) <= 1.05 * 40 * 50
    assert model.segment(example_of(2).image, Run()).warnings == ()


def test_a_query_that_covers_much_more_is_seen_coarser_and_that_is_said(learner, network, monkeypatch):
    monkeypatch.setattr("MedSegAICore.fewshot.senet.MOST_PIXELS", 40 * 50)
    seen, segment = [], network.segment
    monkeypatch.setattr(network, "segment", lambda query, *rest: seen.append(query.shape[2:]) or segment(query, *rest))
    model = learner.fit([example_of(0)], Run())
    query = example_of(1, (5, 160, 200)).image
    answer = model.segment(query, Run())
    assert answer.probabilities["organ"].full().shape == (5, 160, 200)
    assert "seen coarser" in answer.warnings[0]
    assert max(rows * columns for rows, columns in seen) <= 2 * 40 * 50  # in frames of 16 pixels


def test_slices_made_a_few_at_a_time_are_the_same(learner, monkeypatch):
    whole = learner.fit([example_of(0)], Run()).supports[0]
    monkeypatch.setattr("MedSegAICore.fewshot.senet_supports.PART_PIXELS", 1)
    assert learner.fit([example_of(0)], Run()).supports[0].digest == whole.digest


def kept(model):
    """Return a stored model as a file gives it back: arrays of its own."""
    stored = model.stored()
    return replace(stored, tensors={name: np.array(array) for name, array in stored.tensors.items()})


def test_a_restored_model_gives_the_same_answer_bit_for_bit(network):
    examples, query = [example_of(seed, labels=("liver", "spleen")) for seed in range(2)], example_of(4)
    model = SENetLearner("senet", "00", "cpu", network, cache_of()).fit(examples, Run())
    again = SENetLearner("senet", "00", "cpu", network, cache_of()).restore(kept(model))
    assert again.labels == model.labels == ("liver", "spleen")
    assert again.leave_one_out == model.leave_one_out
    for label, patch in model.segment(query.image, Run()).probabilities.items():
        assert np.array_equal(again.segment(query.image, Run()).probabilities[label].full(), patch.full())


def test_a_stored_model_names_nobody(learner):
    stored = learner.fit([example_of(0, name="Mrs. Somebody")], Run()).stored()
    assert "Somebody" not in repr(stored)


def without(stored, tensor):
    return replace(stored, tensors={name: array for name, array in stored.tensors.items() if name != tensor})


def with_tensor(stored, tensor, array):
    return replace(stored, tensors={**stored.tensors, tensor: array})


def described(stored, **changes):
    return replace(stored, description={**stored.description, **changes})


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda stored: replace(stored, weights_hash="cd"), "other weights"),
        (lambda stored: replace(stored, method="registered"), "learned by 'registered'"),
        (lambda stored: replace(stored, labels=()), "places do not go with the slices"),
        (lambda stored: replace(stored, labels=("a", "b")), "places do not go with the slices"),
        (lambda stored: without(stored, "examples.0.masks"), "no array 'examples.0.masks'"),
        (lambda stored: with_tensor(stored, "more", np.zeros(1)), "do not go with the arrays"),
        (lambda stored: described(stored, spacing=[1.0, 0.0]), "two lengths above 0"),
        (lambda stored: described(stored, examples=[]), "do not go with the arrays"),
        (lambda stored: described(stored, is_single=True), "cannot be with examples of several slices"),
        (lambda stored: described(stored, more=1), "more is not known"),
        (lambda stored: described(stored, examples=[{"count": 5, "places": [1, 2, 3]}]), "do not go with the slices"),
        (lambda stored: described(stored, examples=[{"count": 4, "places": [1, 2, 3, 4]}]), "do not go"),
        (lambda stored: described(stored, examples=[{"count": 5, "places": [1, 1, 3, 4]}]), "do not go"),
        (lambda stored: with_tensor(stored, "examples.0.pixels", np.full((4, 37, 43), np.nan, np.float32)), "values"),
        (lambda stored: with_tensor(stored, "examples.0.pixels", np.full((4, 37, 43), 2, np.float32)), "values"),
        (lambda stored: with_tensor(stored, "examples.0.pixels", np.zeros((4, 37, 43))), "type float32"),
        (lambda stored: with_tensor(stored, "examples.0.masks", np.full((1, 4, 37, 43), 2, np.uint8)), "values"),
        (lambda stored: with_tensor(stored, "examples.0.masks", np.ones((1, 4, 3, 4), np.uint8)), "do not go"),
    ],
)
def test_a_model_that_cannot_be_is_refused_by_name(learner, spoil, words):
    model = learner.fit([example_of(0)], Run())
    with pytest.raises(InvalidSupportModel, match=words):
        learner.restore(spoil(kept(model)))
