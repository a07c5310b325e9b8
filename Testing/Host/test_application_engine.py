from __future__ import annotations

import pytest
from fakes.compare import assert_same_apart_from_versions
from fakes.models import fake_engine
from fakes.requests import a_request
from MedSegAILib.gui import application_engine
from MedSegAILib.gui.application_engine import WaitingEngine, applicationEngine


@pytest.fixture
def the_process(monkeypatch, engine):
    """Let the application's engine process know the fake models."""
    monkeypatch.setattr(application_engine, "applicationEngine", lambda: engine)
    return engine


def test_there_is_one_engine_process_and_it_starts_when_used() -> None:
    assert applicationEngine() is applicationEngine()
    assert not applicationEngine().isRunning


@pytest.mark.usefixtures("the_process")
def test_the_console_gets_what_an_engine_would_give() -> None:
    request, heard = a_request("quick", segment="liver"), []

    result = WaitingEngine().segment(request, lambda *words: heard.append(words))

    assert_same_apart_from_versions(result, fake_engine().segment(request))
    assert heard == [(0.5, "half")]
