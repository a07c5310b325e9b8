from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from MedSegAICore import InvalidRequest, InvalidSupportModel
from MedSegAICore.engine.run import Run
from MedSegAICore.fewshot.model_file import DESCRIPTION, load_model, read_description, save_model
from MedSegAICore.fewshot.registered.learner import RegisteredLearner, RegisteredModel
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

SCORES = {"liver": (0.9, 0.8), "kidney": (0.7, 0.6)}


@pytest.fixture
def learned(model) -> RegisteredModel:
    return RegisteredModel(model, SCORES, "registered")


@pytest.fixture
def saved(learned, tmp_path):
    path = tmp_path / "organs.safetensors"
    save_model(learned.stored(), path)
    return path


def described(path) -> dict:
    with safe_open(path, framework="numpy") as file:
        return json.loads(file.metadata()[DESCRIPTION])


def restored(path) -> RegisteredModel:
    return RegisteredLearner("registered").restore(load_model(path))


def change_description(path, change) -> None:
    values = described(path)
    for name, value in change.items():
        part = values["description"] if name in values["description"] else values
        part[name] = value
    save_file(load_file(path), path, {DESCRIPTION: json.dumps(values)})


def test_a_saved_model_comes_back_bit_for_bit(saved, tmp_path):
    again = tmp_path / "again.safetensors"
    save_model(restored(saved).stored(), again)
    assert saved.read_bytes() == again.read_bytes()


def test_a_restored_model_answers_as_the_fitted_one(learned, saved, people):
    one, other = (model.segment(people[3].image, Run()).probabilities for model in (learned, restored(saved)))
    for label in one:
        assert np.abs(one[label].full() - other[label].full()).max() < 1e-4


def test_it_remembers_values_of_label_maps(learned, saved):
    assert read_description(saved).values == {}
    save_model(replace(learned.stored(), values={"kidney": 5}), saved)
    assert read_description(saved).values == {"kidney": 5}


@pytest.mark.parametrize("field", ["values", "leave_one_out", "weights_hash"])
def test_a_file_that_lacks_something_is_refused_by_name(saved, field):
    values = described(saved)
    del values[field]
    save_file(load_file(saved), saved, {DESCRIPTION: json.dumps(values)})
    with pytest.raises(InvalidSupportModel, match=f"{field} is missing"):
        read_description(saved)


@pytest.mark.parametrize("values", [{"kidney": "5"}, {"spleen": 5}, [5]])
def test_values_that_cannot_be_are_refused(saved, values):
    changed = described(saved) | {"values": values}
    save_file(load_file(saved), saved, {DESCRIPTION: json.dumps(changed)})
    with pytest.raises(InvalidSupportModel, match="is no support model that can be used"):
        read_description(saved)


def test_its_description_tells_what_it_is_without_its_voxels(saved):
    stored = read_description(saved)
    assert (stored.method, stored.labels, stored.leave_one_out) == ("registered", ("liver", "kidney"), SCORES)
    assert not stored.tensors


def test_a_file_names_nobody(saved, people):
    content = saved.read_bytes()
    assert b"person" not in content
    assert {example.name for example in people} == {f"person {seed}" for seed in range(4)}


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_truncated_file_is_refused_by_name(saved, share):
    content = saved.read_bytes()
    saved.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InvalidSupportModel, match=r"'organs\.safetensors' is cut off or is no support model"):
        load_model(saved)


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(InvalidSupportModel, match=r"There is no support model 'none\.safetensors'"):
        load_model(tmp_path / "none.safetensors")


def test_tensors_of_something_else_are_refused_by_name(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file({"layer": np.ones((2, 2), np.float32)}, path)
    with pytest.raises(InvalidSupportModel, match=r"'weights\.safetensors' is no support model"):
        load_model(path)


def test_a_file_that_cannot_be_written_is_refused_by_name(learned, tmp_path):
    (tmp_path / "folder").write_text("a file")
    with pytest.raises(InvalidRequest, match=r"'organs\.safetensors' cannot be written"):
        save_model(learned.stored(), tmp_path / "folder" / "organs.safetensors")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 1}, "version is 1; this MedSegAI reads version 2"),
        ({"labels": []}, "labels must be a list of names"),
        ({"leave_one_out": {"spleen": [1.0]}}, "leave_one_out.liver is missing"),
        ({"description": 3}, "description must be an object"),
        ({"author": "somebody"}, "author is not known"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_file_that_is_described_wrongly_is_refused_by_name(saved, change, words):
    change_description(saved, change)
    with pytest.raises(InvalidSupportModel, match=f"'organs.safetensors' is no support model.*{words}"):
        load_model(saved)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": ["liver"], "leave_one_out": {}}, "values that cannot be"),
        ({"labels": ["liver", "kidney", "spleen"], "leave_one_out": {}}, "a classifier does not fit the structures"),
        ({"spacing": [1.0, 0.0, 1.0]}, "must be two or three lengths"),
        ({"spacing": [1.0, 1.0]}, "does not have the voxels"),
        ({"scans": []}, "scans must not be empty"),
        ({"layers": [0]}, "layers must be a list of whole numbers above 0"),
        ({"layers": []}, "has no classifier"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_does_not_fit_together_is_refused_by_name(saved, change, words):
    change_description(saved, change)
    with pytest.raises(InvalidSupportModel, match=words):
        restored(saved)


def test_a_missing_tensor_is_refused(saved):
    tensors, text = load_file(saved), json.dumps(described(saved))
    del tensors["classifiers.0.mean"]
    save_file(tensors, saved, {DESCRIPTION: text})
    with pytest.raises(InvalidSupportModel, match=r"has no classifiers\.0\.mean"):
        restored(saved)


def test_voxels_that_are_no_numbers_are_refused(saved):
    tensors, text = load_file(saved), json.dumps(described(saved))
    tensors["scans.0.fine"][0] = np.nan
    save_file(tensors, saved, {DESCRIPTION: text})
    with pytest.raises(InvalidSupportModel, match="values that cannot be"):
        restored(saved)
