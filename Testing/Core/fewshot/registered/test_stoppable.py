"""What takes long on large images stops when it is cancelled, and is the same when it is not."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from MedSegAICore import Cancelled
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.fewshot.registered import grids
from MedSegAICore.fewshot.registered.grids import (
    coarse_image,
    empty_grid,
    extent_of,
    fine_image,
    normalised,
    resampled,
    smoothed_for,
    unit_scaled,
)
from MedSegAICore.fewshot.registered.query import patches_of, register_query
from MedSegAICore.fewshot.registered.stoppable import executed
from MedSegAICore.fewshot.registered.support_model import SupportModel


class StopsAt(CancelToken):
    """Is cancelled the so-many-th time somebody looks."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks, self.last = 0, looks

    @property
    def is_cancelled(self) -> bool:
        self.looks += 1
        return self.looks >= self.last


@pytest.fixture(scope="module")
def image() -> sitk.Image:
    image = sitk.GetImageFromArray(np.random.default_rng(0).random((40, 60, 50), dtype=np.float32))
    image.SetSpacing((0.7, 0.8, 2.0))
    return image


@pytest.fixture(scope="module")
def grid(image) -> sitk.Image:
    return empty_grid(image, [-0.5] * 3, extent_of(image), (2.0, 2.0, 4.0))


def works_on(image, grid):
    return {
        "smoothing": lambda run: smoothed_for(image, (3.0, 3.0, 6.0), run),
        "resampling": lambda run: resampled(image, grid, run=run),
        "a coarse image": lambda run: coarse_image(sitk.Expand(image, [2, 2, 2]), run),
        "a box": lambda run: fine_image(image, grid, run),
    }


@pytest.mark.parametrize("work", ["smoothing", "resampling", "a coarse image", "a box"])
def test_a_filter_looks_often_whether_it_should_stop(image, grid, work):
    never = StopsAt(10**9)
    works_on(image, grid)[work](Run(cancel=never))
    assert never.looks > 20
    halfway = StopsAt(never.looks // 2)
    with pytest.raises(Cancelled):
        works_on(image, grid)[work](Run(cancel=halfway))
    assert halfway.looks < never.looks


def test_a_watched_filter_makes_what_it_makes_unwatched(image):
    ratio = np.array([3.0, 3.0, 6.0]) / image.GetSpacing()
    expected = sitk.DiscreteGaussian(image, (((0.5 * ratio) ** 2 - 0.25) * np.array(image.GetSpacing()) ** 2).tolist())
    found = smoothed_for(image, (3.0, 3.0, 6.0), Run())
    assert np.array_equal(sitk.GetArrayViewFromImage(found), sitk.GetArrayViewFromImage(expected))


def test_a_filter_that_fails_by_itself_says_why(image):
    gaussian = sitk.DiscreteGaussianImageFilter()
    gaussian.SetMaximumError(2.0)
    with pytest.raises(RuntimeError, match=r"[Ee]rror"):
        executed(gaussian, Run(), image)


def test_slabs_are_scaled_as_the_whole(people, monkeypatch):
    array = people[0].image.array
    whole = unit_scaled(array, -3.0, 90.0)
    monkeypatch.setattr(grids, "SLAB_VOXELS", array[0].size * 5)
    assert np.array_equal(unit_scaled(array, -3.0, 90.0), whole)
    with pytest.raises(Cancelled):
        normalised(people[0].image, Run(cancel=StopsAt(3)))


def test_an_answer_stops_also_while_it_is_spread_over_the_image(model: SupportModel, people):
    registered = register_query(model, people[3].image, Run())
    never = StopsAt(10**9)
    patches_of(model.labels, registered, registered.priors.weighted, Run(cancel=never))
    with pytest.raises(Cancelled):
        patches_of(model.labels, registered, registered.priors.weighted, Run(cancel=StopsAt(never.looks)))
