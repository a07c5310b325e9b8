"""On slices somebody else may be asked about what examples say; in volumes nobody is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes.people import person
from MedSegAICore import Engine, FewShotTask, FitRequest, SegmentationRequest
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import Cancelled, InvalidSupportModel
from MedSegAICore.fewshot.model_file import load_model, save_model
from MedSegAICore.fewshot.registered.learner import RegisteredLearner
from MedSegAICore.models.catalogue import load_catalogue

SLICE = (1, 52, 48)


class Says:
    """Says the same of everything, and remembers what it was asked."""

    weights_hash, device = "hash", "cpu"

    def __init__(self, probability: float) -> None:
        self.probability, self.asked = np.float32(probability), []

    def at(self, levels, spacing_mm, found, run):
        run.check()
        self.asked.append((levels, spacing_mm, found))
        return np.full_like(found, self.probability)


@pytest.fixture(scope="module")
def slices():
    """Two examples and, last, a query: slices of 52 x 48 pixels, each of another person."""
    return [person(seed, SLICE, name=f"person {seed}") for seed in range(3)]


@pytest.fixture(scope="module")
def alone(slices):
    """What examples say by themselves."""
    return RegisteredLearner("registered").fit(slices[:2], Run())


def asked(model, image, look, run=None):
    return replace(model, look=look).segment(image, run or Run()).probabilities


def dice(one, other) -> float:
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def test_both_opinions_count_alike(alone, slices):
    first, both = asked(alone, slices[2].image, None), asked(alone, slices[2].image, Says(0))
    for label, patch in first.items():
        assert np.allclose(both[label].full(), patch.full() / 2, atol=1e-5)


def test_several_structures_never_add_up_to_more_than_one(alone, slices):
    found = asked(alone, slices[2].image, Says(1))
    assert np.sum([patch.full() for patch in found.values()], axis=0).max() <= 1 + 1e-5


def test_everybody_is_asked_with_intensities_and_pixels_as_they_are(alone, slices):
    look = Says(0.5)
    asked(alone, slices[2].image, look)
    assert len(look.asked) == len(alone.labels) == 2
    rows, columns = slices[2].image.canonical().geometry.spacing_kji[1:]
    for levels, spacing, found in look.asked:
        assert levels.shape == found.shape
        assert levels.min() >= 0
        assert levels.max() <= 1
        assert spacing == pytest.approx((rows, columns))


def test_nobody_is_asked_about_a_volume():
    look = Says(0.5)
    people = [person(seed) for seed in range(2)]
    model = RegisteredLearner("registered", look=look).fit(people[:1], Run())
    model.segment(people[1].image, Run())
    assert not look.asked


def test_a_run_that_is_stopped_while_somebody_looks_ends(alone, slices):
    token = CancelToken()

    class Stops(Says):
        def at(self, levels, spacing_mm, found, run):
            token.cancel()
            return super().at(levels, spacing_mm, found, run)

    with pytest.raises(Cancelled):
        asked(alone, slices[2].image, Stops(0.5), Run(cancel=token))


def test_what_was_learned_is_asked_the_same_after_it_was_stored(slices, tmp_path):
    learner = RegisteredLearner("registered_network", "hash", look=Says(0.5))
    model, file = learner.fit(slices[:1], Run()), tmp_path / "model.safetensors"
    save_model(model.stored(), file)
    assert load_model(file).weights_hash == "hash"
    again = learner.restore(load_model(file)).segment(slices[2].image, Run())
    for label, patch in model.segment(slices[2].image, Run()).probabilities.items():
        assert np.array_equal(again.probabilities[label].full(), patch.full())


# -- with the network that comes with MedSegAI


@pytest.fixture(scope="module")
def engine():
    return Engine("cpu")


@pytest.fixture(scope="module")
def report(engine, slices, tmp_path_factory):
    file = tmp_path_factory.mktemp("learned") / "organs.safetensors"
    return engine.fit(FitRequest(tuple(slices[:2]), file, model="registered_network"))


def test_the_network_that_comes_with_medsegai_finds_what_examples_show(engine, report, slices):
    result = engine.segment(SegmentationRequest(slices[2].image, FewShotTask(report.file)))
    for structure in result.structures:
        truth = slices[2].masks[structure.label].full()
        assert dice(structure.mask.full(), truth) > 0.85
    assert result.provenance.model == "registered_network"
    assert result.provenance.weights_hash == load_catalogue()["interactive"].weights.sha256


def test_a_model_that_was_learned_with_other_weights_is_refused(engine, report, slices, tmp_path):
    other = tmp_path / "other.safetensors"
    save_model(replace(load_model(report.file), weights_hash="0" * 64), other)
    with pytest.raises(InvalidSupportModel, match="other weights"):
        engine.segment(SegmentationRequest(slices[2].image, FewShotTask(other)))
