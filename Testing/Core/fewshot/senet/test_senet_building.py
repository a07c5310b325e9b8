"""How SE-Net is built from a checkpoint."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fakes.senet import answered, cache_of, example_of
from MedSegAICore.engine.device import DevicePlan
from MedSegAICore.engine.run import Run
from MedSegAICore.errors import (
    WeightsMismatch,
    WeightsMissing,
)
from MedSegAICore.fewshot.senet import build
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.models.checkpoint import fit_checkpoint, read_checkpoint
from MedSegAICore.networks.senet import SENet
from safetensors.torch import save_file

CPU = DevicePlan("cpu", "float32", "")


@pytest.fixture
def checkpoint(network, tmp_path):
    path = tmp_path / "mine.safetensors"
    save_file(network.state_dict(), path)
    return path


def test_a_learner_is_built_from_its_description(checkpoint, network):
    learner = build(load_catalogue()["senet_fold1"], checkpoint, CPU, cache_of())
    assert (learner.name, learner.device, len(learner.weights_hash)) == ("senet_fold1", "cpu, float32", 64)
    query = example_of(1)
    found = learner.fit([example_of(0)], Run()).segment(query.image, Run()).probabilities["organ"].full()
    assert np.abs(found[2] - answered(network, example_of(0), 2, query, 2)).max() < 1e-5


def test_a_missing_or_wrong_checkpoint_is_refused_by_name(network, tmp_path):
    spec = load_catalogue()["senet_fold2"]
    with pytest.raises(WeightsMissing, match="'senet_fold2' needs a checkpoint"):
        build(spec, None, CPU, cache_of())
    state = network.state_dict()
    del state["conditioner.encode4.conv.bias"]  # never used, and part of the published files all the same
    save_file(state, tmp_path / "less.safetensors")
    with pytest.raises(
        WeightsMismatch, match=r"not for 'senet_fold2': it lacks 1 of 166 tensors .* seems to be SE-Net"
    ):
        build(spec, tmp_path / "less.safetensors", CPU, cache_of())
    save_file({"weight": torch.ones(2)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsMismatch, match="unknown network of 1 tensors"):
        build(spec, tmp_path / "other.safetensors", CPU, cache_of())


@pytest.mark.parametrize("fold", range(1, 5))
def test_the_published_checkpoints_are_those_of_the_catalogue(shared, fold):
    spec = load_catalogue()[f"senet_fold{fold}"]
    file = shared / "weights" / "senet_few_shot" / f"fold{fold}.safetensors"
    learner = build(spec, file, CPU, cache_of())
    assert learner.weights_hash == spec.weights.sha256
    assert file.stat().st_size == spec.weights.size_bytes


def test_the_published_network_answers_what_it_answers_by_itself(shared):
    file = shared / "weights" / "senet_few_shot" / "fold1.safetensors"
    learner = build(load_catalogue()["senet_fold1"], file, CPU, cache_of())
    network = SENet()
    fit_checkpoint(network, read_checkpoint(file), "")
    support, query = example_of(0), example_of(1)
    found = learner.fit([support], Run()).segment(query.image, Run()).probabilities["organ"].full()
    assert np.abs(found[3] - answered(network, support, 3, query, 3)).max() < 1e-5
