"""Pairs of masks: which voxels they keep, which inputs they refuse, and what does not change a value."""

from __future__ import annotations

import sys
from itertools import permutations

import numpy as np
import pytest
from Core.evaluation.metrics.shapes import ball, random_blob, random_pairs
from hypothesis import given, settings
from hypothesis import strategies as st
from MedSegAICore.errors import GeometryMismatch, InvalidImage, InvalidRequest, PackageMissing
from MedSegAICore.evaluation.metrics.pair import MaskPair, pairs_of
from MedSegAICore.evaluation.metrics.registry import measure, standard_metrics
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.volume import ImageVolume

SPACING_KJI = (2.5, 0.9, 0.7)
LABELS = {"liver": 3, "spleen": 7, "kidney": 1, "missed": 4, "invented": 5, "nowhere": 90}


def volume(array, spacing_kji=SPACING_KJI, origin=(0, 0, 0)):
    return ImageVolume(array, VolumeGeometry.from_components(array.shape, spacing_kji[::-1], origin))


@pytest.fixture
def label_maps():
    """Prediction and truth with several structures, one missed, one invented."""
    rng = np.random.default_rng(2)
    shape = (14, 30, 32)
    maps = [np.zeros(shape, np.int16), np.zeros(shape, np.int16)]
    for label in (3, 7, 1):
        for labels in maps:
            labels[random_blob(shape, rng)] = label
    maps[0][2:4, 1:5, 25:30] = 5
    maps[1][9:12, 20:28, 2:5] = 4
    maps[0][0, 0, 0] = 200  # of another structure, which nobody asked about
    return maps


def test_every_label_is_measured_as_if_it_were_alone(label_maps):
    prediction, truth = label_maps
    found = list(pairs_of(volume(prediction), volume(truth), LABELS))
    assert [name for name, _ in found] == list(LABELS)
    for name, pair in found:
        alone = MaskPair.of(prediction == LABELS[name], truth == LABELS[name], SPACING_KJI)
        assert measure(pair, standard_metrics()) == measure(alone, standard_metrics())
        assert pair.extent == pytest.approx(np.linalg.norm(np.multiply(truth.shape, SPACING_KJI)))


def test_missed_invented_and_absent_structures_all_appear(label_maps):
    pairs = dict(pairs_of(*(volume(labels) for labels in label_maps), LABELS))
    assert pairs["missed"].has_one_empty_side
    assert pairs["invented"].has_one_empty_side
    assert pairs["nowhere"].is_empty
    dice = {name: measure(pair, standard_metrics())["dice"] for name, pair in pairs.items()}
    assert (dice["missed"], dice["invented"], dice["nowhere"]) == (0.0, 0.0, 1.0)


def test_a_pair_keeps_only_the_box_around_both_masks():
    prediction, truth = np.zeros((2, 20, 30, 40), bool)
    prediction[3:5, 10:12, 20] = True
    truth[4:9, 11, 18:21] = True
    assert MaskPair.of(prediction, truth, None).truth.shape == (6, 2, 3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64, np.float32, np.float64])
def test_label_maps_of_every_type_give_the_same_pairs(label_maps, dtype):
    expected = {name: pair.sizes for name, pair in pairs_of(*(volume(labels) for labels in label_maps), LABELS)}
    typed = [volume(labels.astype(dtype)) for labels in label_maps]
    assert {name: pair.sizes for name, pair in pairs_of(*typed, LABELS)} == expected


def test_masks_are_label_maps_with_one_label(label_maps):
    masks = [volume(labels == 3) for labels in label_maps]
    ((name, pair),) = pairs_of(*masks, {"liver": 1})
    assert (name, pair.sizes[1]) == ("liver", np.count_nonzero(label_maps[1] == 3))


def test_another_size_is_refused_with_advice(label_maps):
    prediction, truth = label_maps
    with pytest.raises(GeometryMismatch, match=r"\(13, 30, 32\).*Resample") as error:
        next(pairs_of(volume(prediction[1:]), volume(truth), LABELS))
    assert "nearest neighbor" in error.value.advice


@pytest.mark.parametrize("other", [{"origin": (0, 0, 1.0)}, {"spacing_kji": (2.5, 0.9, 0.8)}])
def test_another_place_is_refused_unless_the_images_know_none(label_maps, other):
    prediction, truth = label_maps
    with pytest.raises(GeometryMismatch, match="same place"):
        next(pairs_of(volume(prediction, **other), volume(truth), LABELS))
    pairs = dict(pairs_of(volume(prediction, **other), volume(truth), LABELS, has_spacing=False))
    assert pairs["liver"].spacing_kji is None
    assert pairs["liver"].extent == pytest.approx(np.linalg.norm(truth.shape))


def test_a_probability_is_not_a_label_map(label_maps):
    prediction, truth = label_maps
    with pytest.raises(InvalidImage, match="whole numbers"):
        next(pairs_of(volume(prediction + 0.5), volume(truth), LABELS))


@pytest.mark.parametrize("value", [0, -1])
def test_the_background_is_no_label(label_maps, value):
    with pytest.raises(InvalidRequest, match="'air'"):
        next(pairs_of(*(volume(labels) for labels in label_maps), {"liver": 3, "air": value}))


def test_masks_of_different_shapes_are_refused():
    with pytest.raises(GeometryMismatch, match=r"\(4, 4, 4\)"):
        MaskPair.of(np.ones((4, 4, 4)), np.ones((4, 4, 5)), None)
    with pytest.raises(GeometryMismatch, match="4"):
        MaskPair.of(np.ones((1, 4, 4, 4)), np.ones((1, 4, 4, 4)), None)


@pytest.mark.parametrize("spacing", [(1, 1), (1, 0, 1), (1, -1, 1), (1, np.nan, 1)])
def test_a_spacing_that_is_none_is_refused(spacing):
    with pytest.raises(InvalidRequest, match="spacing"):
        MaskPair.of(np.ones((4, 4, 4)), np.ones((4, 4, 4)), spacing)


def test_a_missing_package_is_named_and_overlap_works_without_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "surface_distance", None)
    mask = ball((9, 9, 9), (1, 1, 1), (4, 4, 4), 3)
    pair = MaskPair.of(mask, mask, SPACING_KJI)
    dice, _, nsd, *_ = standard_metrics()
    assert dice.measure(pair) == 1.0
    with pytest.raises(PackageMissing, match="pip install surface-distance"):
        nsd.measure(pair)


def swapped(values):
    """Return the values that prediction and truth have when they change places."""
    return {name: -value if name.endswith("volume_difference") else value for name, value in values.items()}


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_how_an_image_is_stored_does_not_change_a_value(seed):
    ((prediction, truth, spacing),) = random_pairs(1, seed)
    metrics = standard_metrics()
    prediction, truth = (np.pad(mask, 1) for mask in (prediction, truth))
    expected = measure(MaskPair.of(prediction, truth, spacing), metrics)
    rng = np.random.default_rng(seed)
    axes = list(permutations(range(3)))[rng.integers(6)]
    flips = tuple(int(axis) for axis in np.flatnonzero(rng.random(3) < 0.5))
    stored = (np.flip(mask, flips).transpose(axes) for mask in (prediction, truth))
    moved = measure(MaskPair.of(*stored, [spacing[axis] for axis in axes]), metrics)
    assert moved == pytest.approx(expected, rel=1e-5, abs=1e-5)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_prediction_and_truth_change_places_without_changing_a_value(seed):
    ((prediction, truth, spacing),) = random_pairs(1, seed)
    values = measure(MaskPair.of(prediction, truth, spacing), standard_metrics())
    other_way = measure(MaskPair.of(truth, prediction, spacing), standard_metrics())
    assert swapped(other_way) == pytest.approx(values, rel=1e-9, abs=1e-9)
