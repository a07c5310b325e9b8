"""Every metric agrees with the implementation that it names, on 200 pairs drawn by chance."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import surface_distance
import torch
from Core.evaluation.metrics.shapes import random_pairs
from MedSegAICore.evaluation.metrics.pair import MaskPair
from MedSegAICore.evaluation.metrics.registry import measure, standard_metrics
from monai.metrics import DiceMetric, MeanIoU, SurfaceDiceMetric

PAIRS = list(random_pairs(200, seed=5))
TOLERANCE = 1.7


@pytest.fixture(scope="module")
def values():
    metrics = standard_metrics(nsd_tolerance=TOLERANCE)
    return [measure(MaskPair.of(prediction, truth, spacing), metrics) for prediction, truth, spacing in PAIRS]


def deepminds(prediction, truth, spacing):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*scipy.ndimage", category=DeprecationWarning)
        return surface_distance.compute_surface_distances(truth, prediction, spacing)


@pytest.fixture(scope="module")
def distances():
    """What DeepMind's package says; it wants an 'np.Inf', which NumPy 2 has no more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np, "Inf", np.inf, raising=False)
        return [deepminds(prediction, truth, spacing) for prediction, truth, spacing in PAIRS]


def both_present(prediction, truth):
    return bool(prediction.any() and truth.any())


def as_tensors(prediction, truth):
    return [torch.from_numpy(mask[None, None].astype(np.float32)) for mask in (prediction, truth)]


def test_the_pairs_hold_what_is_difficult():
    sizes = [(int(prediction.sum()), int(truth.sum())) for prediction, truth, _ in PAIRS]
    assert len(PAIRS) == 200
    assert sum(a == b == 0 for a, b in sizes) >= 1
    assert sum((a == 0) != (b == 0) for a, b in sizes) >= 20
    assert sum(1 in pair for pair in sizes) >= 30
    assert sum(both_present(prediction, truth) for prediction, truth, _ in PAIRS) >= 120


@pytest.mark.parametrize(("name", "reference"), [("dice", DiceMetric), ("iou", MeanIoU)])
def test_overlap_is_monais(values, name, reference):
    metric = reference(include_background=True, ignore_empty=False)
    theirs = [float(metric(*as_tensors(prediction, truth))) for prediction, truth, _ in PAIRS]
    assert [value[name] for value in values] == pytest.approx(theirs, abs=1e-6)


def test_surface_dice_is_deepminds(values, distances):
    for (prediction, truth, _), value, distance in zip(PAIRS, values, distances, strict=True):
        if both_present(prediction, truth):
            theirs = surface_distance.compute_surface_dice_at_tolerance(distance, TOLERANCE)
            assert value["nsd"] == pytest.approx(theirs, abs=1e-9)


@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")
def test_surface_dice_is_monais_with_subvoxels(values):
    for (prediction, truth, spacing), value in list(zip(PAIRS, values, strict=True))[:60]:
        if both_present(prediction, truth):
            metric = SurfaceDiceMetric([TOLERANCE], include_background=True, use_subvoxels=True)
            theirs = float(metric(*as_tensors(prediction, truth), spacing=spacing))
            assert value["nsd"] == pytest.approx(theirs, abs=1e-5)


def test_hausdorff_distance_is_deepminds(values, distances):
    for (prediction, truth, _), value, distance in zip(PAIRS, values, distances, strict=True):
        if both_present(prediction, truth):
            theirs = surface_distance.compute_robust_hausdorff(distance, 95)
            assert value["hd95"] == pytest.approx(theirs, rel=1e-6)


def test_mean_surface_distance_is_deepminds(values, distances):
    for (prediction, truth, _), value, distance in zip(PAIRS, values, distances, strict=True):
        if both_present(prediction, truth):
            theirs = np.mean(surface_distance.compute_average_surface_distance(distance))
            assert value["assd"] == pytest.approx(theirs, rel=1e-6, abs=1e-9)


def test_contours_of_single_slices_are_deepminds():
    compared = 0
    for prediction, truth, spacing in PAIRS:
        flat, true = prediction[:1], truth[:1]
        if not both_present(flat, true):
            continue
        ours = measure(MaskPair.of(flat, true, spacing), standard_metrics(TOLERANCE))
        distance = deepminds(flat[0], true[0], spacing[1:])
        assert ours["nsd"] == pytest.approx(surface_distance.compute_surface_dice_at_tolerance(distance, TOLERANCE))
        assert ours["hd95"] == pytest.approx(surface_distance.compute_robust_hausdorff(distance, 95), rel=1e-6)
        mean = np.mean(surface_distance.compute_average_surface_distance(distance))
        assert ours["assd"] == pytest.approx(mean, rel=1e-6, abs=1e-9)
        compared += 1
    assert compared >= 50


def test_pairs_with_an_empty_side_get_the_worst_values_and_stay(values):
    for (prediction, truth, spacing), value in zip(PAIRS, values, strict=True):
        if prediction.any() == truth.any():
            continue
        diagonal = np.linalg.norm(np.multiply(prediction.shape, spacing))
        expected = {"dice": 0, "iou": 0, "nsd": 0, "hd95": diagonal, "assd": diagonal}
        assert {name: value[name] for name in expected} == pytest.approx(expected)
        assert value["relative_volume_difference"] == (2 if prediction.any() else -2)


def test_no_value_of_any_pair_is_missing(values):
    names = [metric.name for metric in standard_metrics()]
    assert all(list(value) == names for value in values)
    assert np.isfinite([list(value.values()) for value in values]).all()
