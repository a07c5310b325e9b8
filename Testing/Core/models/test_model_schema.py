"""The schema of the catalogue, for editors and contributors, and the code that reads the catalogue: they agree."""

from __future__ import annotations

import copy
import json

import pytest
from jsonschema import Draft202012Validator
from MedSegAICore.errors import InvalidCatalogue
from MedSegAICore.models.catalogue import parse_model

WRONG = {
    "title": ("", None, 3),
    "paradigm": ("segment", None),
    "entry": ("os:system", "MedSegAICore.prompt.sam"),
    "capabilities.prompts": (["touch"], ["point", "point"], "point"),
    "capabilities.dimensions": ([4], [], [2, 2]),
    "capabilities.modalities": ([], ["any", "CT"], ["CT", "CT"], ["phone"]),
    "capabilities.labels": ([""], ["liver", "liver"], "liver", [3]),
    "needs_box": ("no", None),
    "input.size": (0, -1, 1.5, None),
    "input.resize": ("crop", "stretch"),
    "input.padding": ("none", "zeros"),
    "input.mean": ([0, 0], [0, 0, "0"]),
    "input.std": ([1, 1, 0], [1, 1, 1, 1]),
    "input.first_size": (0, "16"),
    "weights.filename": ("../vit.pth", "", ".vit.pth", "a/b"),
    "weights.url": ("http://example.org/vit.pth", ""),
    "weights.sha256": ("abc", "", None),
    "weights.size_bytes": (0, "12", -1, None, True),
    "weights.licence": ("", None),
    "weights.licence_must_be_accepted": ("yes",),
    "advice": ("", None),
    "memory_mb": (-1, 1.5, "1 GB", None),
}


@pytest.fixture
def schema(project):
    return Draft202012Validator(json.loads((project / "Resources" / "Schemas" / "model.schema.json").read_text()))


@pytest.fixture
def values(project):
    return json.loads((project / "Resources" / "Models" / "sam_vit_b.json").read_text())


def is_read(values):
    try:
        parse_model(values, "sam_vit_b")
    except InvalidCatalogue:
        return False
    return True


def test_the_schema_is_one(schema):
    Draft202012Validator.check_schema(schema.schema)


def test_every_description_fits(schema, project):
    files = sorted((project / "Resources" / "Models").glob("*.json"))
    assert files
    for file in files:
        assert [error.message for error in schema.iter_errors(json.loads(file.read_text()))] == [], file.name


@pytest.mark.parametrize(("path", "value"), [(path, value) for path, values in WRONG.items() for value in values])
def test_what_the_schema_refuses_is_refused_when_it_is_read(schema, values, path, value):
    assert schema.is_valid(values)
    assert is_read(copy.deepcopy(values))
    *parts, name = path.split(".")
    part = values
    for step in parts:
        part = part[step]
    part[name] = value
    assert not schema.is_valid(values)
    assert not is_read(values)


@pytest.mark.parametrize("path", ["", "capabilities", "input", "weights"])
def test_a_missing_field_and_an_unknown_one_are_refused_by_both(schema, values, path):
    part = values[path] if path else values
    for name in [*part, "colour"]:
        changed = copy.deepcopy(values)
        where = changed[path] if path else changed
        if name in where:
            if name in ("decoding", "base", "memory_mb"):  # may be left out
                continue
            del where[name]
        else:
            where[name] = "red"
        assert not schema.is_valid(changed), name
        assert not is_read(changed), name
