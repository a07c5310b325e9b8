"""Metrics of shapes whose answer can be written down."""

from __future__ import annotations

from math import hypot

import numpy as np
import pytest
from Core.evaluation.metrics.shapes import ball
from MedSegAICore.evaluation.metrics.pair import MaskPair
from MedSegAICore.evaluation.metrics.registry import failed, measure, normalized_surface_dice, standard_metrics

SPACINGS = [(1.0, 1.0, 1.0), (3.0, 0.8, 0.8), (0.6, 0.9, 2.0)]
FIELD_MM = 60.0


def field(spacing):
    return tuple(int(FIELD_MM / mm) for mm in spacing)


def measured(prediction, truth, spacing):
    return measure(MaskPair.of(prediction, truth, spacing), standard_metrics())


def box(shape, first, last):
    mask = np.zeros(shape, bool)
    mask[tuple(slice(a, b) for a, b in zip(first, last, strict=True))] = True
    return mask


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("shift", [4.0, 12.0, 25.0])
def test_two_shifted_spheres_overlap_in_a_lens(spacing, shift):
    radius, center = 16.0, 30.0
    first = ball(field(spacing), spacing, (center, center, center - shift / 2), radius)
    second = ball(field(spacing), spacing, (center, center, center + shift / 2), radius)
    lens = (4 * radius + shift) * (2 * radius - shift) ** 2 / (16 * radius**3)  # over the volume of a sphere
    values = measured(first, second, spacing)
    assert values["dice"] == pytest.approx(lens, abs=0.015)
    assert values["iou"] == pytest.approx(lens / (2 - lens), abs=0.015)


@pytest.mark.parametrize("spacing", [(0.5, 0.5, 0.5), (1.5, 0.4, 0.4), (0.3, 0.45, 1.0)])
def test_concentric_spheres_are_as_far_apart_as_their_radii(spacing):
    center, small, large = (30.0, 30.0, 30.0), 15.0, 22.0
    inner, outer = (ball(field(spacing), spacing, center, radius) for radius in (small, large))
    values = measured(inner, outer, spacing)
    voxel = hypot(*spacing)  # every corner lies at most half of that from the sphere, and there are two spheres
    assert values["hd95"] == pytest.approx(large - small, abs=voxel)
    assert values["assd"] == pytest.approx(large - small, abs=voxel / 2)
    pair = MaskPair.of(inner, outer, spacing)
    assert normalized_surface_dice(pair, large - small + voxel) == 1.0
    assert normalized_surface_dice(pair, large - small - voxel) < 0.02
    volumes = 4 / 3 * np.pi * np.array([small, large]) ** 3 / 1000
    assert values["volume_difference"] == pytest.approx(volumes[0] - volumes[1], rel=0.02)
    relative = 2 * (volumes[0] - volumes[1]) / volumes.sum()
    assert values["relative_volume_difference"] == pytest.approx(relative, rel=0.02)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("spacing", SPACINGS)
def test_a_shifted_box_is_off_by_its_shift(axis, spacing):
    first, last, shift = np.array([4, 5, 6]), np.array([24, 25, 26]), np.zeros(3, int)
    shift[axis] = 5
    shape = (40, 40, 40)
    values = measured(box(shape, first + shift, last + shift), box(shape, first, last), spacing)
    assert values["dice"] == pytest.approx(15 / 20)
    assert values["iou"] == pytest.approx(15 / 25)
    assert values["hd95"] == pytest.approx(5 * spacing[axis], rel=1e-6)
    assert values["volume_difference"] == 0.0


def test_a_larger_box_has_more_volume():
    shape, spacing = (20, 20, 20), (2.0, 0.5, 1.5)
    values = measured(box(shape, (2, 2, 2), (12, 12, 14)), box(shape, (2, 2, 2), (12, 12, 10)), spacing)
    assert values["volume_difference"] == pytest.approx(400 * 1.5 / 1000)
    assert values["relative_volume_difference"] == pytest.approx(2 * 400 / (1200 + 800))


def test_the_tolerance_counts_a_surface_at_exactly_that_distance():
    spacing = float(np.float32(0.7))  # as a NIfTI header stores it: a little less
    truth = box((30, 30, 30), (5, 5, 5), (15, 15, 15))
    moved = MaskPair.of(np.roll(truth, 3, axis=2), truth, (spacing, spacing, spacing))
    assert normalized_surface_dice(moved, 2.1) == 1.0
    assert normalized_surface_dice(moved, 2.09) < 0.9
    larger = float(np.nextafter(np.float32(0.7), np.float32(1)))  # and a little more
    moved = MaskPair.of(np.roll(truth, 3, axis=2), truth, (larger, larger, larger))
    assert normalized_surface_dice(moved, 2.1) == 1.0


def test_a_single_slice_has_a_contour_whatever_its_thickness():
    outer, inner = (ball((90, 90), (0.8, 0.8), (36.0, 36.0), radius) for radius in (30.0, 22.0))
    thin, thick = (measured(inner[None], outer[None], (mm, 0.8, 0.8)) for mm in (1.0, 10.0))
    for name in ("nsd", "hd95", "assd"):
        assert thin[name] == thick[name]
    assert thin["assd"] == pytest.approx(8.0, abs=0.4)
    assert thin["hd95"] == pytest.approx(8.0, abs=0.8)
    assert thick["volume_difference"] == pytest.approx(10 * thin["volume_difference"])


def test_a_slice_is_flat_along_any_axis():
    truth, prediction = box((20, 30), (3, 4), (13, 19)), box((20, 30), (5, 4), (15, 22))
    along_k = measured(prediction[None], truth[None], (7.0, 0.5, 2.0))
    along_j = measured(prediction[:, None], truth[:, None], (0.5, 7.0, 2.0))
    along_i = measured(prediction[..., None], truth[..., None], (0.5, 2.0, 7.0))
    assert along_k == pytest.approx(along_j)
    assert along_k == pytest.approx(along_i)
    assert measured(prediction, truth, (7.0, 0.5, 2.0)) == along_k


def test_a_structure_on_one_slice_of_a_volume_has_a_surface():
    outer, inner = (ball((90, 90), (1.0, 1.0), (45.0, 45.0), radius) for radius in (30.0, 22.0))
    flat = measured(inner, outer, (1.0, 1.0, 1.0))
    volumes = (np.stack([np.zeros_like(mask), mask, np.zeros_like(mask)]) for mask in (inner, outer))
    slab = measured(*volumes, (1.0, 1.0, 1.0))
    assert slab["assd"] < flat["assd"] / 3  # most of its surface faces up and down


def test_without_spacing_lengths_are_in_pixels():
    truth = box((1, 40, 40), (0, 5, 5), (1, 25, 25))
    values = measured(np.roll(truth, 4, axis=1), truth, None)
    assert values["hd95"] == pytest.approx(4.0)
    larger = measured(box((1, 40, 40), (0, 5, 5), (1, 25, 27)), truth, None)
    assert larger["volume_difference"] == 40.0
    missed = measured(np.zeros_like(truth), truth, None)
    assert missed["hd95"] == pytest.approx(hypot(40, 40))
    units = [metric.unit_for(has_spacing=False) for metric in standard_metrics()]
    assert units == ["", "", "", "px", "px", "px", ""]


def test_nothing_where_nothing_is_is_perfect():
    nothing = np.zeros((5, 6, 7), bool)
    expected = dict.fromkeys(("dice", "iou", "nsd"), 1.0)
    expected |= dict.fromkeys(("hd95", "assd", "volume_difference", "relative_volume_difference"), 0.0)
    assert measured(nothing, nothing, (1, 2, 3)) == expected


def test_a_single_voxel_that_is_hit_is_perfect():
    voxel = box((5, 6, 7), (2, 3, 4), (3, 4, 5))
    values = measured(voxel, voxel, (1, 2, 3))
    assert (values["dice"], values["nsd"], values["hd95"], values["assd"]) == (1.0, 1.0, 0.0, 0.0)


@pytest.mark.parametrize("whole", [True, False])
def test_a_method_without_an_answer_gets_the_worst_of_everything(whole):
    truth = np.full((10, 20, 30), whole)
    pair = MaskPair.of(truth, truth, (3.0, 2.0, 1.0))  # the prediction would be perfect, but it does not count
    diagonal = hypot(30, 40, 30)
    assert failed(pair, standard_metrics()) == pytest.approx(
        {
            "dice": 0.0,
            "iou": 0.0,
            "nsd": 0.0,
            "hd95": diagonal,
            "assd": diagonal,
            "volume_difference": -6000 * 6 / 1000 if whole else 0.0,
            "relative_volume_difference": -2.0,
        }
    )


def test_every_metric_names_its_reference_and_its_better_way():
    metrics = standard_metrics(nsd_tolerance=3.5)
    assert len({metric.name for metric in metrics}) == len(metrics)
    assert all(metric.reference and metric.title for metric in metrics)
    better = {metric.name: metric.higher_is_better for metric in metrics}
    assert better["dice"] is True
    assert better["hd95"] is False
    assert better["volume_difference"] is None
    assert next(metric.title for metric in metrics if metric.name == "nsd") == "NSD at 3.5"
