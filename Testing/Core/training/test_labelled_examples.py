"""Labelled images become examples: every structure of a set equally often."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
import SimpleITK as sitk
from MedSegAICore.errors import InvalidDataset
from MedSegAICore.evaluation.datasets.dataset import load_dataset
from MedSegAICore.training.chance import step_generator
from MedSegAICore.training.example import is_usable
from MedSegAICore.training.labelled import LabelledSource, drawn_structures


def write(path, array, spacing):
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    sitk.WriteImage(image, str(path))


@pytest.fixture
def volumes(tmp_path):
    """Two people with a large and a small structure, in slices 3 times as thick as their pixels, and their set."""
    for subject in range(2):
        labels = np.zeros((20, 40, 50), np.uint8)
        labels[3:15, 5:25, 5:35] = 1
        labels[8:10, 30:36, 40:46] = 2
        noise = np.random.default_rng(subject).normal(0, 10, labels.shape)
        write(tmp_path / f"s{subject}.nii.gz", (labels * 100.0 + noise).astype(np.int16), (1, 1, 3))
        write(tmp_path / f"s{subject}_labels.nii.gz", labels, (1, 1, 3))
    spec = {
        "name": "two", "title": "Two", "kind": "CT", "has_spacing": True, "folder": ".", "archive": None,
        "files": {
            "image": "{subject}.nii.gz",
            "label_maps": [
                {
                    "file": "{subject}_labels.nii.gz", "labels": {"large": 1, "small": 2}, "rater": "",
                    "other_values": "refuse",
                }
            ],
        },
        "licence": "CC0-1.0", "training": "allowed", "source": "here", "citation": "", "notes": "",
    }  # fmt: skip
    (tmp_path / "two.json").write_text(json.dumps(spec))
    return load_dataset(tmp_path / "two.json")


@pytest.fixture
def radiographs(tmp_path):
    """The folder of a set of radiographs as it is described, of two people with two lungs."""
    folder = tmp_path / "xr_chest_lungs"
    folder.mkdir()
    for subject in range(2):
        labels = np.zeros((1, 90, 90), np.uint8)
        labels[0, 20:70, 10:35] = labels[0, 20:70, 55:80] = 1
        noise = np.random.default_rng(subject).normal(0, 5, labels.shape)
        write(folder / f"p{subject}_image.png", np.clip(180 - 100 * labels + noise, 0, 255).astype(np.uint8)[0], (1, 1))
        write(folder / f"p{subject}_label.png", labels[0], (1, 1))
    return tmp_path


def test_slices_are_found_in_all_directions_where_they_show_enough(volumes):
    large, small = drawn_structures(volumes)
    assert len(large) == len(small) == 2
    counts = np.bincount(large[0].places[:, 0], minlength=3)
    assert counts.tolist() == [12, 20, 30]
    assert np.bincount(small[0].places[:, 0], minlength=3).tolist() == [2, 6, 6]


def test_a_slice_has_its_image_its_mask_and_its_spacing(volumes):
    large = drawn_structures(volumes)[0][0]
    picture, mask = large.slice(np.array([0, 5]))
    assert mask.sum() == 20 * 30
    assert picture.image[mask].mean() > picture.image[~mask].mean() + 5000
    assert picture.spacing == (1, 1)
    picture, mask = large.slice(np.array([2, 10]))
    assert picture.image.shape == mask.shape == (20, 40)
    assert picture.spacing == (3, 1)


def test_only_the_subjects_asked_for_are_seen(volumes):
    assert [len(structures) for structures in drawn_structures(volumes, ["s1"])] == [1, 1]


def test_examples_show_what_was_drawn(radiographs):
    source = LabelledSource("xray", radiographs)
    for seed in range(20):
        example = source.draw(64, np.random.default_rng(seed))
        assert is_usable(example.mask)
        assert example.image.dtype == np.float32
        assert example.image[example.mask].mean() != example.image[~example.mask].mean()


def test_the_same_chance_gives_the_same_example_in_any_order(radiographs):
    source = LabelledSource("xray", radiographs)
    first = source.draw(64, step_generator(1, 4))
    source.draw(64, step_generator(1, 5))
    again = LabelledSource("xray", radiographs).draw(64, step_generator(1, 4))
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.mask, again.mask)


def test_blank_images_are_refused_and_do_not_hang(radiographs):
    for file in (radiographs / "xr_chest_lungs").glob("*_image.png"):
        write(file, np.zeros((90, 90), np.uint8), (1, 1))
    source = LabelledSource("xray", radiographs)
    with pytest.raises(InvalidDataset, match="can be seen"):
        source.draw(64, np.random.default_rng(1))


def test_unknown_subjects_leave_nothing_to_draw(radiographs):
    with pytest.raises(InvalidDataset, match="xray"):
        LabelledSource("xray", radiographs, ["nobody"])


@pytest.mark.slow
@pytest.mark.parametrize("group", ["ct", "mr", "xray"])
def test_real_images_are_ready_soon_and_drawn_fast(shared, group):
    start = time.process_time()
    source = LabelledSource(group, shared / "data")
    assert time.process_time() - start < 30  # about 4 s
    start = time.process_time()
    for step in range(60):
        assert is_usable(source.draw(128, step_generator(1, step)).mask)
    assert (time.process_time() - start) / 60 < 0.04  # about 0.004 s
