"""Image files: every format comes back on its grid, bad ones are refused by name, outputs appear whole."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from MedSegAICore import images
from MedSegAICore.errors import InvalidImage, InvalidRequest, ShearedGeometry
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.images import image_from_array, read_image, write_labels
from MedSegAICore.volume import VolumePatch

VOXELS = np.random.default_rng(0).integers(0, 1000, (6, 30, 40)).astype(np.int16)
TURNED = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])
GEOMETRY = VolumeGeometry.from_components(VOXELS.shape, (0.7, 0.8, 3.0), (-1, -2, 3), TURNED)


@pytest.fixture
def patch():
    return VolumePatch(np.ones((2, 3, 4), bool), (1, 2, 3), GEOMETRY)


def save(path, image=None, compressed=True):
    sitk.WriteImage(image_from_array(VOXELS, GEOMETRY) if image is None else image, str(path), compressed)
    return path


@pytest.mark.parametrize("suffix", ["nii", "nii.gz", "nrrd", "mha", "mhd", "nhdr"])
def test_a_file_of_any_kind_comes_back_on_its_grid(tmp_path, suffix):
    image = read_image(save(tmp_path / f"image.{suffix}"))
    np.testing.assert_array_equal(image.array, VOXELS)
    assert image.geometry.matches(GEOMETRY)


def test_the_world_of_a_file_is_turned_from_lps_to_ras(tmp_path):
    image = sitk.GetImageFromArray(np.zeros((2, 3, 4), np.int16))
    image.SetOrigin((10, 20, 30))
    matrix = read_image(save(tmp_path / "image.nrrd", image)).geometry.ijk_to_ras
    np.testing.assert_allclose(matrix, [[-1, 0, 0, -10], [0, -1, 0, -20], [0, 0, 1, 30], [0, 0, 0, 1]])


@pytest.mark.parametrize("suffix", ["nii", "nii.gz", "nrrd", "mha"])
@pytest.mark.parametrize("kept", [0.0, 0.01, 0.6, 0.97])
def test_a_truncated_file_is_refused(tmp_path, suffix, kept):
    path = save(tmp_path / f"image.{suffix}")
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(InvalidImage, match="copy or export it again"):
        read_image(path)


def test_a_nifti_file_of_several_gzip_members_is_whole(tmp_path):
    plain = save(tmp_path / "image.nii").read_bytes()
    path = tmp_path / "members.nii.gz"
    path.write_bytes(gzip.compress(plain[:1000]) + gzip.compress(plain[1000:]))
    np.testing.assert_array_equal(read_image(path).array, VOXELS)


def test_a_colour_image_is_refused(tmp_path):
    image = sitk.GetImageFromArray(np.zeros((4, 5, 6, 3), np.uint8), isVector=True)
    with pytest.raises(InvalidImage, match=r"'rgb\.nrrd' has 3 values"):
        read_image(save(tmp_path / "rgb.nrrd", image))


@pytest.mark.parametrize("suffix", ["nii.gz", "nrrd"])
def test_a_time_series_is_refused_and_a_single_frame_accepted(tmp_path, suffix):
    frame = image_from_array(VOXELS, GEOMETRY)
    with pytest.raises(InvalidImage, match="time series"):
        read_image(save(tmp_path / f"series.{suffix}", sitk.JoinSeries([frame] * 3)))
    image = read_image(save(tmp_path / f"single.{suffix}", sitk.JoinSeries([frame])))
    np.testing.assert_array_equal(image.array, VOXELS)
    assert image.geometry.matches(GEOMETRY)


def test_a_picture_and_a_single_slice_are_volumes_of_one_slice(tmp_path):
    picture = save(tmp_path / "picture.png", sitk.GetImageFromArray(np.zeros((5, 6), np.uint8)))
    assert read_image(picture).array.shape == (1, 5, 6)
    one = image_from_array(VOXELS[2:3], GEOMETRY.crop((2, 0, 0), (1, 30, 40)))
    assert read_image(save(tmp_path / "one.nii", one)).geometry.matches(GEOMETRY.crop((2, 0, 0), (1, 30, 40)))


def test_sheared_axes_are_refused(tmp_path):
    path = tmp_path / "sheared.nrrd"
    header = (
        "NRRD0004\ntype: uint8\ndimension: 3\nspace: left-posterior-superior\nsizes: 2 2 2\n"
        "space directions: (1,0,0) (0.5,1,0) (0,0,1)\nkinds: domain domain domain\nencoding: raw\n\n"
    )
    path.write_bytes(header.encode() + bytes(8))
    with pytest.raises(ShearedGeometry):
        read_image(path)


def test_a_missing_file_and_a_text_file_are_refused(tmp_path):
    with pytest.raises(InvalidImage, match="no image file"):
        read_image(tmp_path / "none.nii")
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    with pytest.raises(InvalidImage, match=r"'notes\.txt' cannot be read"):
        read_image(text)


@pytest.mark.parametrize("suffix", ["nii.gz", "nrrd", "mhd", "nhdr"])
@pytest.mark.parametrize("label_value", [1, 300])
def test_a_mask_is_written_as_labels_on_the_grid_of_its_image(tmp_path, patch, suffix, label_value):
    path = tmp_path / f"labels.{suffix}"
    write_labels(path, patch, label_value)
    labels = read_image(path)
    np.testing.assert_array_equal(labels.array, patch.full() * label_value)
    assert labels.geometry.matches(GEOMETRY)


def test_an_empty_mask_is_written_as_background(tmp_path):
    write_labels(tmp_path / "labels.nrrd", VolumePatch(np.zeros((0, 0, 0), bool), (0, 0, 0), GEOMETRY))
    assert read_image(tmp_path / "labels.nrrd").array.sum() == 0


@pytest.mark.parametrize("label_value", [0, -1, 65536])
def test_a_label_value_that_does_not_fit_is_refused(tmp_path, patch, label_value):
    with pytest.raises(InvalidRequest, match=str(label_value)):
        write_labels(tmp_path / "labels.nrrd", patch, label_value)


@pytest.mark.parametrize("name", ["missing/labels.nrrd", "labels.unknown", ""])
def test_a_place_that_cannot_be_written_is_refused_and_nothing_is_left(tmp_path, patch, name):
    with pytest.raises(InvalidRequest, match="cannot be written"):
        write_labels(tmp_path / name, patch)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_the_file_that_was_there(tmp_path, patch, monkeypatch):
    path = tmp_path / "labels.nrrd"
    path.write_text("old")

    def half_written(_image, name, useCompression):
        Path(name).write_bytes(b"half")
        message = "sitk::ERROR: disk full"
        raise RuntimeError(message)

    monkeypatch.setattr(images.sitk, "WriteImage", half_written)
    with pytest.raises(InvalidRequest, match="cannot be written"):
        write_labels(path, patch)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
