"""Checkpoints of the user's own: recognised, tried, copied, or refused by name."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
import torch
from fakes.models import fake_spec, fake_weights
from MedSegAICore.engine.cache import ByteBoundedCache
from MedSegAICore.errors import (
    PackageMissing,
    WeightsCorrupt,
    WeightsMismatch,
    WeightsMissing,
    WeightsUnwritable,
)
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.models.checkpoint import file_sha256
from MedSegAICore.models.importing import import_checkpoint, import_file
from MedSegAICore.models.weights import FOLDER_VARIABLE, find_weights


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "a" / "weights"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.pt"
    torch.save({"state_dict": {"weight": torch.ones(2, 3), "bias": torch.zeros(2)}}, path)
    return path


@pytest.fixture
def catalogue(file):
    """Two models without weights or of another network, and one that the file belongs to."""
    published = fake_weights(filename="linear.pth", sha256=file_sha256(file, ByteBoundedCache(99)))
    linear = fake_spec(
        "linear", title="an unknown network of 2 tensors", entry="fakes.checkpoints:build_linear", weights=published
    )
    return {"plain": fake_spec("plain"), "other": replace(linear, name="other", title="SAM ViT-B"), "linear": linear}


def test_a_checkpoint_is_copied_to_where_its_model_looks(file, folder, catalogue, monkeypatch):
    spec, is_published = import_checkpoint(file, folder, catalogue)

    assert (spec.name, is_published) == ("linear", True)
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    assert find_weights(spec).read_bytes() == file.read_bytes()
    assert [path.name for path in folder.iterdir()] == ["linear.pth"]


def test_a_copy_that_was_trained_further_is_taken_and_told_apart(file, folder, catalogue):
    torch.save({"weight": torch.zeros(2, 3), "bias": torch.zeros(2)}, file)

    assert import_checkpoint(file, folder, catalogue) == (catalogue["linear"], False)


def test_of_several_models_with_one_network_the_published_file_tells_which(file, folder, catalogue):
    first, second = (
        replace(catalogue["linear"], name=name, title=f"an unknown network of 2 tensors {name}") for name in ("a", "b")
    )
    another = replace(first.weights, filename="another.pth", sha256="0" * 64)
    folds = {"a": replace(first, weights=another), "b": second}
    assert import_checkpoint(file, folder, folds) == (second, True)

    torch.save({"weight": torch.zeros(2, 3), "bias": torch.zeros(2)}, file)
    assert import_checkpoint(file, folder, folds) == (folds["a"], False)


@pytest.mark.parametrize("fold", range(1, 5))
def test_a_fold_of_senet_is_told_from_the_others(shared, folder, fold):
    spec, is_published = import_checkpoint(
        shared / "weights" / "senet_few_shot" / f"fold{fold}.safetensors", folder, load_catalogue()
    )
    assert (spec.name, is_published) == (f"senet_fold{fold}", True)


def test_a_file_that_already_lies_there_is_left_alone(file, folder, catalogue):
    import_checkpoint(file, folder, catalogue)
    there = folder / "linear.pth"

    assert import_checkpoint(there, folder, catalogue) == (catalogue["linear"], True)
    assert there.read_bytes() == file.read_bytes()


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"no checkpoint", WeightsCorrupt, "not a checkpoint"),
        ({"weight": torch.ones(5)}, WeightsMismatch, "an unknown network of 1 tensors, and MedSegAI has no model"),
        ({"weight": torch.ones(4, 4), "bias": torch.ones(4)}, WeightsMismatch, "2 tensors have another size"),
        (None, WeightsMissing, "no checkpoint file"),
    ],
    ids=["text", "unknown", "another size", "nothing"],
)
def test_any_other_file_is_refused_in_words_and_nothing_is_written(tmp_path, folder, catalogue, content, error, words):
    file = tmp_path / "wrong.pt"
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content is not None:
        torch.save(content, file)

    with pytest.raises(error, match=words):
        import_checkpoint(file, folder, catalogue)
    assert not folder.exists()


def test_a_folder_that_cannot_be_written_is_named(file, tmp_path, catalogue):
    (tmp_path / "taken").write_text("a file, not a folder")

    with pytest.raises(WeightsUnwritable, match="taken"):
        import_checkpoint(file, tmp_path / "taken", catalogue)


def test_an_older_checkpoint_survives_a_copy_that_fails(file, folder, catalogue, monkeypatch):
    import_checkpoint(file, folder, catalogue)
    before = (folder / "linear.pth").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(WeightsUnwritable, match="No space left"):
        import_checkpoint(file, folder, catalogue)
    assert (folder / "linear.pth").read_bytes() == before
    assert [path.name for path in folder.iterdir()] == ["linear.pth"]


def test_without_torch_the_file_is_not_blamed(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)

    with pytest.raises(PackageMissing, match="torch"):
        import_file(str(file))
