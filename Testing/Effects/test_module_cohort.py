"""Many scans from the module's panel: chosen, tried, run, stopped and looked at, in processes of their own."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from Core.cohort.conftest import make_balls, results_of
from Effects.panel_fixtures import *  # noqa: F403
from Effects.panel_fixtures import rows
from Host import qt_shim as qt
from Host.nodes import add_points, add_segmentation, add_volume
from MedSegAICore.cohort.cohort_recipe import read_cohort_recipe
from MedSegAICore.cohort.folder_lock import held
from MedSegAICore.cohort.summary import PAGE
from MedSegAILib.gui import cohort_panel, cohort_settings
from MedSegAILib.gui.cohort_panel import CohortPanel
from MedSegAILib.gui.cohort_settings import CohortSettings, keepCohortSettings, readCohortSettings

SECONDS = 60


@pytest.fixture
def balls(tmp_path):
    made = make_balls(tmp_path / "data", 3)
    recipe = {"version": 1, "paradigm": "prompt", "model": "adaptive", "labels": {"ball": 3}}
    (made.folder / "recipe.json").write_text(json.dumps(recipe))
    return made


@pytest.fixture
def chosen(panel, balls):
    """The module's panel with everything chosen that a run needs."""
    ui = panel.ui
    ui.cohortSection.collapsed = False
    ui.cohortTableEdit.currentPath = str(balls.table)
    ui.cohortRecipeEdit.currentPath = str(balls.folder / "recipe.json")
    ui.cohortOutputEdit.currentPath = str(balls.out)
    return panel


@pytest.fixture
def ended(chosen, wait):
    """Wait for the end of what goes on; return what is said."""

    def ended():
        wait(lambda: not chosen.cohort.isBusy, SECONDS)
        return chosen.ui.cohortText.text

    return ended


def is_offered(widget) -> bool:
    return not widget.isHidden()


def test_a_cohort_is_tried_run_and_looked_at(chosen, balls, ended, monkeypatch) -> None:
    ui, opened, loaded = chosen.ui, [], set(sys.modules)
    monkeypatch.setattr(qt.QDesktopServices, "openUrl", lambda url: opened.append(Path(url.toLocalFile())))
    (balls.folder / "scan1.nrrd").write_bytes(b"NRRD0004\n")
    ui.cohortDryRunButton.click()
    assert not ui.cohortStartButton.enabled
    assert ended().startswith("3 of 3 images would be done. That takes about ")
    assert rows(ui.cohortTree) == [[name, "to do", ""] for name in ("p0", "p1", "p2")]
    assert not ui.cohortPageButton.enabled
    assert not balls.out.exists()

    ui.cohortStartButton.click()
    assert is_offered(ui.cohortProgressBar)
    assert ended().startswith("2 done, 0 done before, 1 failed, in ")
    ((name, state, reason),) = rows(ui.cohortTree)
    assert (name, state) == ("p1", "failed")
    assert "The file may be damaged" in reason
    assert not is_offered(ui.cohortProgressBar)
    ui.cohortPageButton.click()
    ui.cohortFolderButton.click()
    assert opened == [balls.out / PAGE, balls.out]
    assert PAGE == cohort_panel.PAGE
    assert {"dask", "distributed"}.isdisjoint(set(sys.modules) - loaded)  # other tests may have loaded them


def test_a_run_that_is_cancelled_leaves_nothing_half_and_goes_on(chosen, balls, ended, wait) -> None:
    many = 16
    make_balls(balls.folder, many)
    ui = chosen.ui
    ui.cohortStartButton.click()
    wait(lambda: f" of {many}, about " in ui.cohortText.text, SECONDS)
    assert ui.cohortProgressBar.value >= 100 // many
    ui.cohortCancelButton.click()
    assert not ui.cohortCancelButton.enabled
    assert ended() == "Stopped. What is done is kept; Start goes on where it was."
    done = len(list(balls.out.glob("*.provenance.json")))
    assert 1 <= done < many
    assert len(list(balls.out.glob("*.seg.nrrd"))) == done
    assert not list((balls.out / ".cohort").glob("staging/*"))
    assert ui.cohortPageButton.enabled

    ui.cohortStartButton.click()
    assert ended().startswith(f"{many - done} done, {done} done before, 0 failed, in ")
    first = results_of(balls.out)
    ui.cohortOutputEdit.currentPath = str(balls.folder / "undisturbed")
    ui.cohortStartButton.click()
    ended()
    assert results_of(balls.folder / "undisturbed") == first


@pytest.mark.slow
def test_two_processes_share_the_work(chosen, balls, ended) -> None:
    pytest.importorskip("distributed")
    chosen.ui.cohortWorkersBox.value = 2
    chosen.ui.cohortStartButton.click()
    assert ended().startswith("3 done, 0 done before, 0 failed, in ")
    with (balls.out / "summary.csv").open(newline="") as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["done", "done", "done"]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("cohortTableEdit", "", "Choose the table of the images."),
        ("cohortRecipeEdit", "", "Choose a recipe or a support model"),
        ("cohortOutputEdit", "", "Choose a folder for the results."),
        ("cohortSegmentationsBox", False, "Choose at least one format"),
        ("cohortSourceBox", 1, "Choose the folder of the images."),
        ("cohortPlaceBox", 1, "Give the address of the scheduler."),
    ],
)
def test_what_is_still_to_be_chosen_is_said(chosen, name, value, words) -> None:
    widget = getattr(chosen.ui, name)
    setattr(widget, {bool: "checked", int: "currentIndex", str: "currentPath"}[type(value)], value)
    chosen.ui.cohortStartButton.click()
    assert chosen.ui.cohortText.text.startswith(words)
    assert not chosen.cohort.isBusy


def test_what_is_wrong_is_said_in_words(chosen, balls, ended) -> None:
    balls.table.write_text("case,image\na,\n")
    chosen.ui.cohortStartButton.click()
    assert ended() == "Row 2, column 'image': is empty. Correct the cell named in the message."
    balls.out.mkdir()
    make_balls(balls.folder, 1)
    with held(balls.out):
        chosen.ui.cohortStartButton.click()
        assert ended().startswith("Another cohort run works in")


def test_packages_for_several_processes_are_installed_only_if_the_user_agrees(chosen, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(cohort_settings, "installedVersion", lambda _name: "")
    monkeypatch.setattr(cohort_panel, "installMissing", lambda packages: asked.extend(one.name for one in packages))
    monkeypatch.setattr(cohort_panel, "Errand", lambda *_arguments: None)
    chosen.ui.cohortStartButton.click()
    assert asked == []
    chosen.ui.cohortWorkersBox.value = 2
    chosen.ui.cohortDicomBox.checked = True
    chosen.ui.cohortStartButton.click()
    assert asked == ["distributed", "cryptography", "highdicom", "pydicom"]


def test_only_what_is_chosen_is_asked_for(chosen) -> None:
    ui = chosen.ui
    assert [is_offered(edit) for edit in (ui.cohortTableEdit, ui.cohortPatternEdit)] == [True, False]
    assert [is_offered(one) for one in (ui.cohortWorkersBox, ui.cohortSchedulerEdit)] == [True, False]
    ui.cohortSourceBox.currentIndex = ui.cohortPlaceBox.currentIndex = 1
    assert [is_offered(edit) for edit in (ui.cohortTableEdit, ui.cohortPatternEdit)] == [False, True]
    assert [is_offered(one) for one in (ui.cohortWorkersBox, ui.cohortSchedulerEdit)] == [False, True]


def test_choices_are_remembered(panel) -> None:
    chosen = CohortSettings(True, "t.csv", "scans", "{image}.nrrd", "box={image}.json", "a.safetensors", "out")
    keepCohortSettings(chosen)
    again = CohortPanel(panel.ui)
    assert readCohortSettings() == chosen
    again.exit()
    assert readCohortSettings() == chosen
    assert chosen.options("cpu") == {
        "output": "out",
        "formats": "seg.nrrd",
        "device": "cpu",
        "retry": False,
        "images": "scans",
        "pattern": "{image}.nrrd",
        "prompts": "box={image}.json",
        "model_file": "a.safetensors",
        "workers": 1,
    }
    remote = CohortSettings(
        table="t.csv", recipe="r.json", output="out", isRemote=True, scheduler="tls://a:1", dicom=True
    )
    assert "workers" not in remote.options("auto")
    assert "certificates" not in remote.options("auto")
    assert remote.options("auto")["formats"] == "seg.nrrd,dcm"


def test_remembered_choices_that_make_no_sense_are_forgotten(desktop) -> None:
    for text, found in (
        ("[1]", CohortSettings()),
        ("{", CohortSettings()),
        ('{"workers": "x", "nonsense": 1}', CohortSettings()),
    ):
        qt.QSettings().setValue(cohort_settings.KEY, text)
        assert readCohortSettings() == found


def test_the_last_segment_becomes_the_recipe(chosen, tmp_path, monkeypatch, process) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))
    ui = chosen.ui
    ui.cohortLastRecipeButton.click()
    assert ui.cohortText.text.startswith("The scene has no segment that MedSegAI has made.")

    from MedSegAI import MedSegAILogic

    volume = add_volume((100 * (np.indices((5, 20, 20)).sum(0) > 20)).astype(np.int16), np.eye(4))
    segmentation = add_segmentation(volume)
    monkeypatch.setattr("MedSegAILib.gui.application_engine.applicationEngine", lambda: process)
    MedSegAILogic().segment(volume, [add_points([(15, 15, 3)])], segmentation, "Liver", model="bright", threshold=0.4)
    ui.cohortLastRecipeButton.click()
    assert "as 'Liver' was" in ui.cohortText.text
    recipe = read_cohort_recipe(Path(ui.cohortRecipeEdit.currentPath))
    assert (recipe.task.model, recipe.task.threshold, dict(recipe.labels)) == ("bright", 0.4, {"Liver": 1})
    assert recipe.task.prompts == ()


def test_a_module_that_is_removed_ends_the_run(chosen, balls, wait) -> None:
    chosen.ui.cohortStartButton.click()
    chosen.cohort.close()
    assert not chosen.cohort.isBusy
    chosen.cohort.cancel()
