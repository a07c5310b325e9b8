"""A task with small people, and networks that are small or do what is plain to see."""

from __future__ import annotations

import pytest
import SimpleITK as sitk
import torch
from fakes.context import copying_network
from fakes.people import person
from MedSegAICore.engine.cache import ByteBoundedCache
from MedSegAICore.engine.run import Run
from MedSegAICore.incontext.context_example import ContextExample
from MedSegAICore.incontext.network_model import NetworkModel
from MedSegAICore.incontext.question import Question


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """More of them only wait for each other."""
    threads = torch.get_num_threads(), sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    torch.set_num_threads(1)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    yield
    torch.set_num_threads(threads[0])
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads[1])


@pytest.fixture(scope="session")
def contexts():
    return tuple(ContextExample(person(seed), f"id{seed}") for seed in range(3))


@pytest.fixture(scope="session")
def query():
    return person(7)


@pytest.fixture
def ask(contexts, query):
    """Return a function from fields of a question, and perhaps a network, to the answer."""

    def answer(run=None, network=None, **fields):
        model = NetworkModel("copy", "", network or copying_network(), ByteBoundedCache(1 << 28))
        values = {"image": query.image, "contexts": contexts, "labels": ("liver", "kidney"), "digest": "d"}
        return model.answer(Question(**(values | fields)), run or Run())

    return answer
