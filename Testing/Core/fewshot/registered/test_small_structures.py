"""What is told about structures that the grid is too coarse for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from MedSegAICore import Engine, FitRequest
from MedSegAICore.fewshot.examples import Example
from MedSegAICore.volume import VolumePatch


@pytest.fixture
def with_kidneys_of(model):
    """Return a model whose examples show so many voxels of the kidney."""

    def make(*counts: int):
        scans = [
            replace(scan, labels=_with_kidney(scan.labels, count))
            for scan, count in zip(model.scans, counts, strict=True)
        ]
        return replace(model, scans=tuple(scans))

    return make


def _with_kidney(labels: sitk.Image, count: int) -> sitk.Image:
    array = sitk.GetArrayFromImage(labels)
    array[array == 2] = 0
    array.reshape(-1)[:count] = 2
    drawn = sitk.GetImageFromArray(array)
    drawn.CopyInformation(labels)
    return drawn


def test_structures_of_usual_size_need_no_words(model):
    assert model.warnings == ()


@pytest.mark.parametrize("counts", [(0, 0), (1, 0), (1, 1)])
def test_what_is_too_small_is_named(with_kidneys_of, counts):
    assert [warning.partition(" is ")[:3:2] for warning in with_kidneys_of(*counts).warnings] == [
        ("'kidney'", "too small to be found reliably: one voxel or less of what is learned from.")
    ]


def test_examples_that_teach_nothing_are_counted(with_kidneys_of):
    (said,) = with_kidneys_of(30, 0).warnings
    assert "'kidney' is smaller than a voxel of what is learned from on 1 of 2 examples" in said


@pytest.mark.parametrize("method", ["registered", "prototypes"])
def test_the_report_names_a_structure_of_one_voxel(draw_person, tmp_path, method):
    person = draw_person(0, (1, 40, 36))
    speck = np.zeros(person.image.geometry.shape, np.bool_)
    speck[0, 30, 20] = True
    masks = {**person.masks, "speck": VolumePatch.whole(speck, person.image.geometry)}
    report = Engine().fit(FitRequest((Example(person.image, masks),), tmp_path / "m.safetensors", method))
    assert [warning for warning in report.warnings if "too small" in warning and "'speck'" in warning]
