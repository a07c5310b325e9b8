"""What a data set consists of, as a short text."""

from __future__ import annotations

import shutil

from fakes.ball_set import write_ball_set
from MedSegAICore.evaluation.datasets.content import content_digest, files_of
from MedSegAICore.evaluation.datasets.dataset import load_dataset


def test_a_copy_elsewhere_is_the_same_and_a_changed_or_renamed_file_is_not(tmp_path):
    (tmp_path / "here").mkdir()
    described = write_ball_set(tmp_path / "here" / "balls", 3)
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    here = files_of(load_dataset(described).cases)
    there = files_of(load_dataset(tmp_path / "there" / "balls.json").cases)
    assert [file.name for file in here] == [f"p{n}{kind}.nrrd" for n in range(3) for kind in ("", "_labels")]
    known = content_digest(here)
    assert content_digest(there) == content_digest(here[::-1]) == known
    assert content_digest(here[:-1]) != known
    changed = there[1].read_bytes()
    there[1].write_bytes(changed[:-1] + bytes([changed[-1] ^ 1]))
    assert content_digest(there) != known
    there[1].write_bytes(changed)
    renamed = there[1].rename(there[1].with_name("p9_labels.nrrd"))
    assert content_digest([renamed, *there[:1], *there[2:]]) != known


def test_only_the_files_of_the_chosen_people_count(tmp_path):
    dataset = load_dataset(write_ball_set(tmp_path / "balls", 3))
    assert {file.name for file in files_of(dataset.only(["p1"]).cases)} == {"p1.nrrd", "p1_labels.nrrd"}


def test_an_archive_is_one_file(shared):
    dataset = load_dataset("ct_lung_nodules_4raters", shared / "data")
    assert [file.name for file in files_of(dataset.cases)] == ["nodules.npz"]
