"""Small fits on one thread, wherever the engine runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np  # noqa: F401  its linear algebra is looked at
import pytest
import torch
from fakes.models import fake_engine, fake_spec, fake_weights
from fakes.requests import a_request
from MedSegAICore.engine.engine import Engine
from MedSegAICore.engine.threads import one_linear_algebra_thread, one_network_thread
from threadpoolctl import threadpool_info, threadpool_limits

PACKAGES = Path(__file__).resolve().parents[3] / "MedSegAI"


def counts() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def two_threads():
    """As on a computer of two cores, whatever the variables of this process say."""
    with threadpool_limits(2, user_api="blas"):
        yield


@pytest.fixture
def seen(monkeypatch) -> list[set[int]]:
    """Numbers of threads while models run."""
    noted = []
    monkeypatch.setitem(sys.modules["fakes.models"].BEHAVIOURS, "quick", lambda _model, _run: noted.append(counts()))
    return noted


def test_linear_algebra_has_one_thread_inside_the_block_and_as_many_as_before_after_it() -> None:
    assert counts() == {2}
    with one_linear_algebra_thread():
        assert counts() == {1}
    assert counts() == {2}


def test_an_error_inside_the_block_gives_the_threads_back() -> None:
    with pytest.raises(ZeroDivisionError), one_linear_algebra_thread():
        raise ZeroDivisionError
    assert counts() == {2}


def test_without_the_package_the_number_stays(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    with one_linear_algebra_thread():
        assert counts() == {2}


@pytest.mark.usefixtures("two_network_threads")
def test_a_small_network_has_one_thread_inside_the_block_and_as_many_as_before_after_it() -> None:
    with one_network_thread():
        assert torch.get_num_threads() == 1
    with pytest.raises(ZeroDivisionError), one_network_thread():
        raise ZeroDivisionError
    assert torch.get_num_threads() == 2


def test_a_model_without_a_network_runs_with_one_thread(seen) -> None:
    fake_engine().segment(a_request("quick"))
    assert seen == [{1}]
    assert counts() == {2}


def test_a_network_keeps_its_threads(seen) -> None:
    engine = Engine("cpu", {"quick": "fake.pth"}, catalogue={"quick": fake_spec("quick", weights=fake_weights())})
    engine.segment(a_request("quick"))
    assert seen == [{2}]


def test_the_engine_limits_libraries_that_are_loaded_with_the_model() -> None:
    code = """
import json, sys
from MedSegAICore import Engine
from MedSegAICore.engine import engine
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.prompts import PointPrompt
from MedSegAICore.request import PromptTask, SegmentationRequest
from MedSegAICore.volume import ImageVolume
import numpy, threadpoolctl
def look(request, model, run):
    loaded = threadpoolctl.threadpool_info()
    print(json.dumps([[library["filepath"], library["num_threads"]] for library in loaded]))
    sys.exit()
engine._load = lambda entry, model, load=engine._load: look if "segment_prompts" in entry else load(entry, model)
image = ImageVolume(numpy.zeros((2, 3, 4)), VolumeGeometry.from_components((2, 3, 4)))
Engine().segment(SegmentationRequest(image, PromptTask((PointPrompt((0, 0, 0)),), "adaptive")))
"""
    plain = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=PACKAGES, env=plain, capture_output=True, text=True, timeout=60)
    libraries = json.loads(done.stdout)
    assert any("scipy" in path for path, _ in libraries)
    assert {count for path, count in libraries if "blas" in path} == {1}
