"""Cohorts that examples show what to segment in: support models and tasks of a library."""

from __future__ import annotations

import json

import pytest
import SimpleITK as sitk
from fakes.people import person
from fakes.people_files import VALUES, write_scan
from MedSegAICore.cohort.cohort import Cohort, standings
from MedSegAICore.cohort.cohort_recipe import read_cohort_recipe
from MedSegAICore.cohort.manifest import cases_in
from MedSegAICore.cohort.runner import run_cohort
from MedSegAICore.engine.engine import Engine
from MedSegAICore.engine.run import Run
from MedSegAICore.fewshot.fit import FitRequest
from MedSegAICore.images import read_image
from MedSegAICore.incontext.context_example import ContextExample
from MedSegAICore.incontext.task_library import TaskLibrary


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """For small images more of them only wait for each other."""
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    yield
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


@pytest.fixture
def cohort(tmp_path):
    """Return the cohort of one scan that a recipe describes."""
    write_scan(tmp_path / "scans" / "q3.nii.gz", person(3))

    def of(**fields):
        file = tmp_path / "recipe.json"
        file.write_text(json.dumps({"version": 1, "labels": VALUES, **fields}))
        cases = cases_in(tmp_path / "scans", "{image}.nii.gz")
        return Cohort(cases, read_cohort_recipe(file), tmp_path / "out", ("nii.gz",))

    return of


def status(cohort):
    (report,) = run_cohort(cohort, Run())
    return report.status


def state(cohort):
    (standing,) = standings(cohort, cohort.engine())
    return standing.state


def dice(labels, seed):
    found = read_image(labels).array
    scores = []
    for label, value in VALUES.items():
        truth = person(seed).masks[label].full()
        scores.append(2 * ((found == value) & truth).sum() / ((found == value).sum() + truth.sum()))
    return min(scores)


def test_a_support_model_segments_a_scan_and_another_one_does_it_again(cohort, tmp_path):
    file = tmp_path / "organs.safetensors"
    Engine().fit(FitRequest((person(0),), file, values=VALUES))
    made = cohort(paradigm="fewshot", model="", supports="organs.safetensors")
    assert status(made) == "done"
    assert dice(tmp_path / "out" / "q3_labels.nii.gz", 3) > 0.75
    assert state(made) == "kept"
    file.write_bytes(b"another")
    assert state(made) == "changed"
    assert status(made) == "failed"


def test_a_task_of_a_library_segments_a_scan_and_a_new_example_does_it_again(cohort, tmp_path):
    task = TaskLibrary(tmp_path / "library").create("organs", tuple(VALUES))
    task.add(ContextExample(person(0), "first"))
    made = cohort(paradigm="incontext", model="registered_context", supports="library/organs")
    assert status(made) == "done"
    assert dice(tmp_path / "out" / "q3_labels.nii.gz", 3) > 0.5
    assert state(made) == "kept"
    task.add(ContextExample(person(1), "second"))
    assert state(made) == "changed"


def test_a_recipe_without_supports_needs_them_in_the_table(cohort, tmp_path):
    assert status(cohort(paradigm="fewshot", model="")) == "failed"
    assert "Name one as 'supports'" in (tmp_path / "out" / "q3.failure.json").read_text()
