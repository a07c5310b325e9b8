"""Where checkpoints are looked for."""

from __future__ import annotations

import pytest
from MedSegAICore.errors import WeightsMissing
from MedSegAICore.models import weights
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.models.store.store import WeightsStore
from MedSegAICore.models.weights import FOLDER_VARIABLE, find_weights, weights_folders


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """The named folder and the user's own, both empty."""
    for variable in ("HOME", "USERPROFILE", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "named"))
    monkeypatch.setattr(weights, "shipped_folders", tuple)
    for folder in weights_folders():
        folder.mkdir(parents=True)
    return weights_folders()


@pytest.fixture
def spec():
    return load_catalogue()["sam_vit_b"]


def test_the_named_folder_wins_over_the_users_own(spec, folders):
    files = [folder / spec.weights.filename for folder in folders]
    assert len(files) == 2
    files[1].write_bytes(b"")
    assert find_weights(spec) == files[1]
    files[0].write_bytes(b"")
    assert find_weights(spec) == files[0]


def test_without_a_named_folder_only_the_users_own_is_searched(folders, monkeypatch):
    monkeypatch.delenv(FOLDER_VARIABLE)
    assert weights_folders() == folders[1:]


def test_what_comes_with_medsegai_is_used_last_and_never_removed(spec, folders, tmp_path, monkeypatch):
    shipped = tmp_path / "Resources" / "Weights"
    shipped.mkdir(parents=True)
    monkeypatch.setattr(weights, "shipped_folders", lambda: (shipped,))
    monkeypatch.setattr("MedSegAICore.models.store.store.shipped_folders", lambda: (shipped,))
    ours, own = shipped / spec.weights.filename, folders[1] / spec.weights.filename
    ours.write_bytes(b"shipped")
    assert find_weights(spec) == ours
    own.write_bytes(b"the user's")
    assert find_weights(spec) == own
    assert WeightsStore().remove(spec.weights) == len(b"the user's")
    assert find_weights(spec) == ours


def test_missing_weights_say_where_they_belong_and_where_they_come_from(spec, folders):
    with pytest.raises(WeightsMissing) as caught:
        find_weights(spec)
    for words in (spec.weights.filename, str(folders[0]), str(folders[1])):
        assert words in caught.value.message
    assert f"download {spec.name}" in caught.value.advice


def test_a_model_without_a_checkpoint_has_none_to_find():
    with pytest.raises(WeightsMissing, match="needs no checkpoint"):
        find_weights(load_catalogue()["adaptive"])
