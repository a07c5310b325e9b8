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
    WeightsAltered,
    WeightsAmbiguous,
    WeightsCorrupt,
    WeightsMismatch,
    WeightsMissing,
    WeightsUnwritable,
)
from MedSegAICore.models import recognition
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.models.checkpoint import file_sha256
from MedSegAICore.models.importing import import_checkpoint, import_file
from MedSegAICore.models.recognition import Family
from MedSegAICore.models.store import store
from MedSegAICore.models.trained_file import write_trained
from MedSegAICore.models.weights import FOLDER_VARIABLE, find_weights
from MedSegAICore.models.weights_spec import UNKNOWN
from MedSegAICore.networks.context_unet import ContextUNet


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "a" / "weights"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.pt"
    torch.save({"state_dict": {"weight": torch.ones(2, 3), "bias": torch.zeros(2)}}, path)
    return path


@pytest.fixture(autouse=True)
def linear_networks(monkeypatch):
    """Let networks of two tensors be known."""
    linear = Family("a linear network", ("^weight$", "^bias$"), lambda _shapes: ("", "linear"))
    monkeypatch.setattr(recognition, "FAMILIES", (linear, *recognition.FAMILIES))


@pytest.fixture
def catalogue(file):
    """Two models without weights or of another network, and one that the file belongs to."""
    published = fake_weights(filename="linear.pth", sha256=file_sha256(file, ByteBoundedCache(99)))
    linear = fake_spec(
        "linear",
        title="Linear",
        paradigm="prompt",
        architecture="linear",
        entry="fakes.checkpoints:build_linear",
        weights=published,
    )
    return {"plain": fake_spec("plain"), "other": replace(linear, name="other", architecture="vit_b"), "linear": linear}


@pytest.fixture
def twins(catalogue):
    """Two models with the network of the file, neither of which published it."""
    linear = catalogue["linear"]
    weights = {name: replace(linear.weights, filename=f"{name}_net.pth", sha256=UNKNOWN) for name in ("sam", "medsam")}
    return {
        "sam": replace(linear, name="sam", title="SAM ViT-B", weights=weights["sam"]),
        "medsam": replace(linear, name="medsam", title="MedSAM", weights=weights["medsam"]),
    }


def test_a_checkpoint_is_copied_to_where_its_model_looks(file, folder, catalogue, monkeypatch):
    spec, is_published = import_checkpoint(file, folder, catalogue)

    assert (spec.name, is_published) == ("linear", True)
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    assert find_weights(spec).read_bytes() == file.read_bytes()
    assert [path.name for path in folder.iterdir() if path.is_file()] == ["linear.pth"]


def test_a_copy_that_was_trained_further_is_taken_and_told_apart(file, folder, catalogue):
    torch.save({"weight": torch.zeros(2, 3), "bias": torch.zeros(2)}, file)

    assert import_checkpoint(file, folder, catalogue) == (catalogue["linear"], False)


def test_of_several_models_with_one_network_the_published_file_tells_which(file, folder, catalogue, twins):
    published = replace(twins["sam"].weights, sha256=catalogue["linear"].weights.sha256)
    models = {**twins, "sam": replace(twins["sam"], weights=published)}
    misleading = file.rename(file.with_name("medsam.pt"))

    assert import_checkpoint(misleading, folder, models) == (models["sam"], True)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("medsam_vit_b.pth", "medsam"),
        ("MedSAM fine-tuned (2).pt", "medsam"),
        ("our-medsam.safetensors.pt", "medsam"),
        ("sam_vit_b_01ec64.pth", "sam"),
        ("sam_net.pt", "sam"),
    ],
)
def test_else_the_name_of_the_file_tells_which(file, folder, twins, name, model):
    assert import_checkpoint(file.rename(file.with_name(name)), folder, twins) == (twins[model], False)
    assert [path.name for path in folder.iterdir() if path.is_file()] == [f"{model}_net.pth"]


@pytest.mark.parametrize("network", ["vit_b", "vit_h", "hq_vit_b"])
def test_the_names_of_published_files_tell_models_with_one_network_apart(file, folder, network, monkeypatch):
    linear = Family("any network", ("^weight$",), lambda _shapes: ("", network))
    monkeypatch.setattr(recognition, "FAMILIES", (linear,))
    models = {
        name: replace(spec, entry="fakes.checkpoints:build_linear")
        for name, spec in load_catalogue().items()
        if spec.architecture == network
    }
    for spec in models.values():
        file = file.rename(file.with_name(spec.weights.filename))
        if spec.paradigm == "prompt":
            assert import_checkpoint(file, folder, models) == (spec, False)


@pytest.mark.parametrize("name", ["checkpoint.pth", "mine.pt", "samurai.pth"])
def test_else_the_user_is_asked_and_what_he_says_counts(file, folder, twins, name):
    file = file.rename(file.with_name(name))
    with pytest.raises(WeightsAmbiguous, match="several models: sam, medsam") as caught:
        import_checkpoint(file, folder, twins)
    assert caught.value.candidates == ("sam", "medsam")
    assert not folder.exists()

    assert import_checkpoint(file, folder, twins, "medsam") == (twins["medsam"], False)


def test_a_model_that_cannot_use_the_file_cannot_be_chosen(file, folder, twins, catalogue):
    with pytest.raises(WeightsMismatch, match=r"not for the model 'other'.*used by: sam, medsam"):
        import_checkpoint(file, folder, {**twins, "other": catalogue["other"]}, "other")


def test_the_module_is_told_which_models_come_into_question(file, folder, twins, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    monkeypatch.setattr("MedSegAICore.models.importing.load_catalogue", lambda: twins)

    assert import_file(str(file)) == {"candidates": ["sam", "medsam"]}
    assert import_file(str(file), "sam") == {"model": "sam", "is_published": False}


def test_models_that_share_a_file_are_not_asked_about(file, folder, catalogue):
    examples = replace(catalogue["linear"], name="a", paradigm="fewshot")

    assert import_checkpoint(file, folder, {"a": examples, **catalogue}) == (catalogue["linear"], True)


def test_a_file_that_is_swapped_after_it_was_looked_at_is_not_taken(file, folder, catalogue, monkeypatch):
    evil = file.with_name("evil.pt")
    torch.save({"weight": torch.full((2, 3), 6.0), "bias": torch.zeros(2)}, evil)

    def swap(spec, weights, plan, cache):
        evil.replace(file)

    monkeypatch.setattr("fakes.checkpoints.build_linear", swap)
    with pytest.raises(WeightsAltered, match="Nothing was taken"):
        import_checkpoint(file, folder, catalogue)
    assert not [path for path in folder.iterdir() if path.is_file()]


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
        (
            {"weight": torch.ones(5)},
            WeightsMismatch,
            r"an unknown network of 1 tensors \(weight, \.\.\.\), and MedSegAI has no",
        ),
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

    monkeypatch.setattr(store, "copy_hashed", full)
    with pytest.raises(WeightsUnwritable, match="The disk is full"):
        import_checkpoint(file, folder, catalogue)
    assert (folder / "linear.pth").read_bytes() == before
    assert [path.name for path in folder.iterdir() if path.is_file()] == ["linear.pth"]


def test_without_torch_the_file_is_not_blamed(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)

    with pytest.raises(PackageMissing, match="torch"):
        import_file(str(file))


def test_an_in_context_network_that_was_trained_here_is_where_its_models_look(tmp_path, folder, monkeypatch):
    mine = tmp_path / "model.safetensors"
    write_trained(mine, ContextUNet().state_dict(), {"training": {}})

    spec, is_published = import_checkpoint(mine, folder, load_catalogue())

    assert (spec.architecture, is_published) == ("context_unet", False)
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    for name in ("registered_own_network", "registered_own_network_context"):
        assert find_weights(load_catalogue()[name]).read_bytes() == mine.read_bytes()
