"""What an effect offers where the chosen model cannot run yet: a download, a licence, the module."""

from __future__ import annotations

from dataclasses import replace

import pytest
import slicer
from fakes.errands import spec_of
from fakes.file_server import FileServer, slowly
from MedSegAICore.models import licences
from MedSegAICore.models.store.sources import MIRROR_VARIABLE, Sources
from MedSegAICore.models.weights import FOLDER_VARIABLE
from MedSegAILib.gui import model_choice, model_jobs, model_offer, model_state, settings
from MedSegAILib.gui.model_jobs import modelJobs


@pytest.fixture
def server():
    server = FileServer(bytes(1_000_000))
    yield server
    server.close()


@pytest.fixture
def strict():
    """Whether the licence must be accepted."""
    return False


@pytest.fixture
def offering(open_case, server, strict, monkeypatch, tmp_path, project):
    """The effect with one model whose file the server has."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", MIRROR_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(project / "Testing"))
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "weights"))
    monkeypatch.setenv(licences.FOLDER_VARIABLE, str(tmp_path / "user"))
    spec = spec_of("first")
    weights = replace(spec.weights, licence="strict", licence_must_be_accepted=strict)
    spec = replace(spec, title="First", paradigm="prompt", weights=weights, advice="Good for <b> & more.")
    for module in (model_choice, model_jobs, model_state):
        monkeypatch.setattr(module, "load_catalogue", lambda: {"first": spec})
    monkeypatch.setattr(model_choice, "neededPackages", lambda: ())
    monkeypatch.setattr(model_jobs, "DOWNLOAD", "fakes.errands:download")
    modelJobs.cache_clear()
    case = open_case()
    settings.setOwnSources(Sources(mirror=server.url))
    case.editor.setActiveEffectByName("")
    case.editor.setActiveEffectByName("AI Prompt")
    case.effect.parameters.set("Model", "first")
    case.effect.updateGUIFromMRML()
    yield case
    modelJobs().stop()


def text(case) -> str:
    return case.ui.modelStateLabel.text


def follow(case, link: str) -> None:
    assert f'href="{link}"' in text(case)
    case.ui.modelStateLabel.linkActivated.emit(link)


def test_a_download_is_offered_shown_and_used(offering, server, wait) -> None:
    server.mood = slowly(0.1, 100_000)
    assert "Needs its weights (licence strict)." in text(offering)
    assert not offering.ui.pointToolButton.enabled

    follow(offering, "download")
    wait(lambda: "Downloading first.pth" in text(offering), 30)
    assert 'href="cancel"' in text(offering)
    wait(lambda: offering.ui.pointToolButton.enabled, 30)

    assert text(offering) == "Ready. Good for <b> & more."
    assert offering.ui.modelSelector.itemText(0) == "First"


def test_a_download_is_cancelled_from_the_effect(offering, server, wait) -> None:
    server.mood = slowly(0.2, 100_000)
    follow(offering, "download")
    wait(lambda: "Downloading" in text(offering), 30)

    follow(offering, "cancel")
    wait(lambda: not modelJobs().isBusy, 30)

    assert 'href="download"' in text(offering)


def test_a_download_goes_on_when_the_effect_is_left(offering, server, wait) -> None:
    follow(offering, "download")
    offering.editor.setActiveEffectByName("")
    wait(lambda: not modelJobs().isBusy, 30)

    offering.editor.setActiveEffectByName("AI Prompt")

    assert text(offering).startswith("Ready.")


@pytest.mark.parametrize("strict", [True])
def test_a_licence_is_read_and_accepted_from_the_effect(offering, monkeypatch) -> None:
    asked, answers = [], [False, True]
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda words: (asked.append(words), answers.pop(0))[1])

    follow(offering, "accept")
    follow(offering, "accept")

    assert len(asked) == 2
    assert 'href="download"' in text(offering)


def test_what_an_effect_cannot_get_is_got_in_the_module(offering, monkeypatch, server) -> None:
    settings.setOwnSources(Sources())
    spec = model_choice.load_catalogue()["first"]
    paged = replace(spec, weights=replace(spec.weights, url_is_page=True))
    monkeypatch.setattr(model_choice, "load_catalogue", lambda: {"first": paged})
    opened = []
    monkeypatch.setattr(model_offer, "openModel", opened.append)
    offering.effect.listModels()

    follow(offering, "open")

    assert opened == ["first"]
