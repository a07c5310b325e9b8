"""SE-Net as a way to learn from examples: what it is shown, what it answers, what it keeps and refuses."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from fakes.grids import SOME_ORDERS_AND_FLIPS, image_stored_as, stored_as
from MedSegAICore.engine.cache import ByteBoundedCache
from MedSegAICore.engine.device import DevicePlan
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import (
    Cancelled,
    InvalidImage,
    InvalidSupport,
    InvalidSupportModel,
    WeightsMismatch,
    WeightsMissing,
)
from MedSegAICore.fewshot.examples import Example
from MedSegAICore.fewshot.senet import SENetLearner, build, matching_slice
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.models.checkpoint import fit_checkpoint, read_checkpoint
from MedSegAICore.networks.senet import SENet
from MedSegAICore.volume import ImageVolume, VolumePatch
from safetensors.torch import save_file

SHAPE, SPACING_IJK = (5, 37, 43), (1.5, 1.25, 4.0)
CPU = DevicePlan("cpu", "float32", "")


@pytest.fixture(scope="module")
def network() -> SENet:
    """A network with drawn weights, whose batch norms know the range of what they see."""
    torch.manual_seed(3)
    network = SENet().train()
    with torch.no_grad():
        for _ in range(20):
            support, query = torch.rand(2, 1, 48, 48), torch.rand(2, 1, 48, 48)
            network.segment(query, network.condition(support, (support > 0.7).float()))
    return network.eval()


def cache_of(size: int = 1 << 24) -> ByteBoundedCache:
    return ByteBoundedCache(size)


@pytest.fixture
def learner(network) -> SENetLearner:
    return SENetLearner("senet", "ab" * 32, "cpu", network, cache_of())


def example_of(seed: int, shape=SHAPE, labels=("organ",), spacing=SPACING_IJK, name: str = "") -> Example:
    """Draw an image with a box for each structure on all slices but the first."""
    rng = np.random.default_rng(seed)
    array = (40 * rng.standard_normal(shape)).astype(np.float32)
    geometry = VolumeGeometry.from_components(shape, spacing, (5, -7, 20), np.diag([-1, -1, 1]))
    masks = {}
    for number, label in enumerate(labels):
        mask = np.zeros(shape, bool)
        rows = slice(shape[1] // 8, max(shape[1] // 2, 1))
        columns = slice(shape[2] * (1 + 2 * number) // 10, max(shape[2] * (5 + 2 * number) // 10, 1))
        mask[min(1, shape[0] - 1) :, rows, columns] = True
        array[mask] += 150 + 80 * number
        masks[label] = VolumePatch.whole(mask, geometry)
    return Example(ImageVolume(array, geometry), masks, name)


def answered(network: SENet, support: Example, k: int, query: Example, at: int, label="organ") -> np.ndarray:
    """Return what the network itself makes of slices: min-max over the volume, 48 x 48 around them."""

    def framed(values):
        return torch.from_numpy(np.pad(values.astype(np.float32), ((5, 6), (2, 3))))[None, None]

    def scaled(array):
        return (array - array.min()) / (array.max() - array.min())

    with torch.inference_mode():
        mask = support.masks[label].full()[k]
        gates = network.condition(framed(scaled(support.image.array)[k]), framed(mask))
        return network.segment(framed(scaled(query.image.array)[at]), gates)[0, 0, 5:-6, 2:-3].numpy()


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


def test_examples_tell_how_well_each_is_segmented_by_the_others(learner):
    examples = [example_of(seed, labels=("liver", "spleen")) for seed in range(3)]
    assert learner.fit(examples[:1], Run()).leave_one_out == {}
    scores = learner.fit(examples, Run()).leave_one_out
    assert {label: len(values) for label, values in scores.items()} == {"liver": 3, "spleen": 3}
    others = learner.fit(examples[1:], Run()).segment(examples[0].image, Run()).probabilities
    shares = np.stack([patch.full() for patch in others.values()])
    winner = np.argmax([1 - shares.sum(axis=0), *shares], axis=0)
    for value, (label, mask) in enumerate(examples[0].masks.items(), start=1):
        truth = mask.full()
        dice = 2 * ((winner == value) & truth)[1:].sum() / ((winner == value)[1:].sum() + truth.sum())
        assert scores[label][0] == pytest.approx(dice)


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


@pytest.fixture
def checkpoint(network, tmp_path):
    path = tmp_path / "mine.safetensors"
    save_file(network.state_dict(), path)
    return path


def test_a_learner_is_built_from_its_description(checkpoint, network):
    learner = build(load_catalogue()["senet_fold1"], checkpoint, CPU, cache_of())
    assert (learner.name, learner.device, len(learner.weights_hash)) == ("senet_fold1", "cpu, float32", 64)
    query = example_of(1)
    found = learner.fit([example_of(0)], Run()).segment(query.image, Run()).probabilities["organ"].full()
    assert np.abs(found[2] - answered(network, example_of(0), 2, query, 2)).max() < 1e-5


def test_a_missing_or_wrong_checkpoint_is_refused_by_name(network, tmp_path):
    spec = load_catalogue()["senet_fold2"]
    with pytest.raises(WeightsMissing, match="'senet_fold2' needs a checkpoint"):
        build(spec, None, CPU, cache_of())
    state = network.state_dict()
    del state["conditioner.encode4.conv.bias"]  # never used, and part of the published files all the same
    save_file(state, tmp_path / "less.safetensors")
    with pytest.raises(
        WeightsMismatch, match=r"not for 'senet_fold2': it lacks 1 of 166 tensors .* seems to be SE-Net"
    ):
        build(spec, tmp_path / "less.safetensors", CPU, cache_of())
    save_file({"weight": torch.ones(2)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsMismatch, match="unknown network of 1 tensors"):
        build(spec, tmp_path / "other.safetensors", CPU, cache_of())


@pytest.mark.parametrize("fold", range(1, 5))
def test_the_published_checkpoints_are_those_of_the_catalogue(shared, fold):
    spec = load_catalogue()[f"senet_fold{fold}"]
    file = shared / "weights" / "senet_few_shot" / f"fold{fold}.safetensors"
    learner = build(spec, file, CPU, cache_of())
    assert learner.weights_hash == spec.weights.sha256
    assert file.stat().st_size == spec.weights.size_bytes


def test_the_published_network_answers_what_it_answers_by_itself(shared):
    file = shared / "weights" / "senet_few_shot" / "fold1.safetensors"
    learner = build(load_catalogue()["senet_fold1"], file, CPU, cache_of())
    network = SENet()
    fit_checkpoint(network, read_checkpoint(file), "")
    support, query = example_of(0), example_of(1)
    found = learner.fit([support], Run()).segment(query.image, Run()).probabilities["organ"].full()
    assert np.abs(found[3] - answered(network, support, 3, query, 3)).max() < 1e-5
