"""What a click alone points at."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from MedSegAICore import Engine, PointPrompt, PromptTask, SegmentationRequest
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import Cancelled
from MedSegAICore.evaluation.metrics.pair import MaskPair
from MedSegAICore.evaluation.metrics.registry import dice
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.prompt.adaptive.click_region import (
    COEFFICIENTS,
    NEGLIGIBLE,
    SOFTNESS,
    expected_overlap,
    region_of_click,
    weights_of,
)
from MedSegAICore.prompt.adaptive.click_view import views_of
from MedSegAICore.prompt.adaptive.nested_regions import DEPTH, regions_around
from MedSegAICore.prompts import SlicePlane
from MedSegAICore.request import SliceScope
from MedSegAICore.volume import ImageVolume

CENTRE = (40, 44)
NOWHERE = np.empty((0, 2), dtype=np.int64)


def disc(radius: float, noise: float = 5.0) -> tuple[np.ndarray, np.ndarray]:
    """Return a noisy picture (96, 96) and the bright disc in it."""
    rows, columns = np.indices((96, 96))
    truth = np.hypot(rows - CENTRE[0], columns - CENTRE[1]) <= radius
    random = np.random.default_rng(0)
    return 100 + 100 * truth + noise * random.standard_normal(truth.shape), truth


def overlap(probability: np.ndarray, truth: np.ndarray) -> float:
    inside = np.atleast_3d(probability >= 0.5)
    return dice(MaskPair.of(inside, np.atleast_3d(truth), None))


@pytest.mark.parametrize("noise", [0.0, 5.0, 20.0])
@pytest.mark.parametrize(("radius", "least"), [(5, 0.7), (12, 0.85), (30, 0.95)])
def test_a_click_finds_a_plain_disc_of_any_size(radius: float, least: float, noise: float) -> None:
    pixels, truth = disc(radius, noise)
    probability = region_of_click(pixels, CENTRE, NOWHERE, Run())
    assert probability is not None
    assert probability[CENTRE] == pytest.approx(1.0, abs=1e-5)
    assert overlap(probability, truth) > least


def test_the_unit_of_intensity_makes_no_difference() -> None:
    pixels, _ = disc(12)
    here, there = (region_of_click(values, CENTRE, NOWHERE, Run()) for values in (pixels, -3000 + 250 * pixels))
    assert here is not None
    np.testing.assert_allclose(here, there, atol=1e-4)


def test_what_is_known_to_be_outside_is_left_out() -> None:
    pixels, truth = disc(12)
    pixels += 100 * np.roll(truth, 22, axis=1)  # a second disc that touches the first
    beside = (CENTRE[0], CENTRE[1] + 24)
    probability = region_of_click(pixels, CENTRE, np.array([beside]), Run())
    assert probability is not None
    assert probability[beside] == 0


def test_nothing_stands_out_of_a_flat_picture() -> None:
    assert region_of_click(np.full((40, 40), 7.0), (20, 20), NOWHERE, Run()) is None


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 200), (300, 9)])
def test_pictures_of_odd_shapes_are_taken(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).standard_normal(shape)
    click = (shape[0] - 1, shape[1] - 1)
    probability = region_of_click(pixels, click, NOWHERE, Run())
    assert probability is None or (probability.shape == shape and 0 <= probability.min() <= probability.max() < 1.001)


@pytest.mark.parametrize("click", [(0, 0), (299, 511), (150, 3)])
def test_every_view_shows_the_click(click: tuple[int, int]) -> None:
    pixels = np.arange(300 * 512, dtype=np.float64).reshape(300, 512)
    overview, close_up = views_of(pixels, click)
    assert close_up.pixels[close_up.click] == pixels[click]
    rows, columns, fine = overview.spread(np.ones(overview.pixels.shape, dtype=bool), pixels.shape)
    assert (rows, columns, fine.shape) == (slice(0, 300), slice(0, 512), (300, 512))
    assert overview.click[0] == click[0] // overview.factor


def test_regions_that_hardly_count_are_left_out_without_a_trace() -> None:
    pixels, _ = disc(12, noise=20)
    found = [region for view in views_of(pixels, CENTRE) for region in regions_around(view, False, Run())]
    weights = weights_of(found, Run())
    scores = np.array([expected_overlap(region.looks()) for region in found])
    expected = np.exp((scores - scores.max()) / SOFTNESS)
    expected /= expected.sum()
    assert weights.sum() == pytest.approx(1)
    assert 0 < np.count_nonzero(weights) < len(found)
    np.testing.assert_allclose(weights, expected, atol=2 * NEGLIGIBLE)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=2, unique=True).map(sorted))
def test_more_is_expected_of_a_region_the_deeper_the_click_lies(depths: list[float]) -> None:
    looks = np.zeros((2, len(COEFFICIENTS)))
    looks[:, DEPTH] = depths
    shallow, deep = (expected_overlap(row) for row in looks)
    assert shallow <= deep


def test_it_stops_when_asked_to() -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        region_of_click(disc(12)[0], CENTRE, NOWHERE, Run(cancel=token))


@pytest.mark.parametrize("whole", [False, True], ids=["slice", "volume"])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.7, 0.9, 3.1)])
@pytest.mark.parametrize("radius", [7.0, 14.0, 27.0])
def test_one_click_gives_the_whole_ball(radius: float, spacing: tuple[float, float, float], whole: bool) -> None:
    size = np.array(spacing[::-1])
    centre = np.ceil(1.6 * radius / size).astype(int)
    shape = tuple(int(n) for n in 2 * centre + 1)
    truth = np.linalg.norm((np.indices(shape).reshape(3, -1).T - centre) * size, axis=1).reshape(shape) <= radius
    array = 100 * truth + 10 * np.random.default_rng(0).standard_normal(shape)
    image = ImageVolume(array.astype(np.float32), VolumeGeometry.from_components(shape, spacing))
    click = (PointPrompt(image.geometry.to_ras(centre[::-1].astype(float))[0]),)
    plane = SlicePlane.of_slice(image.geometry, 0, int(centre[0]))
    task = PromptTask(click) if whole else PromptTask(click, scope=SliceScope(plane))
    mask = Engine().segment(SegmentationRequest(image, task)).mask.full()
    if not whole:
        mask, truth = mask[centre[0]][None], truth[centre[0]][None]
    assert dice(MaskPair.of(mask, truth, None)) > 0.9
