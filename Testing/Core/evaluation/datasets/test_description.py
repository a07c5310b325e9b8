"""The descriptions that come with the project, and how strictly they are read."""

from __future__ import annotations

import copy
import json

import pytest
from MedSegAICore.errors import InvalidDataset
from MedSegAICore.evaluation.datasets.description import (
    ArchiveSpec,
    described_datasets,
    parse_description,
    read_description,
)

SETS = (
    "brain_labelmaps",
    "ct_abdomen_slices",
    "ct_abdomen_volume",
    "ct_aorta_volume",
    "ct_lung_nodules_4raters",
    "mr_abdomen_t2",
    "mr_brain_t1",
    "mr_cardiac_lv",
    "mr_hippocampus",
    "mr_lesions",
    "mr_spinal_cord_t2",
    "mr_spinal_cord_t2s",
    "xr_chest_lungs",
)
WITHOUT_SPACING = {"ct_abdomen_slices", "ct_lung_nodules_4raters", "mr_cardiac_lv", "xr_chest_lungs"}


@pytest.fixture
def folder(project):
    return project / "Resources" / "Datasets"


@pytest.fixture
def values(folder):
    return json.loads((folder / "mr_abdomen_t2.json").read_text())


@pytest.fixture
def archive_values(folder):
    return json.loads((folder / "ct_lung_nodules_4raters.json").read_text())


def test_every_set_beside_the_project_is_described():
    assert described_datasets() == SETS


@pytest.mark.parametrize("name", SETS)
def test_a_description_says_what_a_set_is_and_what_may_be_done_with_it(name, folder):
    spec = read_description(folder / f"{name}.json")
    assert spec.name == name
    assert name.startswith(spec.folder)
    assert spec.has_spacing is (name not in WITHOUT_SPACING)
    prefix = {"ct": "CT", "mr": "MR", "xr": "X-ray", "br": "MR"}[name[:2]]
    assert spec.kind == prefix
    assert spec.source.startswith("http")


def test_a_set_that_must_not_be_trained_on_says_so(folder):
    terms = {name: read_description(folder / f"{name}.json").training for name in SETS}
    assert terms["mr_abdomen_t2"] == "never"
    assert terms["mr_hippocampus"] == "share_alike"
    assert all(
        read_description(folder / f"{name}.json").licence.find("NC") < 0 or terms[name] == "never" for name in SETS
    )


def test_a_description_is_read_as_it_is_written(values, archive_values):
    spec = parse_description(values, "mr_abdomen_t2")
    assert spec.labels == ("liver", "right kidney", "left kidney", "spleen")
    assert spec.storage.image == "{subject}_image.nii.gz"
    assert spec.storage.label_maps[0].labels == values["files"]["label_maps"][0]["labels"]
    assert not spec.storage.label_maps[0].ignores_others
    archive = parse_description(archive_values, "ct_lung_nodules_4raters")
    assert isinstance(archive.storage, ArchiveSpec)
    assert archive.labels == ("nodule",)


def replaced(values, path, value):
    changed = copy.deepcopy(values)
    *parents, last = path
    part = changed
    for parent in parents:
        part = part[parent]
    part[last] = value
    return changed


LABEL_MAP = ("files", "label_maps", 0)


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (("name",), "another", r"name"),
        (("title",), "", r"title"),
        (("kind",), "PET of a dog", r"kind"),
        (("has_spacing",), "yes", r"has_spacing"),
        (("training",), True, r"training"),
        (("pixel_mm",), 0, r"pixel_mm must be above 0"),
        (("licence",), "", r"licence"),
        (("colour",), 1, r"colour"),
        (("archive",), {}, r"files or the field archive"),
        (("files",), None, r"files or the field archive"),
        (("files", "image"), "{person}.nii.gz", r"files\.image has the pattern '{person}"),
        (("files", "image"), "{subject}_label.nii.gz", r"files\.label_maps must not name the file of the image"),
        (("files", "image"), 3, r"files\.image"),
        (("files", "label_maps"), {}, r"files\.label_maps"),
        ((*LABEL_MAP, "file"), "{subject}/{image}.nii.gz", r"files\.label_maps has the pattern"),
        ((*LABEL_MAP, "labels"), {}, r"labels"),
        ((*LABEL_MAP, "labels"), {"liver": 0}, r"labels must have whole numbers"),
        ((*LABEL_MAP, "labels"), {"liver": 1.0}, r"labels must have whole numbers"),
        ((*LABEL_MAP, "labels"), {"liver": 70000}, r"labels must have whole numbers"),
        ((*LABEL_MAP, "labels"), {"liver": 1, "spleen": 1}, r"labels must not give two structures one value"),
        ((*LABEL_MAP, "other_values"), "keep", r"other_values"),
        ((*LABEL_MAP, "rater"), None, r"rater"),
        ((*LABEL_MAP, "unit"), "mm", r"unit"),
    ],
)
def test_a_wrong_field_is_refused_by_name(values, path, value, named):
    with pytest.raises(InvalidDataset, match=named):
        parse_description(replaced(values, path, value), "mr_abdomen_t2")


@pytest.mark.parametrize(
    ("field", "value"), [("packed_bits", 1), ("pattern", "{rater}"), ("label", ""), ("images", None), ("extra", 1)]
)
def test_a_wrong_field_of_an_archive_is_refused_by_name(archive_values, field, value):
    with pytest.raises(InvalidDataset, match=rf"archive\.{field}"):
        parse_description(replaced(archive_values, ("archive", field), value), "ct_lung_nodules_4raters")


def test_label_maps_without_images_need_a_label_map(values):
    changed = replaced(replaced(values, ("files", "image"), None), ("files", "label_maps"), [])
    with pytest.raises(InvalidDataset, match=r"files\.label_maps must list label maps"):
        parse_description(changed, "mr_abdomen_t2")


def test_a_missing_description_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(InvalidDataset, match=r"There is no description 'mine.json'.*mr_hippocampus"):
        read_description(tmp_path / "mine.json")


def test_a_file_that_is_not_json_is_refused_by_name(tmp_path):
    (tmp_path / "mine.json").write_text("{")
    with pytest.raises(InvalidDataset, match=r"'mine.json' is not JSON"):
        read_description(tmp_path / "mine.json")
