"""Slices of people who are taught from and asked about, and what was learned from two of them."""

from __future__ import annotations

import pytest
from fakes.people import person
from MedSegAICore.engine.run import Run
from MedSegAICore.fewshot.examples import Example
from MedSegAICore.fewshot.registered.learner import RegisteredLearner, RegisteredModel

SLICE = (1, 52, 48)


@pytest.fixture(scope="session")
def slices() -> list[Example]:
    """Two examples and, last, a query: slices of 52 x 48 pixels, each of another person."""
    return [person(seed, SLICE, name=f"person {seed}") for seed in range(3)]


@pytest.fixture(scope="session")
def learned_from_slices(slices) -> RegisteredModel:
    """What two examples say by themselves."""
    return RegisteredLearner("registered").fit(slices[:2], Run())
