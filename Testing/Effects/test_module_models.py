"""What a model lacks on this computer, as the module lists it and effects offer it."""

from __future__ import annotations

import pytest
from fakes.models import fake_spec, fake_weights
from Host import application  # noqa: F401  puts `slicer.i18n` where the choices find it
from MedSegAICore.models import licences
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.models.weights import FOLDER_VARIABLE
from MedSegAILib.gui import model_choice
from MedSegAILib.gui.model_choice import modelChoices
from MedSegAILib.gui.model_state import State, modelState
from MedSegAILib.gui.packages import Package, Source

TORCH = Package("torch", "2.3", Source.PYTORCH_EXTENSION, "2.7")
SEGMENT_ANYTHING = Package("segment-anything", "1.0", Source.PIP)
MONAI = Package("monai", "1.3", Source.PIP)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The weights folder."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "none"))
    return tmp_path


@pytest.mark.parametrize(
    ("has_file", "packages", "state", "missing"),
    [
        (True, [TORCH], State.READY, ()),
        (True, [TORCH, MONAI], State.READY, ()),
        (True, [TORCH, SEGMENT_ANYTHING], State.PACKAGE_MISSING, ("segment-anything",)),
        (False, [TORCH], State.FILE_MISSING, ()),
        (False, [SEGMENT_ANYTHING], State.FILE_MISSING, ("segment-anything",)),
    ],
)
def test_a_network_needs_its_file_and_its_packages(folder, has_file, packages, state, missing) -> None:
    spec = load_catalogue()["sam_vit_b"]
    if has_file:
        (folder / spec.weights.filename).touch()

    model = modelState(spec, packages)

    assert (model.state, model.missingPackages) == (state, missing)


def test_a_model_without_a_network_needs_nothing() -> None:
    assert modelState(load_catalogue()["adaptive"], [SEGMENT_ANYTHING]).state is State.READY


@pytest.fixture
def strict(tmp_path, monkeypatch):
    """A model whose licence must be accepted."""
    monkeypatch.setenv(licences.FOLDER_VARIABLE, str(tmp_path / "user"))
    weights = fake_weights(licence="CC-BY-NC-4.0", licence_must_be_accepted=True)
    return fake_spec("strict", title="Strict", paradigm="prompt", weights=weights)


def test_a_licence_comes_before_the_download(strict, folder) -> None:
    assert modelState(strict, [TORCH]).state is State.LICENCE_NOT_ACCEPTED
    licences.accept_licence(strict)
    assert modelState(strict, [TORCH]).state is State.FILE_MISSING
    (folder / strict.weights.filename).touch()
    assert modelState(strict, [TORCH]).state is State.READY


def test_effects_say_that_a_licence_must_be_accepted(strict, monkeypatch) -> None:
    monkeypatch.setattr(model_choice, "neededPackages", lambda: ())
    monkeypatch.setattr(model_choice, "load_catalogue", lambda: {"strict": strict})

    choice = modelChoices("prompt")["strict"]

    assert choice.title == "Strict (needs licence acceptance)"
    assert "CC-BY-NC-4.0" in choice.state
    assert not choice.isReady


def test_effects_offer_what_can_run_first_and_say_what_the_others_need(folder, monkeypatch) -> None:
    (folder / load_catalogue()["sam_vit_l"].weights.filename).touch()
    monkeypatch.setattr(model_choice, "neededPackages", lambda: (SEGMENT_ANYTHING,))

    choices = modelChoices("prompt")

    assert next(iter(choices)) == "adaptive"
    assert choices["sam_vit_l"].title == "SAM ViT-L (needs packages)"
    assert "segment-anything" in choices["sam_vit_l"].state
    assert choices["sam_vit_b"].title == "SAM ViT-B (needs download)"
    assert "375 MB, licence Apache-2.0" in choices["sam_vit_b"].state
