"""Examples on slices with the network that comes with MedSegAI, and with one's own beside it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from MedSegAICore import Engine, FewShotTask, FitRequest, SegmentationRequest
from MedSegAICore.engine.cache import ByteBoundedCache
from MedSegAICore.engine.device import DevicePlan
from MedSegAICore.engine.run import Run
from MedSegAICore.errors import InvalidSupportModel, WeightsMissing
from MedSegAICore.fewshot.model_file import load_model, save_model
from MedSegAICore.fewshot.registered import with_network, with_own_network
from MedSegAICore.fewshot.registered.aligned_examples import AlignedExamples
from MedSegAICore.fewshot.registered.slice_opinions import FoundOnSlice
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.models.checkpoint import file_sha256
from MedSegAICore.models.trained_file import write_trained
from MedSegAICore.networks.context_unet import ContextUNet


def dice(one, other) -> float:
    return 2 * (one & other).sum() / (one.sum() + other.sum())


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
    asked = FoundOnSlice(levels, (1.0, 1.0), found, lambda: examples)
    context, interactive = own.opinions(asked, Run())
    assert np.array_equal(context, own.context.at(levels, (1.0, 1.0), found, examples, Run()))
    assert np.array_equal(interactive, shipped.opinions(asked, Run())[0])
    assert not np.array_equal(context, interactive)


def test_a_network_of_ones_own_that_is_not_there_is_named(slices, tmp_path):
    request = FitRequest(tuple(slices[:2]), tmp_path / "organs.safetensors", model="registered_own_network")
    with pytest.raises(WeightsMissing, match=r"context\.safetensors"):
        Engine("cpu").fit(request)
