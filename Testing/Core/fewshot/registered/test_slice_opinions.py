"""On slices somebody else may be asked about what examples say; in volumes nobody is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes.people import person
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import Cancelled
from MedSegAICore.fewshot.model_file import load_model, save_model
from MedSegAICore.fewshot.registered import slice_opinions
from MedSegAICore.fewshot.registered.learner import RegisteredLearner


class Says:
    """Says the same of everything, once for each of its probabilities, and remembers what it was asked."""

    def __init__(self, *probabilities: float) -> None:
        self.probabilities, self.asked = probabilities, []

    def opinions(self, asked, run):
        run.check()
        self.asked.append((asked.levels, asked.spacing_mm, asked.found, asked.examples()))
        return [np.full_like(asked.found, one) for one in self.probabilities]


def asked(model, image, look, run=None):
    return replace(model, look=look).segment(image, run or Run()).probabilities


def dice(one, other) -> float:
    return 2 * (one & other).sum() / (one.sum() + other.sum())


@pytest.mark.parametrize("others", [1, 2])
def test_all_opinions_count_alike(learned_from_slices, slices, others):
    first, together = (
        asked(learned_from_slices, slices[2].image, None),
        asked(learned_from_slices, slices[2].image, Says(*[0] * others)),
    )
    for label, patch in first.items():
        assert np.allclose(together[label].full(), patch.full() / (1 + others), atol=1e-5)


def test_several_structures_never_add_up_to_more_than_one(learned_from_slices, slices):
    found = asked(learned_from_slices, slices[2].image, Says(1))
    assert np.sum([patch.full() for patch in found.values()], axis=0).max() <= 1 + 1e-5


def test_everybody_is_asked_with_intensities_and_pixels_as_they_are(learned_from_slices, slices):
    look = Says(0.5)
    asked(learned_from_slices, slices[2].image, look)
    assert len(look.asked) == len(learned_from_slices.labels) == 2
    rows, columns = slices[2].image.canonical().geometry.spacing_kji[1:]
    for levels, spacing, found, _ in look.asked:
        assert levels.shape == found.shape
        assert levels.min() >= 0
        assert levels.max() <= 1
        assert spacing == pytest.approx((rows, columns))


def test_everybody_is_shown_the_examples_as_they_come_to_lie_on_the_slice(learned_from_slices, slices):
    look = Says(0.5)
    asked(learned_from_slices, slices[2].image, look)
    for (levels, _, found, examples), other in zip(look.asked, reversed(look.asked), strict=True):
        assert examples.images.shape == (2, *levels.shape)
        assert examples.masks.shape == (2, 1, *levels.shape)
        for image, mask in zip(examples.images, examples.masks[:, 0], strict=True):
            assert np.corrcoef(image.ravel(), levels.ravel())[0, 1] > 0.8
            assert dice(mask > 0.5, found > 0.5) > 0.8 > dice(mask > 0.5, other[2] > 0.5)


def test_nobody_is_asked_about_a_volume():
    look = Says(0.5)
    people = [person(seed) for seed in range(2)]
    model = RegisteredLearner("registered", look=look).fit(people[:1], Run())
    model.segment(people[1].image, Run())
    assert not look.asked


def test_a_run_that_is_stopped_while_somebody_looks_ends(learned_from_slices, slices):
    token = CancelToken()

    class Stops(Says):
        def opinions(self, asked, run):
            token.cancel()
            return super().opinions(asked, run)

    with pytest.raises(Cancelled):
        asked(learned_from_slices, slices[2].image, Stops(0.5), Run(cancel=token))


def test_what_was_learned_is_asked_the_same_after_it_was_stored(slices, tmp_path):
    learner = RegisteredLearner("registered_network", "hash", look=Says(0.5))
    model, file = learner.fit(slices[:1], Run()), tmp_path / "model.safetensors"
    save_model(model.stored(), file)
    assert load_model(file).weights_hash == "hash"
    again = learner.restore(load_model(file)).segment(slices[2].image, Run())
    for label, patch in model.segment(slices[2].image, Run()).probabilities.items():
        assert np.array_equal(again.probabilities[label].full(), patch.full())


def test_examples_are_laid_on_the_slice_once_and_only_for_those_who_want_to_see_them(
    learned_from_slices, slices, monkeypatch
):
    laid, lay = [], slice_opinions.aligned_examples

    def counted(*details):
        laid.append(details)
        return lay(*details)

    monkeypatch.setattr(slice_opinions, "aligned_examples", counted)

    class LooksAway(Says):
        def opinions(self, asked, run):  # noqa: ARG002  it does not look
            return [asked.found]

    asked(learned_from_slices, slices[2].image, LooksAway())
    assert not laid
    asked(learned_from_slices, slices[2].image, Says(0.5))
    assert len(laid) == 1
