"""Whole evaluations: two files, two folders, a model on labelled images."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
import SimpleITK as sitk
from fakes.ball_set import GEOMETRY, LABELS, label_map, write_array, write_ball_set
from fakes.diffusion import DEFAULT, diffusion_engine
from fakes.questions import Numbers, exact, refuses_five
from MedSegAICore.engine.engine import Engine
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import (
    Cancelled,
    GeometryMismatch,
    InvalidImage,
    InvalidRequest,
    SettingsDiffer,
    WeightsMissing,
)
from MedSegAICore.evaluation.datasets.dataset import load_dataset
from MedSegAICore.evaluation.file_comparison import FilePair
from MedSegAICore.evaluation.file_job import job_of_files, pairs_in
from MedSegAICore.evaluation.job import Job, run_job
from MedSegAICore.evaluation.model_job import job_of_models
from MedSegAICore.evaluation.protocols.plans import Asked, InteractivePlan, RatersPlan
from MedSegAICore.evaluation.report.results import read_results
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.models.weights import FOLDER_VARIABLE
from MedSegAICore.request import SamplingOptions
from MedSegAICore.segmentation_file import NamedMask, write_segmentation
from MedSegAICore.volume import VolumePatch


def compared(tmp_path, prediction, reference, wanted=None, name="out", **options):
    job = job_of_files([FilePair("case", prediction, reference)], "set", "m", wanted=wanted or {}, **options)
    evaluation, warnings = run_job(job, tmp_path / name, Run())
    assert warnings == ()
    return {record.item.label: record for record in evaluation.records}


def test_two_label_maps_are_compared_value_by_value(tmp_path):
    found = compared(
        tmp_path, write_array(tmp_path / "a.nrrd", label_map(1)), write_array(tmp_path / "b.nii.gz", label_map())
    )
    assert {label: record.values["dice"] for label, record in found.items()} == {"label 1": 0.75, "label 2": 1.0}
    assert found["label 1"].values["volume_difference"] == 0
    assert found["label 1"].values["true_volume"] == pytest.approx(64 * 2 / 1000)


def test_a_segmentation_and_a_label_map_meet_by_value_or_by_name(tmp_path):
    segments = [NamedMask(name, VolumePatch.whole(label_map(1) == value, GEOMETRY)) for name, value in LABELS.items()]
    write_segmentation(tmp_path / "a.seg.nrrd", segments)
    reference = write_array(tmp_path / "b.nrrd", label_map())
    by_value = compared(tmp_path, tmp_path / "a.seg.nrrd", reference)
    assert {label: record.values["dice"] for label, record in by_value.items()} == {"liver": 0.75, "spleen": 1.0}
    write_segmentation(tmp_path / "b.seg.nrrd", segments[::-1])  # other values, the same names
    by_name = compared(tmp_path, tmp_path / "b.seg.nrrd", reference, LABELS, name="by_name")
    assert by_name["liver"].values["dice"] == 0.75
    swapped = compared(tmp_path, tmp_path / "a.seg.nrrd", tmp_path / "b.seg.nrrd", name="swapped")
    assert {record.values["dice"] for record in swapped.values()} == {1.0}


def test_overlapping_segments_are_compared_each_with_its_own(tmp_path):
    liver = label_map() == 1
    lesion = liver & (np.indices(liver.shape)[1] < 4)
    both = [
        NamedMask("liver", VolumePatch.whole(liver, GEOMETRY)),
        NamedMask("lesion", VolumePatch.whole(lesion, GEOMETRY)),
    ]
    write_segmentation(tmp_path / "a.seg.nrrd", both)
    write_segmentation(tmp_path / "b.seg.nrrd", both[::-1])
    found = compared(tmp_path, tmp_path / "a.seg.nrrd", tmp_path / "b.seg.nrrd")
    assert {label: record.values["dice"] for label, record in found.items()} == {"liver": 1.0, "lesion": 1.0}


def test_missed_invented_and_absent_structures_all_count(tmp_path):
    prediction = write_array(
        tmp_path / "a.nrrd", np.where(label_map() == 1, 0, np.where(label_map() == 2, 3, 0)).astype(np.uint8)
    )
    wanted = {"missed": 1, "invented": 3, "absent": 9}
    found = compared(tmp_path, prediction, write_array(tmp_path / "b.nrrd", label_map()), wanted)
    assert {label: record.values["dice"] for label, record in found.items()} == {
        "missed": 0,
        "invented": 0,
        "absent": 1,
    }
    assert found["missed"].values["hd95"] == pytest.approx(np.linalg.norm([12, 12, 12]))
    assert "| all      | 3 | 1        | 2        |" in (tmp_path / "out" / "table.md").read_text()


def test_another_grid_is_refused_or_resampled(tmp_path):
    shifted = VolumeGeometry.from_components(GEOMETRY.shape, (1, 1, 2), (-10.5, 20, 30))
    prediction, reference = (
        write_array(tmp_path / "a.nrrd", label_map(), shifted),
        write_array(tmp_path / "b.nrrd", label_map()),
    )
    with pytest.raises(GeometryMismatch, match=r"'a\.nrrd' and its reference lie on different grids.*--resample"):
        compared(tmp_path, prediction, reference)
    assert not (tmp_path / "out").exists()
    assert compared(tmp_path, prediction, reference, resample=True)["label 1"].values["dice"] > 0.7


def test_a_crop_needs_no_resampling_but_nothing_may_be_cut_off(tmp_path):
    cropped = write_array(tmp_path / "a.nrrd", label_map()[1:5, 1:], GEOMETRY.crop((1, 1, 0), (4, 11, 12)))
    whole = write_array(tmp_path / "b.nrrd", label_map())
    assert {record.values["dice"] for record in compared(tmp_path, cropped, whole).values()} == {1.0}
    small = write_array(tmp_path / "c.nrrd", label_map()[:4], GEOMETRY.crop((0, 0, 0), (4, 12, 12)))
    with pytest.raises(GeometryMismatch, match="outside"):
        compared(tmp_path, whole, small)


@pytest.fixture
def folders(tmp_path):
    """Four references; one prediction is missing, one is damaged, one belongs to nothing."""
    for number in range(4):
        write_array(tmp_path / "references" / f"case_{number}.nii.gz", label_map())
    for number in range(2):
        write_array(tmp_path / "predictions" / f"case_{number}.nrrd", label_map(number))
    (tmp_path / "predictions" / "case_2.seg.nrrd").write_text("NRRD0005\n")
    write_array(tmp_path / "predictions" / "stray.nrrd", label_map())
    (tmp_path / "predictions" / "notes.txt").touch()
    return tmp_path / "predictions", tmp_path / "references"


def test_a_folder_is_compared_by_file_name_and_what_is_missing_is_a_failure(tmp_path, folders):
    pairs, strays = pairs_in(*folders)
    assert [file.name for file in strays] == ["stray.nrrd"]
    evaluation, _ = run_job(job_of_files(pairs, "set", "m", wanted=LABELS), tmp_path / "out", Run())
    failures = {record.item.subject: record.failure for record in evaluation.records if record.failure}
    assert failures["case_3"] == "There is no prediction for 'case_3.nii.gz'."
    assert "case_2.seg.nrrd" in failures["case_2"]
    assert set(failures) == {"case_2", "case_3"}
    liver = [record.values["dice"] for record in evaluation.records if record.item.label == "liver"]
    assert liver == [1.0, 0.75, 0.0, 0.0]
    text = (tmp_path / "out" / "table.md").read_text()
    assert "| m      | liver  | 4 | 4        | 2        | 0.438 (" in text
    assert min(file.name for file in (tmp_path / "out" / "errors").iterdir()) == "error_001_m_case_2_liver.seg.nrrd"


def test_without_a_list_of_labels_those_of_each_case_are_taken(folders):
    job = job_of_files(pairs_in(*folders)[0], "set", "m", wanted={})
    assert {item.label for item in job.protocols[0].items()} == {"label 1", "label 2"}
    assert len(job.protocols[0].items()) == 8


def test_a_folder_that_was_changed_meanwhile_does_not_go_on(tmp_path, folders):
    run_job(job_of_files(pairs_in(*folders)[0], "set", "m", wanted=LABELS), tmp_path / "out", Run())
    write_array(folders[0] / "case_0.nrrd", label_map(1)[:, ::-1])
    with pytest.raises(SettingsDiffer, match="another Files"):
        run_job(job_of_files(pairs_in(*folders)[0], "set", "m", wanted=LABELS), tmp_path / "out", Run())


def test_a_reference_that_cannot_be_read_ends_the_evaluation(folders):
    (folders[1] / "case_1.nii.gz").write_bytes(b"damaged")
    with pytest.raises(InvalidImage, match="case_1"):
        job_of_files(pairs_in(*folders)[0], "set", "m", wanted={}).protocols[0].items()


def test_folders_that_cannot_be_compared_are_refused_by_name(tmp_path, folders):
    with pytest.raises(InvalidRequest, match="There is no folder"):
        pairs_in(tmp_path / "none", folders[1])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidRequest, match="holds no label maps"):
        pairs_in(tmp_path / "empty", folders[1])
    write_array(tmp_path / "others" / "x.nrrd", label_map())
    with pytest.raises(InvalidRequest, match="No file in"):
        pairs_in(tmp_path / "others", folders[1])
    shutil.copy(folders[0] / "case_0.nrrd", folders[0] / "case_0.nhdr")
    with pytest.raises(InvalidRequest, match="have one name"):
        pairs_in(*folders)


def numbers_job(method, **settings):
    return Job([Numbers()], {"m": method}, settings, no_masks, seed=3)


def no_masks(record, run):
    nothing = np.zeros(GEOMETRY.shape, bool)
    return nothing, nothing, GEOMETRY


def without_time(text):
    return re.sub(r'"(seconds|median_seconds|peak_memory_mb|Date)": [^\n]*', "", text)


def test_two_runs_with_one_seed_give_one_table_apart_from_time_and_memory(tmp_path):
    for name in ("one", "two"):
        run_job(numbers_job(refuses_five), tmp_path / name, Run())
    first, second = ((tmp_path / name / "results.json").read_text() for name in ("one", "two"))
    assert without_time(first) == without_time(second)
    assert json.loads(first)["summary"][-1]["failures"] == 2


def test_a_finished_folder_is_only_written_again(tmp_path):
    run_job(numbers_job(exact), tmp_path, Run())

    def must_not_be_called(wanted):
        raise AssertionError

    evaluation, _ = run_job(numbers_job(must_not_be_called), tmp_path, Run())
    assert not any(record.failure for record in evaluation.records)
    with pytest.raises(SettingsDiffer):
        run_job(numbers_job(exact, Tolerance=3), tmp_path, Run())


def test_an_earlier_run_is_compared(tmp_path):
    run_job(numbers_job(exact), tmp_path / "before", Run())
    run_job(numbers_job(refuses_five), tmp_path / "now", Run(), earlier=tmp_path / "before" / "results.json")
    assert "m (earlier)" in (tmp_path / "now" / "table.md").read_text()


def test_a_stopped_run_writes_no_table(tmp_path):
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        run_job(numbers_job(exact), tmp_path, Run(cancel=cancel))
    assert [file.name for file in tmp_path.iterdir()] == ["records.jsonl"]


@pytest.fixture
def ball_set(tmp_path):
    return load_dataset(write_ball_set(tmp_path / "balls"))


def test_a_model_is_evaluated_click_by_click(tmp_path, ball_set):
    job = job_of_models(["adaptive"], [ball_set], Engine("cpu"), InteractivePlan(2))
    evaluation, warnings = run_job(job, tmp_path / "out", Run(), worst=1)
    assert warnings == ()
    assert [record.item.subject for record in evaluation.records] == ["p0", "p1"]
    assert all(record.values["dice"] > 0.8 for record in evaluation.records), evaluation.records
    assert all(record.seconds > 0 for record in evaluation.records)
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert {"cases.csv", "cases.png", "clicks.png", "errors", "table.md", "results.json"} <= names
    (error_map,) = (tmp_path / "out" / "errors").iterdir()
    worst = min(evaluation.records, key=lambda record: record.values["dice"])
    shown = sitk.GetArrayFromImage(sitk.ReadImage(str(error_map)))
    overlap = 2 * (shown == 1).sum() / (2 * (shown == 1).sum() + (shown > 1).sum())
    assert overlap == pytest.approx(worst.values["dice"])
    assert read_results(tmp_path / "out" / "results.json").methods == ("adaptive",)


def test_a_diffusion_model_is_compared_with_raters_and_how_it_draws_counts(tmp_path, ball_set, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    sampling, asked = SamplingOptions(samples=3, steps=2), Asked(seed=4)
    job = job_of_models([DEFAULT, "adaptive"], [ball_set], diffusion_engine(), RatersPlan(), asked, sampling)
    assert "samples: 3, steps: 2, seed: 4, solver: ddim" in job.settings["Sampling"]
    evaluation, _ = run_job(job, tmp_path / "out", Run(), worst=1)
    counts = [(record.method, record.values["candidates"]) for record in evaluation.records]
    assert counts == [(DEFAULT, 3), (DEFAULT, 3), ("adaptive", 1), ("adaptive", 1)]
    assert not any(record.failure for record in evaluation.records)
    otherwise = job_of_models([DEFAULT, "adaptive"], [ball_set], diffusion_engine(), RatersPlan(), asked)
    with pytest.raises(SettingsDiffer):
        run_job(otherwise, tmp_path / "out", Run())
    with pytest.raises(InvalidRequest, match="no model"):
        job_of_models([DEFAULT], [ball_set], diffusion_engine(), InteractivePlan(1))


@pytest.mark.parametrize(
    ("models", "sets", "complaint"),
    [(["nonesuch"], 1, "nonesuch"), ([], 1, "No model"), (["adaptive"], 0, "No data"), (["adaptive"], 2, "one name")],
)
def test_a_choice_that_cannot_be_evaluated_is_refused_by_name(ball_set, models, sets, complaint):
    with pytest.raises(InvalidRequest, match=complaint):
        job_of_models(models, [ball_set] * sets, Engine("cpu"))


def test_another_checkpoint_of_the_same_model_is_another_evaluation(tmp_path, ball_set):
    def settings(name, content):
        file = tmp_path / name / "sam.pth"
        file.parent.mkdir()
        file.write_bytes(content)
        return job_of_models(["sam_vit_b"], [ball_set], Engine("cpu", {"sam_vit_b": file})).settings

    first = settings("first", b"weights")
    assert settings("copy", b"weights") == first
    assert settings("other", b"WEIGHTS") != first


def test_a_model_whose_checkpoint_is_missing_is_refused_before_any_case(tmp_path, ball_set, monkeypatch):
    monkeypatch.setenv("MEDSEGAI_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsMissing):
        job_of_models(["sam_vit_b"], [ball_set], Engine("cpu"))
    with pytest.raises(WeightsMissing, match=r"gone\.pth"):
        job_of_models(["sam_vit_b"], [ball_set], Engine("cpu", {"sam_vit_b": tmp_path / "gone.pth"}))
