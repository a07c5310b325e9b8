"""Sets of examples as files: manifests that others can use, and folders without one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from fakes.people import person
from fakes.people_files import VALUES, write_label_map, write_scan, write_segments
from MedSegAICore.errors import GeometryMismatch, InvalidImage, InvalidSupport, InvalidSupportSet
from MedSegAICore.fewshot.example_files import ExampleFiles, label_values, read_examples
from MedSegAICore.fewshot.support_set import (
    SupportSet,
    find_examples,
    read_manifest,
    read_support_set,
    supports_at,
    write_support_set,
)
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.images import image_from_array


@pytest.fixture
def folder(tmp_path):
    """Two people: one with a label map, one with a segmentation."""
    for number, write, ending in ((0, write_label_map, "_labels.nii.gz"), (1, write_segments, ".seg.nrrd")):
        write_scan(tmp_path / f"scan{number}.nii.gz", person(number))
        write(tmp_path / f"scan{number}{ending}", person(number))
    return tmp_path


@pytest.fixture
def described(folder):
    return SupportSet("Organs", "CC BY 4.0", VALUES, find_examples(folder), "Drawn by one person.")


@pytest.fixture
def manifest(folder, described):
    write_support_set(folder / "organs.support.json", described)
    return folder / "organs.support.json"


def changed(manifest: Path, **values) -> Path:
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **values}))
    return manifest


def with_first(manifest: Path, **values) -> Path:
    first, second = json.loads(manifest.read_text())["examples"]
    return changed(manifest, examples=[{**first, **values}, second])


def assert_shows_person(example, number):
    drawn = person(number)
    assert list(example.masks) == ["liver", "kidney"]
    for label, mask in example.masks.items():
        np.testing.assert_array_equal(mask.full(), drawn.masks[label].full())
    np.testing.assert_allclose(example.image.array, drawn.image.array)


def test_a_written_set_is_read_again(manifest, described):
    found = read_manifest(manifest)
    assert (found.title, found.licence, found.notes) == ("Organs", "CC BY 4.0", "Drawn by one person.")
    assert found.labels == VALUES
    assert [files.image for files in found.examples] == [files.image for files in described.examples]


def test_label_maps_are_read_by_value_and_segmentations_by_name(manifest):
    examples = read_support_set(manifest)
    assert [example.name for example in examples] == ["example 1", "example 2"]
    for number, example in enumerate(examples):
        assert_shows_person(example, number)


def test_a_manifest_holds_relative_paths_and_no_name_of_a_file_in_place_of_a_name(manifest, folder):
    values = json.loads(manifest.read_text())
    assert list(values) == ["version", "title", "licence", "notes", "labels", "examples"]
    assert values["examples"][0] == {
        "name": "example 1",
        "image": "scan0.nii.gz",
        "labels": "scan0_labels.nii.gz",
    }
    assert str(folder) not in manifest.read_text()


def test_given_names_are_kept_and_files_may_lie_in_folders_below(folder):
    write_scan(folder / "more" / "a.nrrd", person(2))
    write_label_map(folder / "more" / "b.nrrd", person(2))
    files = ExampleFiles(folder / "more" / "a.nrrd", folder / "more" / "b.nrrd", "slim")
    write_support_set(folder / "one.support.json", SupportSet("One", "CC0", VALUES, (files,)))
    (example,) = read_support_set(folder / "one.support.json")
    assert example.name == "slim"
    assert_shows_person(example, 2)


def test_a_moved_folder_is_read(manifest, folder, tmp_path_factory):
    moved = tmp_path_factory.mktemp("elsewhere") / "set"
    folder.rename(moved)
    assert len(read_support_set(moved / manifest.name)) == 2


def test_notes_and_names_may_be_left_out(manifest):
    values = json.loads(manifest.read_text())
    del values["notes"], values["examples"][0]["name"]
    manifest.write_text(json.dumps(values))
    found = read_manifest(manifest)
    assert (found.notes, found.examples[0].name) == ("", "example 1")


def test_a_manifest_that_was_cut_off_is_refused(manifest):
    manifest.write_text(manifest.read_text()[:-20])
    with pytest.raises(InvalidSupportSet, match=r"'organs\.support\.json' is not JSON"):
        read_support_set(manifest)


def test_a_missing_manifest_is_named(tmp_path):
    with pytest.raises(InvalidSupportSet, match=r"no support set 'none\.support\.json'"):
        read_support_set(tmp_path / "none.support.json")


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"patient": "A"}, "patient is not known"),
        ({"version": 2}, "version is 2; this MedSegAI reads version 1"),
        ({"title": ""}, "title must be text"),
        ({"licence": None}, "licence must be text"),
        ({"labels": {}}, "labels cannot be used"),
        ({"labels": {"liver": 0}}, "the value of 'liver' must be a whole number from 1"),
        ({"labels": {"liver": True}}, "the value of 'liver' must be a whole number from 1"),
        ({"labels": {"liver": 1, "kidney": 1}}, "'liver' and 'kidney' have one value"),
        ({"labels": {" ": 1}}, "a structure has no name"),
        ({"examples": []}, "examples must name at least one image"),
        ({"examples": [{"image": "scan0.nii.gz"}]}, r"examples\[0\]\.labels is missing"),
        ({"examples": "scan0.nii.gz"}, "examples must be a list"),
    ],
)
def test_fields_that_cannot_be_used_are_named(manifest, values, complaint):
    with pytest.raises(InvalidSupportSet, match=rf"organs\.support\.json\..*{complaint}"):
        read_manifest(changed(manifest, **values))


@pytest.mark.parametrize("text", ["[]", "1", '"text"', "null"])
def test_something_else_than_an_object_is_refused(manifest, text):
    manifest.write_text(text)
    with pytest.raises(InvalidSupportSet, match="must be an object"):
        read_manifest(manifest)


def test_an_unknown_field_of_an_example_is_named(manifest):
    with pytest.raises(InvalidSupportSet, match=r"examples\[0\]\.birthday is not known"):
        read_manifest(with_first(manifest, birthday="1.1.1970"))


@pytest.mark.parametrize(
    "path", ["/data/scan.nii.gz", "../scan.nii.gz", "a/../../scan.nii.gz", r"C:\scan.nii.gz", "C:/a.nrrd", r"a\b.nrrd"]
)
def test_a_path_out_of_the_folder_is_refused(manifest, path):
    with pytest.raises(InvalidSupportSet, match=r"examples\[0\]\.image must be a path below the folder"):
        read_manifest(with_first(manifest, image=path))


def test_files_elsewhere_are_not_written_into_a_manifest(described, tmp_path):
    (tmp_path / "other").mkdir()
    with pytest.raises(InvalidSupportSet, match="does not lie in the folder"):
        write_support_set(tmp_path / "other" / "organs.support.json", described)
    assert not list((tmp_path / "other").iterdir())


def test_a_manifest_needs_its_ending(described, folder):
    with pytest.raises(InvalidSupportSet, match="not the name of a support set"):
        write_support_set(folder / "organs.json", described)


def test_a_folder_that_does_not_exist_cannot_be_written_to(described, folder):
    with pytest.raises(InvalidSupportSet, match="does not lie in the folder"):
        write_support_set(folder / "none" / "organs.support.json", described)


@pytest.mark.parametrize(("field", "file"), [("image", "gone.nii.gz"), ("labels", "gone_labels.nii.gz")])
def test_a_missing_file_is_named_with_its_example(manifest, field, file):
    with pytest.raises(InvalidImage, match=rf"example 1' cannot be used. There is no file '{file}'"):
        read_support_set(with_first(manifest, **{field: file}))


def test_a_damaged_image_is_named_with_its_example(manifest, folder):
    data = (folder / "scan1.nii.gz").read_bytes()
    (folder / "scan1.nii.gz").write_bytes(data[: len(data) // 2])
    with pytest.raises(InvalidImage, match=r"example 2' cannot be used. 'scan1\.nii\.gz' is shorter"):
        read_support_set(manifest)


def test_labels_on_another_grid_are_named_with_what_to_do(manifest, folder):
    drawn = person(0)
    shifted = VolumeGeometry.from_components(drawn.image.geometry.shape, (2, 2.5, 3), (-29.3, -30, 10))
    labels = image_from_array(drawn.label_map(["liver", "kidney"]), shifted)
    sitk.WriteImage(labels, str(folder / "scan0_labels.nii.gz"))
    with pytest.raises(GeometryMismatch, match=r"example 1' the labels 'scan0_labels.*resample") as caught:
        read_support_set(manifest)
    assert "'scan0.nii.gz'" in str(caught.value)


def test_labels_on_a_part_of_the_grid_of_the_image_are_put_in_place(manifest, folder):
    labels = sitk.ReadImage(str(folder / "scan0_labels.nii.gz"))
    sitk.WriteImage(labels[2:, 1:-1, :], str(folder / "scan0_labels.nii.gz"))
    assert_shows_person(read_support_set(manifest)[0], 0)


def test_a_value_that_is_nowhere_is_named(manifest):
    with pytest.raises(InvalidSupport, match=r"example 1' does not show 'kidney': 'scan0_labels\.nii\.gz' has no.*7"):
        read_support_set(changed(manifest, labels={"liver": 1, "kidney": 7}))


def test_a_segment_that_is_not_there_is_named(manifest):
    with pytest.raises(InvalidSupport, match=r"example 2' does not show 'spleen': 'scan1\.seg\.nrrd' has no.*name"):
        read_support_set(changed(manifest, labels={"liver": 1, "spleen": 5}))


def test_pairs_lie_beside_each_other(folder):
    write_scan(folder / "to do.nii.gz", person(3))
    found = find_examples(folder)
    assert [(files.image.name, files.labels.name) for files in found] == [
        ("scan0.nii.gz", "scan0_labels.nii.gz"),
        ("scan1.nii.gz", "scan1.seg.nrrd"),
    ]


def test_pairs_lie_in_two_folders(tmp_path):
    for number in (1, 2):
        write_scan(tmp_path / "images" / f"p{number}.nii.gz", person(number))
        write_label_map(tmp_path / "labels" / f"p{number}.nrrd", person(number))
    (tmp_path / "labels" / "readme.txt").write_text("drawn by hand")
    found = find_examples(tmp_path)
    assert [files.image.name for files in found] == ["p1.nii.gz", "p2.nii.gz"]
    examples = read_examples(found, {})
    assert [list(example.masks) for example in examples] == [["label 1", "label 5"]] * 2


def test_labels_without_an_image_are_named(folder):
    (folder / "scan1.nii.gz").unlink()
    with pytest.raises(InvalidSupportSet, match=r"no image for the labels 'scan1\.seg\.nrrd'"):
        find_examples(folder)


def test_two_labels_of_one_image_are_named(folder):
    write_segments(folder / "scan0.seg.nrrd", person(0))
    with pytest.raises(InvalidSupportSet, match=r"stand for one image"):
        find_examples(folder)


def test_a_folder_without_pairs_says_how_to_name_them(tmp_path):
    with pytest.raises(InvalidSupportSet, match=r"holds no image with its labels.*scan_labels"):
        find_examples(tmp_path)
    with pytest.raises(InvalidSupportSet, match="no folder"):
        find_examples(tmp_path / "none")


def test_a_folder_is_read_by_its_manifest_if_there_is_one(manifest, folder):
    files, labels = supports_at(folder)
    assert (len(files), labels) == (2, VALUES)
    manifest.rename(folder / "a.support.json")
    (folder / "b.support.json").write_text((folder / "a.support.json").read_text())
    with pytest.raises(InvalidSupportSet, match=r"holds 2 support sets.*a\.support\.json, b\.support\.json"):
        supports_at(folder)


def test_a_structure_that_the_first_example_has_not_is_named(tmp_path):
    for number, values in ((0, {"liver": 1}), (1, VALUES)):
        write_scan(tmp_path / f"p{number}.nrrd", person(number))
        write_label_map(tmp_path / f"p{number}-label.nrrd", person(number), values)
    with pytest.raises(InvalidSupport, match=r"example 2' also shows 'label 5' \('p1-label\.nrrd'\)"):
        read_examples(find_examples(tmp_path), {})
    assert [list(example.masks) for example in read_examples(find_examples(tmp_path), {"liver": 1})] == [["liver"]] * 2


def test_values_are_those_of_the_label_maps_or_of_the_names(folder):
    label_map, segments = find_examples(folder)
    assert label_values([label_map], {}) == {"label 1": 1, "label 5": 5}
    assert label_values([label_map], {"liver": 1, "spleen": None}) == {"liver": 1}
    assert label_values([segments], {}) == {}


def test_an_empty_label_map_and_no_example_are_named(folder):
    write_label_map(folder / "scan0_labels.nii.gz", person(0), {})
    with pytest.raises(InvalidSupport, match=r"shows nothing: 'scan0_labels\.nii\.gz' is empty"):
        read_examples(find_examples(folder)[:1], {})
    with pytest.raises(InvalidSupport, match="There is no example"):
        read_examples((), {})
