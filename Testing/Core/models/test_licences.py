"""Licences that must be accepted: asked for once, and again when anything about them changes."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from fakes.models import fake_spec, fake_weights
from MedSegAICore.errors import LicenceNotAccepted, UnknownModel
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.models.licences import (
    FOLDER_VARIABLE,
    RECORD,
    accept_licence,
    check_licence,
    needs_acceptance,
    withdraw_licence,
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The folder of the record, which is not there yet."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "user"))
    return tmp_path / "user"


@pytest.fixture
def spec():
    return fake_spec("strict", weights=fake_weights(licence="CC-BY-NC-4.0", licence_must_be_accepted=True))


def test_a_licence_is_asked_for_until_it_is_accepted_and_after_it_is_withdrawn(spec):
    assert needs_acceptance(spec)
    accept_licence(spec)
    assert not needs_acceptance(spec)
    check_licence(spec)
    withdraw_licence(spec)
    assert needs_acceptance(spec)


def test_the_error_says_what_to_read_and_what_to_do(spec):
    with pytest.raises(LicenceNotAccepted) as caught:
        check_licence(spec)

    assert "'strict' (CC-BY-NC-4.0)" in caught.value.message
    assert spec.weights.licence_url in caught.value.advice
    assert "accept_licence('strict')" in caught.value.advice


@pytest.mark.parametrize(
    "change", [{"licence": "other"}, {"licence_url": "https://example.org/version-2"}, {"sha256": "1" * 64}], ids=str
)
def test_other_terms_and_other_weights_are_asked_for_anew(spec, change):
    accept_licence(spec)

    assert needs_acceptance(replace(spec, weights=replace(spec.weights, **change)))


def test_every_model_is_accepted_for_itself(spec):
    other = replace(spec, name="other")
    accept_licence(spec)
    assert needs_acceptance(other)

    accept_licence(other)
    withdraw_licence(spec)

    assert not needs_acceptance(other)


def test_models_without_weights_and_with_free_ones_need_nothing():
    for spec in (fake_spec("plain"), fake_spec("free", weights=fake_weights())):
        check_licence(spec)
        assert not needs_acceptance(spec)


def test_a_model_can_be_named(folder):
    accept_licence("sam_vit_b")
    assert list(json.loads((folder / RECORD).read_text())) == ["sam_vit_b"]
    withdraw_licence("sam_vit_b")
    assert json.loads((folder / RECORD).read_text()) == {}

    with pytest.raises(UnknownModel, match="adaptive"):
        accept_licence("sam_vit_z")


def test_models_that_are_shipped_ask_where_they_must_and_only_once():
    for spec in load_catalogue().values():
        assert needs_acceptance(spec) == (spec.weights is not None and spec.weights.licence_must_be_accepted)
        accept_licence(spec)
        assert not needs_acceptance(spec)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"strict": 1}'])
def test_a_damaged_record_is_asked_for_again_and_replaced(spec, folder, text):
    folder.mkdir()
    (folder / RECORD).write_text(text)
    assert needs_acceptance(spec)

    accept_licence(spec)

    assert not needs_acceptance(spec)
    assert [file.name for file in folder.iterdir()] == [RECORD]


def test_a_record_that_cannot_be_written_leaves_the_old_one(spec, folder, monkeypatch):
    accept_licence(spec)
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))

    with pytest.raises(LicenceNotAccepted, match=f"No space left.*{FOLDER_VARIABLE}"):
        withdraw_licence(spec)

    assert not needs_acceptance(spec)
    assert [file.name for file in folder.iterdir()] == [RECORD]
