"""What the Extensions Index checks before it lists an extension, as far as that works without a network."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
ENTRY = ROOT / "MedSegAI.json"
KEYS = {"$schema", "build_dependencies", "build_subdirectory", "category", "scm_revision", "scm_url", "tier"}


@pytest.fixture(scope="module")
def entry() -> dict:
    """The entry for the index."""
    return json.loads(ENTRY.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def values() -> dict[str, str]:
    """The values that the top CMake file sets."""
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    return dict(re.findall(r'^set\(EXTENSION_(\w+) "([^"]+)"\)$', text, re.MULTILINE))


def images(values) -> list[str]:
    return [values["ICONURL"], *values["SCREENSHOTURLS"].split()]


def test_the_entry_has_the_keys_of_the_schema_and_plain_line_ends(entry) -> None:
    assert entry.keys() == KEYS
    assert entry["$schema"].endswith("slicer-extension-catalog-entry-schema-v1.0.1.json#")
    assert entry["tier"] in (1, 3, 5)
    assert b"\r" not in ENTRY.read_bytes()


def test_the_names_agree(entry, values) -> None:
    repository = entry["scm_url"].removesuffix(".git")
    assert repository == values["HOMEPAGE"]
    assert "slicer" in repository.rsplit("/", 1)[1].lower()
    assert not ENTRY.stem.startswith("Slicer")
    assert f"project({ENTRY.stem})" in (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")


def test_the_index_and_cmake_name_the_same_dependencies(entry, values) -> None:
    assert entry["build_dependencies"] == values["DEPENDS"].split()


def test_every_image_is_a_file_of_the_repository_that_the_index_can_show(entry, values) -> None:
    raw = values["HOMEPAGE"].replace("https://github.com/", "https://raw.githubusercontent.com/")
    start = f"{raw}/{entry['scm_revision']}/"
    for url in images(values):
        assert url.startswith(start)
        with Image.open(ROOT / url.removeprefix(start)) as image:
            assert image.format == "PNG"


def test_the_icon_is_square_and_large_enough(values) -> None:
    with Image.open(ROOT / "Resources" / "Icons" / Path(values["ICONURL"]).name) as icon:
        assert icon.width == icon.height >= 128


def test_the_licence_is_at_the_root_and_named_in_the_readme() -> None:
    assert "Apache License" in (ROOT / "LICENSE.txt").read_text(encoding="utf-8")
    assert "LICENSE.txt" in (ROOT / "README.md").read_text(encoding="utf-8")
