"""Slicer's own runner of command line modules runs the module for cohorts."""

from __future__ import annotations

import time

import pytest
from Host.cli_module import cli_logic
from Host.slicer_scene import boot


@pytest.fixture
def host(tmp_path):
    booted = boot(tmp_path, runs_modules=True)
    yield booted
    booted.close()


@pytest.fixture
def logic(host, script):
    return cli_logic(host.scene, host.application, script.with_suffix(".xml").read_text(encoding="utf-8"), script)


@pytest.fixture
def node(logic, balls):
    return filled_node(logic, balls)


def filled_node(logic, balls):
    made = logic.CreateNodeInScene()
    for name, value in (("output", balls.out), ("table", balls.table), ("recipe", balls.folder / "recipe.json")):
        made.SetParameterAsString(name, str(value))
    return made


def test_a_cohort_is_segmented_and_its_numbers_come_back(logic, node, balls):
    logic.ApplyAndWait(node, False)
    assert node.GetStatusString() == "Completed", node.GetErrorText()
    assert [node.GetParameterAsString(name) for name in ("cases", "done", "failures")] == ["4", "4", "0"]
    assert node.GetParameterAsString("usedModel") == "adaptive"
    assert node.GetParameterAsString("page") == str(balls.out / "index.html")
    assert float(node.GetParameterAsString("seconds")) > 0


def test_a_dry_run_tells_the_time(logic, node, balls):
    node.SetParameterAsString("dryRun", "true")
    logic.ApplyAndWait(node, False)
    assert node.GetStatusString() == "Completed", node.GetErrorText()
    assert float(node.GetParameterAsString("seconds")) > 0
    assert not balls.out.exists()


def test_a_failure_reaches_the_user(logic, node, balls):
    (balls.folder / "scan1.nrrd").unlink()
    logic.ApplyAndWait(node, False)
    assert node.GetStatusString() == "Completed with errors"
    assert "1 of 4 cases failed, such as 'p1'." in node.GetErrorText()


def test_cancel_keeps_what_is_done_and_the_run_goes_on(host, logic, node, balls):
    logic.Apply(node, False)
    deadline = time.monotonic() + 60
    while node.IsBusy():
        assert time.monotonic() < deadline
        host.process_events()
        if list(balls.out.glob("*.provenance.json")):
            node.Cancel()
        time.sleep(0.01)
    assert node.GetStatusString() == "Cancelled"
    done = len(list(balls.out.glob("*.provenance.json")))
    assert 1 <= done < 4
    node = filled_node(logic, balls)
    logic.ApplyAndWait(node, False)
    assert node.GetStatusString() == "Completed", node.GetErrorText()
    assert node.GetParameterAsString("kept") == str(done)
