"""What the catalogue says about learners by prototypes and by prompts."""

from __future__ import annotations

from importlib import import_module

import pytest
import torch
from MedSegAICore import Engine, WeightsMissing
from MedSegAICore.engine import engine
from MedSegAICore.engine.cache import ByteBoundedCache
from MedSegAICore.engine.device import DevicePlan
from MedSegAICore.engine.run import Run
from MedSegAICore.fewshot.prototypes.prompting import ByPrompts
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.models.importing import import_checkpoint
from MedSegAICore.networks.sam import ARCHITECTURES, Sam

PLAN = DevicePlan("cpu", "float32", "")
PARTS = ("masked_average", "local_prototypes", "one_prototype", "fitted_head")
ON_SAM = ("prototypes_sam_vit_b", "persam_sam_vit_b")


def built(name: str, weights=None):
    spec = load_catalogue()[name]
    module, _, function = spec.entry.partition(":")
    return getattr(import_module(module), function)(spec, weights, PLAN, ByteBoundedCache(1 << 20))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Zeros in the shapes of ViT-B."""
    file = tmp_path_factory.mktemp("weights") / "sam_vit_b.pth"
    shapes = {name: tensor.shape for name, tensor in Sam(ARCHITECTURES["vit_b"]).state_dict().items()}
    torch.save({name: torch.zeros(1).expand(shape).clone() for name, shape in shapes.items()}, file)
    return file


def test_prototypes_need_no_weights():
    learner = built("prototypes")
    assert (learner.name, learner.weights_hash, learner.device) == ("prototypes", "", "cpu, float32")


@pytest.mark.parametrize("name", PARTS)
def test_each_part_of_prototypes_can_be_chosen_alone(name, people, dice_of):
    learner = built(name)
    answer = learner.fit(people[:1], Run()).segment(people[3].image, Run())
    assert learner.name == name
    assert min(dice_of(answer, people[3])) > 0.7


def test_what_examples_cannot_tell_apart_are_no_candidates_for_the_best_method():
    fewshot = {name: spec for name, spec in load_catalogue().items() if spec.paradigm == "fewshot"}
    excluded = {name for name, spec in fewshot.items() if spec.family in engine.NO_CANDIDATES}
    assert excluded == {*PARTS, "registered_network", "registered_own_network"}
    assert not excluded & set(Engine()._ready_learners())


@pytest.mark.parametrize("name", ON_SAM)
def test_learners_on_sam_use_its_checkpoint(name, checkpoint):
    spec, sam = load_catalogue()[name], load_catalogue()["sam_vit_b"]
    assert (spec.weights, spec.input, spec.architecture) == (sam.weights, sam.input, sam.architecture)
    with pytest.raises(WeightsMissing):
        built(name)
    learner = built(name, checkpoint)
    assert (learner.name, len(learner.weights_hash), learner.device) == (name, 64, "cpu, float32")
    assert isinstance(learner.method, ByPrompts) == (name == "persam_sam_vit_b")


def test_a_checkpoint_of_sam_is_still_taken_for_sam(checkpoint, tmp_path):
    spec, _ = import_checkpoint(checkpoint, tmp_path, load_catalogue())
    assert spec.name == "sam_vit_b"
