"""On slices somebody else may be asked about what examples say; in volumes nobody is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from fakes.people import person
from MedSegAICore import Engine, FewShotTask, FitRequest, SegmentationRequest
from MedSegAICore.engine.cache import ByteBoundedCache
from MedSegAICore.engine.device import DevicePlan
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import Cancelled, InvalidSupportModel, WeightsMissing
from MedSegAICore.fewshot.model_file import load_model, save_model
from MedSegAICore.fewshot.registered import with_network, with_own_network
from MedSegAICore.fewshot.registered.grids import resampled
from MedSegAICore.fewshot.registered.learner import RegisteredLearner
from MedSegAICore.fewshot.registered.query import register_query
from MedSegAICore.fewshot.registered.second_opinion import AlignedExamples, aligned_examples
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.models.checkpoint import file_sha256
from MedSegAICore.models.trained_file import write_trained
from MedSegAICore.networks.context_unet import ContextUNet

SLICE = (1, 52, 48)


class Says:
    """Says the same of everything, once for each of its probabilities, and remembers what it was asked."""

    weights_hash, device = "hash", "cpu"

    def __init__(self, *probabilities: float) -> None:
        self.probabilities, self.asked = probabilities, []

    def opinions(self, levels, spacing_mm, found, examples, run):
        run.check()
        self.asked.append((levels, spacing_mm, found, examples))
        return [np.full_like(found, one) for one in self.probabilities]


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


@pytest.mark.parametrize("others", [1, 2])
def test_all_opinions_count_alike(alone, slices, others):
    first, together = asked(alone, slices[2].image, None), asked(alone, slices[2].image, Says(*[0] * others))
    for label, patch in first.items():
        assert np.allclose(together[label].full(), patch.full() / (1 + others), atol=1e-5)


def test_several_structures_never_add_up_to_more_than_one(alone, slices):
    found = asked(alone, slices[2].image, Says(1))
    assert np.sum([patch.full() for patch in found.values()], axis=0).max() <= 1 + 1e-5


def test_everybody_is_asked_with_intensities_and_pixels_as_they_are(alone, slices):
    look = Says(0.5)
    asked(alone, slices[2].image, look)
    assert len(look.asked) == len(alone.labels) == 2
    rows, columns = slices[2].image.canonical().geometry.spacing_kji[1:]
    for levels, spacing, found, _ in look.asked:
        assert levels.shape == found.shape
        assert levels.min() >= 0
        assert levels.max() <= 1
        assert spacing == pytest.approx((rows, columns))


def test_everybody_is_shown_the_examples_as_they_come_to_lie_on_the_slice(alone, slices):
    look = Says(0.5)
    asked(alone, slices[2].image, look)
    for (levels, _, found, examples), other in zip(look.asked, reversed(look.asked), strict=True):
        assert examples.images.shape == (2, *levels.shape)
        assert examples.masks.shape == (2, 1, *levels.shape)
        for image, mask in zip(examples.images, examples.masks[:, 0], strict=True):
            assert np.corrcoef(image.ravel(), levels.ravel())[0, 1] > 0.8
            assert dice(mask > 0.5, found > 0.5) > 0.8 > dice(mask > 0.5, other[2] > 0.5)


def test_an_example_is_shown_by_that_of_its_registrations_after_which_it_is_most_like_the_slice(alone, slices):
    registered = register_query(alone.model, slices[2].image, Run())
    first, second = registered.alignments
    elsewhere = replace(first.whole, deformable=sitk.TranslationTransform(2, (9, 9)))

    def shown(similarity):
        added = replace(first, near=(*first.near, replace(elsewhere, similarity=similarity)))
        return aligned_examples(registered.fine, alone.model.scans, (added, second), len(alone.labels), Run())

    worst, best = shown(-2.0), shown(2.0)
    moved = sitk.GetArrayFromImage(resampled(alone.model.scans[0].fine, registered.fine, elsewhere.deformable))
    assert np.array_equal(best.images[0], moved)
    assert not np.array_equal(worst.images[0], moved)
    assert not np.array_equal(worst.masks[0], best.masks[0])
    assert np.array_equal(worst.masks[1], best.masks[1])


def test_nobody_is_asked_about_a_volume():
    look = Says(0.5)
    people = [person(seed) for seed in range(2)]
    model = RegisteredLearner("registered", look=look).fit(people[:1], Run())
    model.segment(people[1].image, Run())
    assert not look.asked


def test_a_run_that_is_stopped_while_somebody_looks_ends(alone, slices):
    token = CancelToken()

    class Stops(Says):
        def opinions(self, levels, spacing_mm, found, examples, run):
            token.cancel()
            return super().opinions(levels, spacing_mm, found, examples, run)

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


# -- with the network that comes with MedSegAI, and with one's own


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


@pytest.fixture(scope="module")
def own_network(tmp_path_factory):
    """A network that finds on each slice what it is shown as expected, and nothing else."""
    file = tmp_path_factory.mktemp("trained") / "context.safetensors"
    torch.manual_seed(0)
    write_trained(file, ContextUNet().state_dict(), {"training": {}})
    return file


def test_a_network_of_ones_own_is_asked_beside_it(own_network, slices, tmp_path):
    engine = Engine("cpu", {"registered_own_network": own_network})
    file = tmp_path / "organs.safetensors"
    engine.fit(FitRequest(tuple(slices[:2]), file, model="registered_own_network"))
    result = engine.segment(SegmentationRequest(slices[2].image, FewShotTask(file)))
    for structure in result.structures:
        assert dice(structure.mask.full(), slices[2].masks[structure.label].full()) > 0.85
    assert result.provenance.weights_hash == file_sha256(own_network, ByteBoundedCache(1))


def test_both_networks_say_what_they_think(own_network):
    weights, catalogue, plan = (
        Engine("cpu").weights_file("interactive"),
        load_catalogue(),
        DevicePlan("cpu", "float32", ""),
    )
    cache = ByteBoundedCache(1 << 20)
    own = with_own_network.build(catalogue["registered_own_network"], own_network, plan, cache, weights).look
    shipped = with_network.build(catalogue["registered_network"], weights, plan, cache).look
    levels = np.zeros((60, 90), np.float32)
    levels[20:30, 40:60] = 1
    examples, found = AlignedExamples(levels[None], levels[None, None]), 0.9 * levels
    context, interactive = own.opinions(levels, (1.0, 1.0), found, examples, Run())
    assert np.array_equal(context, own.context.at(levels, (1.0, 1.0), found, examples, Run()))
    assert np.array_equal(interactive, shipped.opinions(levels, (1.0, 1.0), found, examples, Run())[0])
    assert not np.array_equal(context, interactive)


def test_a_network_of_ones_own_that_is_not_there_is_named(slices, tmp_path):
    request = FitRequest(tuple(slices[:2]), tmp_path / "organs.safetensors", model="registered_own_network")
    with pytest.raises(WeightsMissing, match=r"context\.safetensors"):
        Engine("cpu").fit(request)
