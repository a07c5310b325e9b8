"""What a description of weights must say, and what it may leave unknown."""

from __future__ import annotations

import json

import pytest
from MedSegAICore.errors import InvalidCatalogue
from MedSegAICore.fields import Fields
from MedSegAICore.models.weights_spec import UNKNOWN, parse_weights


@pytest.fixture
def values(project):
    return json.loads((project / "Resources" / "Models" / "sam_vit_b.json").read_text())["weights"]


def read(values):
    return parse_weights(Fields(values, "model.weights", InvalidCatalogue))


def test_a_described_file_is_known_by_hash_and_size(values):
    weights = read(values)
    assert weights.has_known_hash
    assert (weights.size_bytes, weights.code_licence) == (375042383, "Apache-2.0")


def test_hash_and_size_may_be_unknown(values):
    weights = read(values | {"sha256": UNKNOWN, "size_bytes": UNKNOWN, "code_licence": ""})
    assert not weights.has_known_hash
    assert (weights.size_bytes, weights.code_licence) == (None, "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("filename", "../a.pth"),
        ("filename", ".hidden"),
        ("filename", "a/b.pth"),
        ("url", "http://example.org/a.pth"),
        ("url_is_page", "no"),
        ("sha256", ""),
        ("sha256", "A" * 64),
        ("size_bytes", 0),
        ("size_bytes", -1),
        ("size_bytes", True),
        ("size_bytes", 1.5),
        ("size_bytes", "large"),
        ("size_bytes", 2**63),
        ("licence", ""),
        ("code_licence", None),
        ("more", 1),
    ],
)
def test_a_wrong_field_is_refused_by_name(values, name, value):
    with pytest.raises(InvalidCatalogue, match=rf"model\.weights\.{name}"):
        read(values | {name: value})
