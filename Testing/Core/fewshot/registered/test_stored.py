from __future__ import annotations

import json

import numpy as np
import pytest
from MedSegAICore import InvalidSupportModel
from MedSegAICore.engine.run import Run
from MedSegAICore.fewshot.registered.query import segment_query
from MedSegAICore.fewshot.registered.stored import DESCRIPTION, load_model, save_model
from safetensors import safe_open
from safetensors.numpy import load_file, save_file


@pytest.fixture
def saved(model, tmp_path):
    path = tmp_path / "organs.safetensors"
    save_model(model, path)
    return path


def described(path) -> dict:
    with safe_open(path, framework="numpy") as file:
        return json.loads(file.metadata()[DESCRIPTION])


def test_a_saved_model_comes_back_bit_for_bit(saved, tmp_path):
    again = tmp_path / "again.safetensors"
    save_model(load_model(saved), again)
    assert saved.read_bytes() == again.read_bytes()


def test_a_loaded_model_answers_as_the_fitted_one(model_of_one, people, tmp_path):
    save_model(model_of_one, tmp_path / "one")
    both = (model_of_one, load_model(tmp_path / "one"))
    one, other = (segment_query(each, people[3].image, Run()) for each in both)
    for label in one:
        assert np.abs(one[label].full() - other[label].full()).max() < 1e-4


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


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 2}, "version is 2; this MedSegAI reads version 1"),
        ({"labels": []}, "labels must be a list of names"),
        ({"labels": ["liver"]}, "values that cannot be"),
        ({"labels": ["liver", "kidney", "spleen"]}, "a classifier does not fit the structures"),
        ({"spacing": [1.0, 0.0, 1.0]}, "must be two or three lengths"),
        ({"spacing": [1.0, 1.0]}, "does not have the voxels"),
        ({"scans": []}, "scans must not be empty"),
        ({"author": "somebody"}, "author is not known"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_description_that_does_not_fit_is_refused_by_name(saved, change, words):
    text = json.dumps(described(saved) | change)
    save_file(load_file(saved), saved, {DESCRIPTION: text})
    with pytest.raises(InvalidSupportModel, match=f"'organs.safetensors' is no support model.*{words}"):
        load_model(saved)


def test_a_missing_tensor_is_refused(saved):
    tensors, text = load_file(saved), json.dumps(described(saved))
    del tensors["classifiers.0.mean"]
    save_file(tensors, saved, {DESCRIPTION: text})
    with pytest.raises(InvalidSupportModel, match="is no support model"):
        load_model(saved)


def test_voxels_that_are_no_numbers_are_refused(saved):
    tensors, text = load_file(saved), json.dumps(described(saved))
    tensors["scans.0.fine"][0] = np.nan
    save_file(tensors, saved, {DESCRIPTION: text})
    with pytest.raises(InvalidSupportModel, match="values that cannot be"):
        load_model(saved)
