"""Methods that learn from examples, as protocols call them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from Core.fewshot.conftest import person
from MedSegAICore import Engine, InvalidRequest, Support
from MedSegAICore.engine.run import Run
from MedSegAICore.evaluation.engine_methods import EngineContext, EngineExamples
from MedSegAICore.evaluation.model_job import SUPPORT_METHODS, job_of_models
from MedSegAICore.evaluation.protocols.plans import few_shot_plan
from MedSegAICore.evaluation.registered_masks import affine_masks, deformed_masks
from MedSegAICore.incontext.task_library import TaskLibrary


def support(seed: int) -> Support:
    example = person(seed)
    return Support(example.image.canonical(), example.masks["liver"].canonical(), f"person {seed}")


def dice(one, other) -> float:
    return 2 * (one & other).sum() / (one.sum() + other.sum())


@pytest.fixture(scope="module")
def supports():
    return [support(seed) for seed in (0, 1)]


@pytest.fixture(scope="module")
def query():
    return support(3)


def test_a_model_learns_from_the_same_examples_once(supports, query, monkeypatch):
    engine, fits = Engine(), []
    real = engine.fit
    monkeypatch.setattr(engine, "fit", lambda *given: fits.append(1) or real(*given))
    method = EngineExamples(engine, "registered")

    first = method(supports, query.image, Run())
    second = method(supports, query.image, Run())

    assert len(fits) == 1
    assert np.array_equal(first, second)
    assert dice(first, query.mask.full()) > 0.85
    method(supports[:1], query.image, Run())
    assert len(fits) == 2


def test_a_model_looks_at_examples_that_are_stored_once(supports, query):
    method = EngineContext(Engine(), "registered_context")
    first = method(supports, query.image, Run())
    assert dice(first, query.mask.full()) > 0.85
    assert np.array_equal(first, method(supports, query.image, Run()))
    (task,) = TaskLibrary(Path(method._folder.name)).tasks()
    assert len(TaskLibrary(Path(method._folder.name)).task(task).identifiers()) == 2


@pytest.mark.parametrize("method", [affine_masks, deformed_masks])
def test_registered_masks_lie_on_the_structure(method, supports, query):
    mask = method(supports, query.image, Run())
    assert mask.shape == query.image.geometry.shape
    assert dice(mask, query.mask.full()) > 0.6


def test_every_learner_of_the_catalogue_can_be_asked():
    with pytest.raises(InvalidRequest, match="no model 'adaptive' that takes examples") as refused:
        job_of_models(["adaptive"], [], Engine(), few_shot_plan("whole-examples"))
    assert all(
        name in str(refused.value)
        for name in (*SUPPORT_METHODS, "registered", "prototypes", "senet_fold1", "universeg")
    )
