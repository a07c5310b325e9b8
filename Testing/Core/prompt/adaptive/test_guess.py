"""The adaptive model's guess on large slices is quick, and lies where its answer does."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.engine.cache import ByteBoundedCache
from MedSegAICore.engine.run import Run
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.prompt.adaptive.guess import LARGEST_SIDE, guessed, guesser
from MedSegAICore.prompt.adaptive.segmenter import AdaptiveSegmenter
from MedSegAICore.prompt.segmenter import SliceImage, SlicePrompts
from MedSegAICore.request import IntensityWindow

NO_POINTS = np.empty((0, 2)), np.empty(0, np.bool_)


@pytest.fixture
def adaptive():
    return guesser(load_catalogue()["adaptive"], ByteBoundedCache(1 << 24))


def disc(shape, middle, radius):
    rows, columns = np.indices(shape)
    return (rows - middle[0]) ** 2 + (columns - middle[1]) ** 2 <= radius**2


def slice_of(pixels, spacing=(0.5, 0.5)):
    return SliceImage(pixels.astype(np.float32), spacing, IntensityWindow(0, 100), "slice")


def noisy(mask):
    return 100 * mask + np.random.default_rng(1).normal(0, 5, mask.shape)


def prompts_of(kind, mask):
    rows, columns = np.nonzero(mask)
    middle = np.array([[columns.mean(), rows.mean()]])
    stroke, beside = np.zeros(mask.shape, np.bool_), np.zeros(mask.shape, np.bool_)
    stroke[int(rows.mean()), columns.min() + 9 : columns.max() - 9] = True
    beside[rows.max() + 9, columns.min() : columns.max()] = True
    box = np.array([columns.min(), rows.min(), columns.max(), rows.max()], np.float64)
    return {
        "click": SlicePrompts(middle, np.array([True])),
        "box": SlicePrompts(*NO_POINTS, box),
        "scribbles": SlicePrompts(*NO_POINTS, None, stroke, beside),
        "lasso": SlicePrompts(*NO_POINTS, None, mask.copy(), None, mask.copy()),
        "guess": SlicePrompts(*NO_POINTS, previous_mask=mask.astype(np.float32)),
    }[kind]


@pytest.mark.parametrize("kind", ["click", "box", "scribbles", "lasso", "guess"])
@pytest.mark.parametrize("shape", [(200, 230), (601, 513), (300, 1030)])
def test_a_guess_lies_on_the_structure_whatever_was_drawn(adaptive, kind, shape):
    mask = disc(shape, (150, 140), 35)
    guess = guessed(adaptive, slice_of(noisy(mask)), prompts_of(kind, mask), Run())
    assert guess.shape == shape
    assert guess.dtype == np.float32
    found = guess > 0.5
    least, farthest = {"click": (0.6, 3), "scribbles": (0.6, 10)}.get(kind, (0.9, 1))  # others say how large it is
    assert 2 * np.count_nonzero(found & mask) / (np.count_nonzero(found) + np.count_nonzero(mask)) > least
    middle = [places.mean() for places in np.nonzero(found)]
    np.testing.assert_allclose(middle, (150, 140), atol=farthest)


def test_a_slice_that_is_small_enough_is_answered_as_it_is(adaptive):
    mask = disc((LARGEST_SIDE, 90), (100, 40), 20)
    image, prompts = slice_of(noisy(mask)), prompts_of("box", mask)
    answer = adaptive.segment_slice(image, prompts, Run())
    assert np.array_equal(guessed(adaptive, image, prompts, Run()), answer.probability)


def test_a_box_of_one_pixel_is_answered(adaptive):
    image = slice_of(noisy(disc((600, 600), (300, 300), 40)))
    guess = guessed(adaptive, image, SlicePrompts(*NO_POINTS, np.array([300.0, 300, 300, 300])), Run())
    assert np.isfinite(guess).all()


def test_guesses_and_answers_of_the_adaptive_model_do_not_mix_in_their_cache():
    spec, cache = load_catalogue()["adaptive"], ByteBoundedCache(1 << 24)
    mask = disc((90, 90), (45, 40), 20)
    image, prompts = slice_of(noisy(mask)), prompts_of("click", mask)
    alone = AdaptiveSegmenter(spec.name, spec.capabilities, ByteBoundedCache(1)).segment_slice(image, prompts, Run())
    guessed(guesser(spec, cache), image, prompts, Run())
    after = AdaptiveSegmenter(spec.name, spec.capabilities, cache).segment_slice(image, prompts, Run())
    assert np.array_equal(after.probability, alone.probability)
