"""From a stored task to a result, as everybody calls it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from fakes.people import person
from MedSegAICore import (
    ContextOptions,
    Engine,
    InContextTask,
    InvalidRequest,
    InvalidSupport,
    InvalidSupportSet,
    LicenceNotAccepted,
    Recipe,
    SegmentationRequest,
    SliceScope,
    UnknownModel,
    accept_licence,
)
from MedSegAICore.engine.messages import read_result_message, result_message
from MedSegAICore.fewshot.examples import Example
from MedSegAICore.incontext.context_example import ContextExample
from MedSegAICore.incontext.task_library import TaskLibrary
from MedSegAICore.networks.multiverseg import MultiverSeg
from MedSegAICore.networks.tyche import TycheTS
from MedSegAICore.networks.universeg import UniverSeg
from MedSegAICore.prompts import SlicePlane
from tiny_sam import random_state

NETWORKS = {"universeg": UniverSeg, "tyche_ts": TycheTS}


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> TaskLibrary:
    library = TaskLibrary(tmp_path_factory.mktemp("library"))
    task = library.create("organs", ("liver", "kidney"))
    for seed in range(2):
        task.add(ContextExample(person(seed)))
    return library


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    files = {name: folder / f"{name}.pt" for name in NETWORKS}
    for name, make in NETWORKS.items():
        state = random_state(make(), 3)
        torch.save(state if name == "universeg" else {"model": state}, files[name])
    return files


@pytest.fixture(scope="module")
def engine(weights):
    return Engine(device="cpu", weights=weights)


@pytest.fixture
def accepted(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDSEGAI_LICENCES", str(tmp_path))
    for name in NETWORKS:
        accept_licence(name)


def one_slice(query) -> SliceScope:
    return SliceScope(SlicePlane.of_slice(query.image.geometry, 0, 9))


@pytest.fixture(scope="module")
def result(engine, library, query):
    return engine.segment(SegmentationRequest(query.image, InContextTask(library.folder, "organs"), "organs", 7))


def test_the_default_needs_no_weights_and_finds_every_structure(result, query):
    assert result.provenance.model == "registered_context"
    assert [structure.label for structure in result.structures] == ["liver", "kidney"]
    for structure in result.structures:
        one, other = structure.mask.full(), query.masks[structure.label].full()
        assert 2 * (one & other).sum() / (one.sum() + other.sum()) > 0.8
        assert structure.quality is not None
    assert (result.segment, result.generation) == ("organs", 7)
    assert 0 < result.uncertainty.array.max() <= 1


def test_a_result_travels_between_processes(result):
    back = read_result_message(result_message(1, result))
    assert np.array_equal(back.uncertainty.full(), result.uncertainty.full())
    assert back.provenance == result.provenance


def test_a_recipe_makes_the_result_again_and_refuses_changed_examples(engine, library, result, query, tmp_path):
    recipe = Recipe.from_json(Recipe.from_result(result).to_json())
    assert recipe.task.digest == library.task("organs").digest()
    again = engine.segment(recipe.request(query.image))
    assert np.array_equal(again.mask.full(), result.mask.full())
    other = TaskLibrary(tmp_path)
    other.take(library.folder / "organs").add(ContextExample(person(5)))
    changed = InContextTask(other.folder, "organs", recipe.task.digest)
    with pytest.raises(InvalidSupportSet, match="they were changed since"):
        engine.segment(SegmentationRequest(query.image, changed))


@pytest.mark.usefixtures("accepted")
@pytest.mark.parametrize("model", NETWORKS)
def test_a_network_answers_with_its_weights(engine, library, query, model):
    options = ContextOptions(supports=2, candidates=2)
    task = InContextTask(
        library.folder, "organs", model=model, labels=("liver",), scope=one_slice(query), options=options
    )
    found = engine.segment(SegmentationRequest(query.image, task))
    assert found.provenance.model == model
    assert len(found.provenance.weights_hash) == 64
    assert [structure.label for structure in found.structures] == ["liver"]
    assert len(found.candidates) == (2 if model == "tyche_ts" else 0)
    assert json.dumps(found.provenance.task)


def test_weights_for_research_ask_for_their_licence(engine, library, query, tmp_path, monkeypatch):
    monkeypatch.setenv("MEDSEGAI_LICENCES", str(tmp_path))
    with pytest.raises(LicenceNotAccepted, match="universeg"):
        engine.segment(SegmentationRequest(query.image, InContextTask(library.folder, "organs", model="universeg")))


def test_what_a_task_cannot_do_is_said(engine, library, query):
    def asked(**fields):
        values = {"library": library.folder, "task": "organs"}
        engine.segment(SegmentationRequest(query.image, InContextTask(**(values | fields))))

    with pytest.raises(InvalidSupportSet, match="no task 'bones'"):
        asked(task="bones")
    with pytest.raises(InvalidRequest, match="no structure 'spleen'"):
        asked(labels=("spleen",))
    with pytest.raises(UnknownModel, match="no model 'adaptive' for this task"):
        asked(model="adaptive")
    with pytest.raises(UnknownModel, match="no model 'registered' for this task"):
        asked(model="registered")
    half = library.create("half", ("liver", "kidney"))
    drawn = person(0)
    half.add(ContextExample(Example(drawn.image, {"kidney": drawn.masks["kidney"]})))
    with pytest.raises(InvalidSupport, match="shows 'liver'"):
        asked(task="half")
    library.create("empty", ("liver",))
    with pytest.raises(InvalidSupport, match="shows 'liver'"):
        asked(task="empty")


def test_every_network_of_the_catalogue_is_built_from_its_entry(engine):
    from MedSegAICore.incontext.context_network import FAMILIES

    entry = "MedSegAICore.incontext.network_model:build"
    specs = [spec for spec in engine.models().values() if spec.entry == entry]
    assert {spec.family for spec in specs} == set(FAMILIES)
    assert FAMILIES["multiverseg"][0] is MultiverSeg
    assert all(spec.weights.licence_must_be_accepted for spec in specs)
