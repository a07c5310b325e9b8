"""Cohorts of plausible masks, with a small network of random weights."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from Core.cohort.conftest import write_ball, write_point
from fakes.diffusion import DEFAULT, diffusion_catalogue, diffusion_engine
from MedSegAICore.cohort.cohort import Cohort, standings
from MedSegAICore.cohort.cohort_recipe import read_cohort_recipe
from MedSegAICore.cohort.manifest import read_manifest
from MedSegAICore.cohort.options import CohortOptions
from MedSegAICore.cohort.runner import run_cohort
from MedSegAICore.engine.run import Run
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.images import image_from_array, read_image, write_image
from MedSegAICore.label_files import read_labels
from MedSegAICore.models import catalogue
from MedSegAICore.models.weights import FOLDER_VARIABLE

GEOMETRY = VolumeGeometry.from_components((2, 3, 4))


@pytest.fixture(autouse=True)
def small_model(tmp_path, monkeypatch):
    """Let the usual name stand for a small network."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    diffusion_engine()  # writes the weights
    known = diffusion_catalogue()
    monkeypatch.setattr(catalogue, "load_catalogue", lambda: known)


def write_box(file):
    """Save a ROI around the middle as Slicer does."""
    markup = {"type": "ROI", "coordinateSystem": "LPS", "coordinateUnits": "mm", "controlPoints": []}
    markup |= {"center": [0.0, 0.0, 0.0], "orientation": [1, 0, 0, 0, 1, 0, 0, 0, 1], "size": [20, 20, 8]}
    file.write_text(json.dumps({"markups": [markup]}))


@pytest.fixture
def cohort(tmp_path):
    """Return the cohort of three scans, marked by a box, a mask and nothing, with settings for the masks."""
    for number in range(3):
        write_ball(tmp_path / f"scan{number}.nrrd", seed=number)
    write_box(tmp_path / "box.mrk.json")
    scan = read_image(tmp_path / "scan1.nrrd")
    write_image(tmp_path / "guess.nrrd", image_from_array((scan.array > 60).astype(np.uint8), scan.geometry))
    table = "case,image,box,mask\np0,scan0.nrrd,box.mrk.json,\np1,scan1.nrrd,,guess.nrrd\np2,scan2.nrrd,,\n"
    (tmp_path / "cases.csv").write_text(table)

    def of(**options):
        fields = {"version": 1, "paradigm": "diffusion", "model": DEFAULT, "labels": {"nodule": 3}}
        settings = {"options": {"samples": 2, "steps": 2, "combine": "mean", **options}}
        (tmp_path / "recipe.json").write_text(json.dumps({**fields, "settings": settings}))
        recipe = read_cohort_recipe(tmp_path / "recipe.json")
        return Cohort(read_manifest(tmp_path / "cases.csv"), recipe, tmp_path / "out", ("seg.nrrd", "nii.gz"))

    return of


def states(cohort):
    return [standing.state for standing in standings(cohort, cohort.engine())]


def test_boxes_and_masks_say_where_the_structure_is_and_what_was_drawn_is_kept(cohort, tmp_path):
    made = cohort()
    assert [report.status for report in run_cohort(made, Run())] == ["done", "done", "failed"]
    for name in ("p0", "p1"):
        labels = read_image(tmp_path / "out" / f"{name}_labels.nii.gz").array
        assert set(np.unique(labels)) == {0, 3}
        segments = read_labels(tmp_path / "out" / f"{name}.seg.nrrd")
        np.testing.assert_array_equal(segments.mask("nodule"), labels == 3)
        record = json.loads((tmp_path / "out" / f"{name}.provenance.json").read_text())
        assert (record["model"], len(record["model_sha256"])) == (DEFAULT, 64)
    assert "No prompt is given" in (tmp_path / "out" / "p2.failure.json").read_text()
    assert states(made) == ["kept", "kept", "failed"]


def test_a_mask_on_another_grid_is_a_failure_that_names_nobody(cohort, tmp_path):
    made = cohort()
    write_image(tmp_path / "guess.nrrd", image_from_array(np.ones((2, 3, 4), np.uint8), GEOMETRY))
    assert [report.status for report in run_cohort(made, Run())] == ["done", "failed", "failed"]
    said = (tmp_path / "out" / "p1.failure.json").read_text()
    assert "The file of 'mask' lies on another grid than the image." in said
    assert "guess" not in said


def test_another_seed_draws_the_masks_again(cohort, tmp_path):
    run_cohort(cohort(), Run())
    first = (tmp_path / "out" / "p0_labels.nii.gz").read_bytes()
    other = cohort(seed=9)
    assert states(other)[:2] == ["changed", "changed"]
    run_cohort(other, Run())
    assert (tmp_path / "out" / "p0_labels.nii.gz").read_bytes() != first


def test_without_a_recipe_the_name_of_the_model_is_enough(cohort, tmp_path):
    cohort()  # writes the images
    options = CohortOptions(tmp_path / "out", images=tmp_path, pattern="scan0.nrrd", model=DEFAULT, labels="nodule=2")
    recipe = options.cohort().recipe
    assert (recipe.paradigm, recipe.task.model, recipe.labels) == ("diffusion", DEFAULT, {"nodule": 2})
    assert replace(options, model="adaptive").cohort().recipe.paradigm == "prompt"


def test_a_point_says_where_to_look_too(cohort, tmp_path):
    write_point(tmp_path / "middle.mrk.json")
    (tmp_path / "cases.csv").write_text("case,image,positive\np0,scan0.nrrd,middle.mrk.json\n")
    assert [report.status for report in run_cohort(cohort(), Run())] == ["done"]
