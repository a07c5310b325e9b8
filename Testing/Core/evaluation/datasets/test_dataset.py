"""Sets of a few voxels: what is listed, what is read, and what is refused by name."""

from __future__ import annotations

import numpy as np
import pytest
from fakes.datasets import GRID, description, write_description, write_volume
from MedSegAICore.errors import GeometryMismatch, InvalidDataset
from MedSegAICore.evaluation.datasets.dataset import load_dataset
from MedSegAICore.geometry import VolumeGeometry

IMAGE = np.arange(120, dtype=np.int16).reshape(GRID.shape)


def labels(*values: int) -> np.ndarray:
    """Return a label map that holds each value in a slice of its own."""
    array = np.zeros(GRID.shape, np.uint8)
    for k, value in enumerate(values):
        array[k, 2:4, 1:3] = value
    return array


@pytest.fixture
def folder(tmp_path):
    for subject, values in (("b", (1, 2)), ("a", (1,)), ("c", ())):
        write_volume(tmp_path / f"{subject}_image.nii.gz", IMAGE)
        write_volume(tmp_path / f"{subject}_label.nii.gz", labels(*values))
    return tmp_path


def test_a_case_holds_its_image_and_its_structures(folder):
    dataset = load_dataset(write_description(folder, description()))
    assert dataset.name == "mine"
    assert dataset.subjects == ("a", "b", "c")
    assert dataset.labels == ("liver", "spleen")
    a, b, c = dataset.cases
    assert [case.present_labels for case in (a, b, c)] == [("liver",), ("liver", "spleen"), ()]
    assert np.array_equal(b.image().array, IMAGE)
    assert b.image().geometry.matches(GRID)
    assert np.array_equal(b.mask("spleen").array, labels(0, 1) == 1)
    assert b.mask("spleen").geometry.matches(GRID)
    assert not c.mask("liver").array.any()


def test_nothing_is_read_before_it_is_asked_for(folder):
    (folder / "d_image.nii.gz").write_text("no image")
    (folder / "d_label.nii.gz").write_text("no label map")
    dataset = load_dataset(write_description(folder, description()))
    assert dataset.subjects == ("a", "b", "c", "d")
    assert dataset.cases[0].mask("liver").array.any()


def test_a_root_may_be_named_for_a_description_that_lies_elsewhere(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    file = write_description(elsewhere, description(folder=folder.name))
    assert load_dataset(file, folder.parent).subjects == ("a", "b", "c")
    with pytest.raises(InvalidDataset, match="There is no folder"):
        load_dataset(file)


def test_a_shipped_description_needs_to_be_told_where_the_files_are(tmp_path):
    with pytest.raises(InvalidDataset, match="It is not said where the files of the set 'mr_lesions' are"):
        load_dataset("mr_lesions")
    with pytest.raises(InvalidDataset, match=r"There is no description 'mr_dragon.json'"):
        load_dataset("mr_dragon", tmp_path)


def test_some_subjects_make_a_set_of_their_own(folder):
    dataset = load_dataset(write_description(folder, description()))
    assert dataset.only(["c", "a"]).subjects == ("a", "c")
    with pytest.raises(InvalidDataset, match="'mine' has no subject 'z'"):
        dataset.only(["a", "z"])


def test_an_image_without_its_label_map_is_refused_by_name(folder):
    (folder / "b_label.nii.gz").unlink()
    with pytest.raises(InvalidDataset, match=r"The image 'b_image.nii.gz' .* has no label map 'b_label.nii.gz'"):
        load_dataset(write_description(folder, description()))


def test_an_empty_folder_is_refused_by_name(tmp_path):
    with pytest.raises(InvalidDataset, match=r"holds no file like '{subject}_image.nii.gz'"):
        load_dataset(write_description(tmp_path, description()))


def test_a_label_map_on_another_grid_is_refused_by_name(folder):
    moved = VolumeGeometry.from_components(GRID.shape, (1, 1, 2), (0, 0, 1))
    write_volume(folder / "a_label.nii.gz", labels(1), moved)
    with pytest.raises(GeometryMismatch, match=r"'a_label.nii.gz' does not lie on the grid of 'a_image.nii.gz'"):
        load_dataset(write_description(folder, description())).cases[0].mask("liver")


@pytest.mark.parametrize(
    ("array", "complaint"),
    [
        (labels(1, 7), "holds the value 7, which the description does not name"),
        (labels(1) + 0.5, "not whole numbers"),
        (labels(1) - 1.0, "not whole numbers"),
        (labels(1).astype(np.float32) * 1e6, "not whole numbers"),
    ],
    ids=["unknown", "half", "negative", "huge"],
)
def test_a_label_map_with_strange_values_is_refused_by_name(folder, array, complaint):
    write_volume(folder / "a_label.nii.gz", np.asarray(array))
    case = load_dataset(write_description(folder, description())).cases[0]
    with pytest.raises(InvalidDataset, match=f"'a_label.nii.gz' .*{complaint}"):
        case.mask("liver")
    with pytest.raises(InvalidDataset, match=complaint):
        _ = case.present_labels


def test_a_value_that_is_no_number_is_refused_by_name(folder):
    fields = description()
    fields["files"]["label_maps"][0]["file"] = "{subject}.nrrd"
    for subject in "abc":
        write_volume(folder / f"{subject}.nrrd", np.where(labels(1) > 0, np.nan, 0))
    with pytest.raises(InvalidDataset, match=r"'a.nrrd' .*not whole numbers"):
        load_dataset(write_description(folder, fields)).cases[0].mask("liver")


def test_other_values_are_background_where_the_description_says_so(folder):
    write_volume(folder / "a_label.nii.gz", labels(1, 7).astype(np.float64))
    fields = description()
    fields["files"]["label_maps"][0]["other_values"] = "ignore"
    case = load_dataset(write_description(folder, fields)).cases[0]
    assert case.mask("liver").array.sum() == 4
    assert case.present_labels == ("liver",)


def test_an_unknown_structure_is_refused_by_name(folder):
    with pytest.raises(InvalidDataset, match="The set 'mine' has no structure 'heart'"):
        load_dataset(write_description(folder, description())).cases[0].mask("heart")


def test_a_label_map_is_not_taken_for_an_image(tmp_path):
    write_volume(tmp_path / "ct.nii.gz", IMAGE)
    write_volume(tmp_path / "ct_labels.nii.gz", labels(1))
    fields = description()
    fields["files"]["image"], fields["files"]["label_maps"][0]["file"] = "{image}.nii.gz", "{image}_labels.nii.gz"
    dataset = load_dataset(write_description(tmp_path, fields))
    assert [(case.subject, case.name) for case in dataset.cases] == [("mine", "ct")]


def test_pictures_without_spacing_are_measured_in_pixels(tmp_path):
    write_volume(tmp_path / "a" / "1_image.nii.gz", IMAGE)
    write_volume(tmp_path / "a" / "1_label.nii.gz", labels(1))
    fields = description(has_spacing=False)
    fields["files"]["image"] = "{subject}/{image}_image.nii.gz"
    fields["files"]["label_maps"][0]["file"] = "{subject}/{image}_label.nii.gz"
    case = load_dataset(write_description(tmp_path, fields)).cases[0]
    assert case.image().geometry.spacing_kji.tolist() == [1, 1, 1]
    assert case.mask("liver").geometry.matches(case.image().geometry)


def test_models_are_told_how_large_a_pixel_is_assumed_to_be(tmp_path):
    write_volume(tmp_path / "a_image.nii.gz", IMAGE)
    write_volume(tmp_path / "a_label.nii.gz", labels(1))
    (case,) = load_dataset(write_description(tmp_path, description(has_spacing=False, pixel_mm=0.7))).cases
    assert case.image().geometry.spacing_kji.tolist() == pytest.approx([0.7] * 3)
    assert case.mask("liver").geometry.matches(case.image().geometry)


def test_label_maps_without_images_can_be_listed(folder):
    fields = description()
    fields["files"]["image"] = None
    case = load_dataset(write_description(folder, fields)).cases[1]
    assert case.present_labels == ("liver", "spleen")
    with pytest.raises(InvalidDataset, match="label maps only"):
        case.image()


def test_several_raters_agree_where_more_than_half_of_them_do(folder):
    fields = description()
    first = fields["files"]["label_maps"][0] | {"rater": "1"}
    fields["files"]["label_maps"] = [first, *(first | {"rater": n, "file": f"{{subject}}_{n}.nii.gz"} for n in "23")]
    for n in "23":
        for subject in "abc":
            write_volume(folder / f"{subject}_{n}.nii.gz", labels(0, 1) if n == "2" else labels(0))
    file = write_description(folder, fields)
    alone = load_dataset(file).cases[0]
    assert load_dataset(file).subjects == ("a", "b", "c")
    assert [int(mask.array.sum()) for mask in alone.masks("liver")] == [4, 4, 0]
    assert not alone.mask("liver").array.any()
    assert alone.drawn_labels == ("liver",)
    assert alone.present_labels == ()
    write_volume(folder / "a_3.nii.gz", labels(1))
    agreed = load_dataset(file).cases[0]
    assert np.array_equal(agreed.mask("liver").array, labels(1) == 1)
    assert agreed.present_labels == ("liver",)


@pytest.fixture
def archive_fields():
    archive = {
        "file": "all.npz",
        "names": "id",
        "pattern": "{subject}/{image}.png",
        "images": "image",
        "masks": "raters",
        "packed_bits": True,
        "label": "nodule",
    }
    return description(files=None, archive=archive, has_spacing=False)


def write_archive(folder, **changes):
    masks = np.zeros((3, 2, 4, 16), np.uint8)
    masks[0, 0, 1, 2:5] = masks[2, 1, 3, 15] = 1
    arrays = {
        "id": np.array(["p/n-1/s.png", "p/n-2/s.png", "q/n-1/s.png"]),
        "image": np.arange(192, dtype=np.uint8).reshape(3, 4, 16),
        "raters": np.packbits(masks, axis=-1),
    }
    np.savez_compressed(folder / "all.npz", **(arrays | changes))


def test_an_archive_holds_pictures_and_the_masks_of_every_rater(tmp_path, archive_fields):
    write_archive(tmp_path)
    dataset = load_dataset(write_description(tmp_path, archive_fields))
    assert [(case.subject, case.name) for case in dataset.cases] == [("p", "n-1/s"), ("p", "n-2/s"), ("q", "n-1/s")]
    first, second, _ = dataset.cases
    assert first.image().array[0, 1, 3] == 19
    drawn, empty = first.masks("nodule")
    assert np.argwhere(drawn.array).tolist() == [[0, 1, 2], [0, 1, 3], [0, 1, 4]]
    assert not empty.array.any()
    assert first.drawn_labels == ("nodule",)
    assert first.present_labels == ()
    assert second.drawn_labels == ()
    with pytest.raises(InvalidDataset, match="no structure 'cyst'"):
        first.masks("cyst")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"id": np.array(["p", "q", "r"])}, "The name 'p' in 'all.npz' is not like"),
        ({"id": np.array([["p/1.png"]])}, "'id' of 'all.npz' has 2 dimensions"),
        ({"id": np.array([], "<U3")}, "holds no case"),
        ({"image": np.zeros((3, 4), np.uint8)}, "'image' of 'all.npz' has 2 dimensions"),
        ({"image": np.array([[["a"]]], object)}, "has no array 'image' that can be read"),
    ],
)
def test_an_archive_that_is_not_as_described_is_refused_by_name(tmp_path, archive_fields, changes, complaint):
    write_archive(tmp_path, **changes)
    with pytest.raises(InvalidDataset, match=complaint):
        load_dataset(write_description(tmp_path, archive_fields)).cases[0].image()


def test_an_archive_with_masks_of_another_size_is_refused(tmp_path, archive_fields):
    write_archive(tmp_path, raters=np.zeros((3, 2, 5, 2), np.uint8))
    with pytest.raises(GeometryMismatch, match="The masks have the size"):
        load_dataset(write_description(tmp_path, archive_fields)).cases[0].masks("nodule")


def test_a_missing_archive_is_refused_by_name(tmp_path, archive_fields):
    with pytest.raises(InvalidDataset, match=r"There is no archive 'all.npz'"):
        load_dataset(write_description(tmp_path, archive_fields))
