"""Small people, and what was learned from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import SimpleITK as sitk
from fakes.people import person
from MedSegAICore.engine.run import Run
from MedSegAICore.fewshot.examples import Example
from MedSegAICore.fewshot.registered.fitting import fit_supports
from MedSegAICore.fewshot.registered.support_model import SupportModel


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Let ITK use one thread: for small images more of them only wait for each other."""
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    yield
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


@pytest.fixture(scope="session")
def draw_person() -> Callable[..., Example]:
    return person


@pytest.fixture(scope="session")
def people() -> list[Example]:
    """Three examples and, last, a query."""
    return [person(seed, name=f"person {seed}") for seed in range(4)]


@pytest.fixture(scope="session")
def model(people) -> SupportModel:
    return fit_supports(people[:2], Run())[0]


@pytest.fixture(scope="session")
def model_of_one(people) -> SupportModel:
    return fit_supports(people[:1], Run())[0]
