"""DICOM series in, DICOM segmentations out."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from Core.cohort.conftest import Balls, results_of, write_point
from fakes.dicom_series import PATIENT, SHAPE, write_series
from MedSegAICore.cohort.case_image import read_case_image
from MedSegAICore.cohort.manifest import Case
from MedSegAICore.errors import InvalidImage, PackageMissing, ShearedGeometry
from MedSegAICore.images import image_from_array, read_image, write_image

pytest.importorskip("pydicom")
highdicom = pytest.importorskip("highdicom")


@pytest.fixture
def series(tmp_path):
    """A cohort of one series."""
    made = Balls(tmp_path / "data")
    _, geometry = write_series(made.folder / "ct")
    centre = geometry.to_ras([(n - 1) / 2 for n in SHAPE[::-1]])[0]
    write_point(made.folder / "middle.mrk.json", (centre * (-1, -1, 1)).tolist())
    made.table.write_text("case,image,positive\na,ct,middle.mrk.json\n")
    return made


def case_of(folder, series=""):
    return Case("a", folder, "a", series)


def test_a_series_is_read_by_position_with_its_values_and_grid(tmp_path):
    values, geometry = write_series(tmp_path / "ct")
    image = read_case_image(case_of(tmp_path / "ct"))
    np.testing.assert_array_equal(image.array, values)
    assert image.geometry.matches(geometry)


def test_one_of_several_series_must_be_named(tmp_path):
    first, _ = write_series(tmp_path / "ct", "1.2.3")
    for file in list((tmp_path / "ct").iterdir()):
        file.rename(file.with_name(f"x{file.name}"))
    write_series(tmp_path / "ct", "1.2.4")
    with pytest.raises(InvalidImage, match=r"holds 2 DICOM series\. Name one in the column 'series': 1\.2\.3, 1\.2\.4"):
        read_case_image(case_of(tmp_path / "ct"))
    np.testing.assert_array_equal(read_case_image(case_of(tmp_path / "ct", "1.2.3")).array, first)
    with pytest.raises(InvalidImage, match=r"no DICOM series '9'"):
        read_case_image(case_of(tmp_path / "ct", "9"))


def test_missing_slices_and_tilted_gantries_are_refused(tmp_path):
    write_series(tmp_path / "gap", positions=[0, 3, 6, 12, 15, 18, 21])
    with pytest.raises(InvalidImage, match="even distances"):
        read_case_image(case_of(tmp_path / "gap"))
    write_series(tmp_path / "tilted", shift=0.5)
    with pytest.raises(ShearedGeometry, match="tilted gantry"):
        read_case_image(case_of(tmp_path / "tilted"))


def test_a_folder_without_a_series_is_named(tmp_path):
    with pytest.raises(InvalidImage, match="holds no DICOM series"):
        read_case_image(case_of(tmp_path))


@pytest.mark.parametrize("ending", [".nii.gz", ".nii", ".nrrd", ".mha", ".mhd"])
def test_image_files_are_read_too(tmp_path, ending):
    values, geometry = write_series(tmp_path / "ct")
    write_image(tmp_path / f"a{ending}", image_from_array(values, geometry))
    image = read_case_image(case_of(tmp_path / f"a{ending}"))
    np.testing.assert_array_equal(image.array, values)
    assert image.geometry.matches(geometry)


def test_a_dicom_segmentation_lies_where_the_series_does_and_belongs_to_it(series):
    assert series.run(formats=("dcm", "nii.gz")) == {"a": "done"}
    labels = read_image(series.out / "a_labels.nii.gz")
    found = highdicom.seg.segread(series.out / "a.seg.dcm")
    assert str(found.PatientName) == PATIENT
    assert found.get_segment_description(1).SegmentLabel == "ball"
    assert "not a medical device" in found.SeriesDescription
    volume = found.get_volume(combine_segments=True)
    geometry = labels.geometry
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ geometry.ijk_to_ras
    expected = np.argwhere(labels.array)
    centres = np.c_[expected[:, ::-1], np.ones(len(expected))] @ lps.T
    inside = np.argwhere(volume.array)
    theirs = np.c_[inside, np.ones(len(inside))] @ volume.affine.T
    assert len(inside) == len(expected) > 100
    np.testing.assert_allclose(sorted_rows(theirs[:, :3]), sorted_rows(centres[:, :3]), atol=2e-4)


def test_other_programs_read_the_dicom_segmentation(series):
    series.run(formats=("dcm", "nii.gz"))
    image = sitk.ReadImage(str(series.out / "a.seg.dcm"))
    labels = sitk.ReadImage(str(series.out / "a_labels.nii.gz"))
    assert sitk.GetArrayFromImage(image).astype(bool).sum() == sitk.GetArrayFromImage(labels).sum()


def test_the_provenance_of_a_series_names_nobody(series):
    series.run()
    text = (series.out / "a.provenance.json").read_text()
    assert "Smith" not in text
    assert "1234" not in text


def test_the_same_series_under_other_file_names_is_the_same_case(series):
    series.run(formats=("dcm",))
    before = results_of(series.out)
    for number, file in enumerate(sorted((series.folder / "ct").iterdir())):
        file.rename(file.with_name(f"slice{number}"))
    assert series.run(formats=("dcm",)) == {"a": "kept"}
    assert results_of(series.out) == before


def test_images_without_a_series_have_no_dicom_segmentation(balls):
    assert set(balls.run(formats=("dcm",)).values()) == {"failed"}
    assert "is no DICOM series" in (balls.out / "p0.failure.json").read_text()


def test_the_missing_package_is_named_before_anything_is_done(balls, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(PackageMissing, match="highdicom"):
        balls.cohort(formats=("dcm",))


def sorted_rows(points):
    return points[np.lexsort(np.round(points, 3).T)]
