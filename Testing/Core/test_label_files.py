"""Label maps and segmentations as files, and the grids they lie on."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from fakes.grids import SOME_ORDERS_AND_FLIPS, stored_as
from MedSegAICore.errors import GeometryMismatch, InvalidImage, InvalidRequest
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.images import image_from_array
from MedSegAICore.label_files import read_grid, read_labels, wanted_labels
from MedSegAICore.label_grids import check_grids, placed_on
from MedSegAICore.segmentation_file import NamedMask, write_segmentation
from MedSegAICore.volume import VolumePatch

GEOMETRY = VolumeGeometry.from_components((4, 6, 5), (1, 2, 3), (-10, 20, 30))


@pytest.fixture
def array():
    found = np.zeros(GEOMETRY.shape, np.uint8)
    found[1:3, 1:4, 2:4] = 1
    found[3, 5, 4] = 7
    return found


def written(path, array, geometry=GEOMETRY):
    sitk.WriteImage(image_from_array(array, geometry), str(path))
    return path


def segments(path, **masks):
    write_segmentation(path, [NamedMask(name, VolumePatch.whole(mask, GEOMETRY)) for name, mask in masks.items()])
    return path


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int32, np.float32])
def test_a_label_map_holds_its_numbers(tmp_path, array, kind):
    labels = read_labels(written(tmp_path / "map.nrrd", array.astype(kind)))
    assert labels.places == {"label 1": (0, 1), "label 7": (0, 7)}
    assert not labels.has_names
    np.testing.assert_array_equal(labels.mask("label 7"), array == 7)
    assert not labels.mask("label 3").any()


def test_a_segmentation_holds_its_names_also_where_segments_overlap(tmp_path, array):
    liver, lesion, empty = array == 1, np.roll(array == 1, 1, axis=1), array == 9
    labels = read_labels(segments(tmp_path / "a.seg.nrrd", liver=liver, lesion=lesion, empty=empty))
    assert labels.has_names
    assert len(labels.layers) == 2
    for name, mask in {"liver": liver, "lesion": lesion, "empty": empty}.items():
        np.testing.assert_array_equal(labels.mask(name), mask)
    assert labels.geometry.matches(GEOMETRY)
    assert read_grid(tmp_path / "a.seg.nrrd").matches(GEOMETRY)


def test_a_picture_is_one_slice(tmp_path):
    sitk.WriteImage(sitk.GetImageFromArray(np.eye(5, dtype=np.uint8)), str(tmp_path / "a.png"))
    assert read_labels(tmp_path / "a.png").mask("label 1").shape == (1, 5, 5)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [([0.5], "not whole"), ([-1.0], "values from -1"), ([70000.0], "to 70000"), ([np.nan], "nan")],
)
def test_what_is_no_label_map_is_refused_by_name(tmp_path, values, complaint):
    path = written(tmp_path / "probability.nrrd", np.full(GEOMETRY.shape, values, np.float32))
    with pytest.raises(InvalidImage, match=rf"probability\.nrrd.*{complaint}"):
        read_labels(path)


def test_two_segments_of_one_name_are_refused(tmp_path, array):
    write_segmentation(tmp_path / "a.seg.nrrd", [NamedMask("x", VolumePatch.whole(array == 1, GEOMETRY))] * 2)
    with pytest.raises(InvalidImage, match="several segments called 'x'"):
        read_labels(tmp_path / "a.seg.nrrd")


def test_a_label_map_takes_the_names_of_a_segmentation_by_value(tmp_path, array):
    named = read_labels(segments(tmp_path / "a.seg.nrrd", liver=array == 1))
    numbered = read_labels(written(tmp_path / "b.nrrd", array)).named_like(named)
    assert numbered.places == {"liver": (0, 1), "label 7": (0, 7)}
    assert named.named_like(numbered).places == named.places


def test_a_value_with_two_names_is_not_guessed(tmp_path, array):
    named = read_labels(segments(tmp_path / "a.seg.nrrd", liver=array == 1, lesion=array == 1))
    with pytest.raises(InvalidRequest, match="--labels"):
        read_labels(written(tmp_path / "b.nrrd", array)).named_like(named)


def test_wanted_structures_are_found_by_name_or_by_value(tmp_path, array):
    numbered = read_labels(written(tmp_path / "b.nrrd", array))
    assert numbered.chosen({"spleen": 7}).places == {"spleen": (0, 7)}
    assert numbered.chosen({}).places == numbered.places
    named = read_labels(segments(tmp_path / "a.seg.nrrd", liver=array == 1, spleen=array == 7))
    assert list(named.chosen({"spleen": 4, "aorta": None}).places) == ["spleen"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("liver=1, left kidney = 12", {"liver": 1, "left kidney": 12}),
        ("liver,spleen,", {"liver": None, "spleen": None}),
        ("3", {"label 3": 3}),
    ],
)
def test_lists_of_labels_are_read(text, expected):
    assert wanted_labels(text) == expected


@pytest.mark.parametrize("text", ["liver=", "=3", "liver=0", "liver=-1", "liver=one", "a=1=2"])
def test_lists_that_cannot_be_read_are_refused(text):
    with pytest.raises(InvalidRequest, match="cannot be read"):
        wanted_labels(text)


@pytest.mark.parametrize(("order", "flips"), SOME_ORDERS_AND_FLIPS)
def test_other_orders_of_storage_are_moved_voxel_by_voxel(tmp_path, array, order, flips):
    path = written(tmp_path / "a.nrrd", *stored_as(array, GEOMETRY, order, flips))
    placed = placed_on(read_labels(path), GEOMETRY, resample=False)
    np.testing.assert_array_equal(placed.layers[0], array)


def test_a_crop_is_put_back_in_its_place(tmp_path, array):
    crop = GEOMETRY.crop((1, 1, 1), (3, 5, 4))
    check_grids(crop, GEOMETRY, "a.nrrd")
    placed = placed_on(read_labels(written(tmp_path / "a.nrrd", array[1:, 1:, 1:], crop)), GEOMETRY, resample=False)
    np.testing.assert_array_equal(placed.layers[0], array)


def test_labels_outside_the_reference_are_not_cut_off_in_silence(tmp_path, array):
    labels = read_labels(written(tmp_path / "a.nrrd", array))
    smaller = GEOMETRY.crop((0, 0, 0), (3, 6, 5))
    with pytest.raises(GeometryMismatch, match="outside"):
        placed_on(labels, smaller, resample=False)
    np.testing.assert_array_equal(placed_on(labels, smaller, resample=True).layers[0], array[:3])


OTHER_GRIDS = {
    "half a voxel off": VolumeGeometry.from_components((4, 6, 5), (1, 2, 3), (-10.5, 20, 30)),
    "other spacing": VolumeGeometry.from_components((4, 6, 5), (1, 2, 3.1), (-10, 20, 30)),
    "turned": VolumeGeometry.from_components(
        (4, 6, 5), (1, 2, 3), (-10, 20, 30), [[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]]
    ),
    "every other voxel": VolumeGeometry.from_components((4, 6, 5), (2, 2, 3), (-10, 20, 30)),
}


@pytest.mark.parametrize("grid", OTHER_GRIDS.values(), ids=OTHER_GRIDS)
def test_other_grids_are_refused_with_what_to_do_and_resampled_when_asked(tmp_path, array, grid):
    with pytest.raises(GeometryMismatch, match=r"'a\.nrrd'.*--resample"):
        check_grids(grid, GEOMETRY, "a.nrrd")
    labels = read_labels(written(tmp_path / "a.nrrd", array, grid))
    with pytest.raises(GeometryMismatch):
        placed_on(labels, GEOMETRY, resample=False)
    placed = placed_on(labels, GEOMETRY, resample=True)
    assert placed.layers[0].shape == GEOMETRY.shape
    centers = GEOMETRY.to_ras([[2, 2, 1], [3, 3, 2]])
    k, j, i = grid.voxels_at(centers[0])[0]
    assert placed.layers[0][1, 2, 2] == array[k, j, i]
