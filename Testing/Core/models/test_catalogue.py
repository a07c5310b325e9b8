"""The catalogue of models: what it holds, and how strictly it is read."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import sys
from dataclasses import asdict

import pytest
from MedSegAICore.errors import InvalidCatalogue
from MedSegAICore.models.catalogue import load_catalogue, parse_model
from MedSegAICore.models.decoding_spec import AS_SAM


@pytest.fixture
def values(project):
    return json.loads((project / "Resources" / "Models" / "sam_vit_b.json").read_text())


def test_the_promptable_models_are_described():
    catalogue = load_catalogue()
    promptable = [spec.name for spec in catalogue.values() if spec.paradigm == "prompt"]
    assert {"adaptive", "sam_vit_b", "sam_vit_h", "sam_vit_l", "scribbleprompt_unet"} < set(promptable)
    assert catalogue["adaptive"].weights is None
    assert catalogue["adaptive"].capabilities.dimensions == {2, 3}
    for name in ("sam_vit_b", "sam_vit_l", "sam_vit_h"):
        assert catalogue[name].name == name
        assert name.endswith(catalogue[name].architecture)
        assert catalogue[name].input.size == 1024
        assert catalogue[name].weights.licence == "Apache-2.0"
        assert not catalogue[name].weights.licence_must_be_accepted
        assert catalogue[name].capabilities.dimensions == {2}


def test_models_without_weights_run_where_monai_is_missing(project):
    code = f"""
import sys
from importlib import import_module
sys.path.insert(0, {str(project / "MedSegAI")!r})
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "monai":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Hidden())
from MedSegAICore.models.catalogue import load_catalogue
for spec in load_catalogue().values():
    if spec.weights is None:
        import_module(spec.entry.partition(":")[0])
        print(spec.name)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert {"adaptive", "registered", "registered_context"} <= set(done.stdout.split()), done.stderr
    assert not done.returncode, done.stderr


def test_the_four_folds_of_senet_are_described():
    catalogue = load_catalogue()
    for fold in range(1, 5):
        spec = catalogue[f"senet_fold{fold}"]
        assert spec.paradigm == "fewshot"
        assert spec.title.startswith(f"SE-Net fold {fold} ")
        assert spec.capabilities.prompts == set()
        assert spec.capabilities.dimensions == {2, 3}
        assert (spec.weights.filename, spec.weights.licence) == (f"fold{fold}.safetensors", "MIT")
        assert not spec.weights.licence_must_be_accepted


def test_a_description_is_read_as_it_is_written(values):
    spec = parse_model(values, "sam_vit_b")
    assert spec.input.mean == tuple(values["input"]["mean"])
    assert spec.input.std == tuple(values["input"]["std"])
    assert spec.capabilities.prompts == set(values["capabilities"]["prompts"])
    assert spec.weights.size_bytes == values["weights"]["size_bytes"]
    assert spec.entry == values["entry"]


DECODING = {
    "masks": "one",
    "positions": "whole",
    "strokes": "every_pixel",
    "earlier": "probability",
    "enlarged": "probability",
}


def test_how_a_mask_decoder_is_asked_is_read_as_it_is_written_and_is_as_sam_where_nothing_is(values):
    assert parse_model(values, "sam_vit_b").decoding == AS_SAM
    assert asdict(parse_model({**values, "decoding": DECODING}, "sam_vit_b").decoding) == DECODING


@pytest.mark.parametrize("field", [*DECODING, "colour"])
def test_a_wrong_word_on_how_a_mask_decoder_is_asked_is_refused_by_name(values, field):
    with pytest.raises(InvalidCatalogue, match=rf"sam_vit_b\.decoding\.{field}"):
        parse_model({**values, "decoding": {**DECODING, field: "magic"}}, "sam_vit_b")


def replaced(values, path, value):
    changed = copy.deepcopy(values)
    *parents, last = path.split(".")
    part = changed
    for parent in parents:
        part = part[parent]
    part[last] = value
    return changed


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", "another"),
        ("title", ""),
        ("paradigm", "magic"),
        ("entry", "os:system"),
        ("entry", "MedSegAICore.prompt.sam"),
        ("needs_box", "no"),
        ("base", ""),
        ("advice", 3),
        ("colour", "red"),
        ("capabilities", None),
        ("capabilities.prompts", []),
        ("capabilities.prompts", ["point", "point"]),
        ("capabilities.prompts", ["wave"]),
        ("capabilities.prompts", [["point"]]),
        ("capabilities.dimensions", [4]),
        ("capabilities.dimensions", "2"),
        ("capabilities.colour", 1),
        ("input.size", 0),
        ("input.size", 1024.5),
        ("input.size", True),
        ("input.resize", "crop"),
        ("input.interpolation", "best"),
        ("input.padding", "mirror"),
        ("input.padding", "none"),
        ("input.span", "moon"),
        ("input.first_size", 0),
        ("input.first_size", "128"),
        ("input.mean", [1, 2]),
        ("input.mean", [1, 2, float("nan")]),
        ("input.std", [1, 0, 1]),
        ("weights.filename", "../weights.pth"),
        ("weights.url", "http://example.org/weights.pth"),
        ("weights.sha256", "ABC"),
        ("weights.size_bytes", -1),
        ("weights.licence", None),
        ("weights.licence_url", "LICENSE.txt"),
        ("weights.licence_must_be_accepted", "no"),
        ("weights.extra", 1),
    ],
)
def test_a_wrong_field_is_refused_by_name(values, path, value):
    with pytest.raises(InvalidCatalogue, match=rf"sam_vit_b\.{path}"):
        parse_model(replaced(values, path, value), "sam_vit_b")


@pytest.mark.parametrize(
    "path",
    [
        "name",
        "entry",
        "needs_box",
        "input",
        "input.std",
        "input.first_size",
        "weights",
        "weights.sha256",
        "weights.licence_url",
        "weights.licence_must_be_accepted",
        "capabilities.dimensions",
    ],
)
def test_a_missing_field_is_refused_by_name(values, path):
    *parents, last = path.split(".")
    part = values
    for parent in parents:
        part = part[parent]
    del part[last]
    with pytest.raises(InvalidCatalogue, match=rf"sam_vit_b\.{path} is missing"):
        parse_model(values, "sam_vit_b")


def test_a_file_that_is_not_json_is_refused_by_name(tmp_path):
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(InvalidCatalogue, match=r"broken\.json"):
        load_catalogue(tmp_path)


def test_the_catalogue_is_found_where_resources_lie_beside_the_packages(project, tmp_path):
    shutil.copytree(project / "MedSegAI" / "MedSegAICore", tmp_path / "MedSegAICore")
    shutil.copytree(project / "Resources" / "Models", tmp_path / "Resources" / "Models")
    (tmp_path / "Resources" / "Models" / "sam_vit_h.json").unlink()
    code = "from MedSegAICore.models.catalogue import load_catalogue; print(*load_catalogue())"
    found = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert found.stdout.split() == [name for name in load_catalogue() if name != "sam_vit_h"]


def test_reading_the_catalogue_imports_no_network_library(project):
    code = (
        "import sys; from MedSegAICore.models.catalogue import load_catalogue; load_catalogue();"
        "print({'torch', 'scipy', 'segment_anything'} & set(sys.modules))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=project / "MedSegAI", capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "set()"
