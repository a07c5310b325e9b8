"""Growing a task and segmenting by it from the Python console: waiting for it or not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import slicer
from fakes.people import person
from Host.nodes import add_segmentation, add_volume, segment_array
from MedSegAICore.errors import Cancelled, InvalidSupport, InvalidSupportSet, NodeRemoved
from MedSegAICore.incontext.task_library import TaskLibrary
from MedSegAICore.prompts import SlicePlane
from MedSegAICore.request import SliceScope
from MedSegAILib.gui import application_engine, node_run

PRODUCT = Path(__file__).resolve().parents[2] / "MedSegAI"
SHAPE = (9, 14, 12)
PATIENCE = 60
TASK = "organs"


@pytest.fixture
def modules():
    return (PRODUCT / "MedSegAI.py",)


@pytest.fixture
def logic(desktop, monkeypatch, real_engine):
    from MedSegAI import MedSegAILogic

    monkeypatch.setattr(application_engine, "applicationEngine", lambda: real_engine)
    monkeypatch.setattr(node_run, "applicationEngine", lambda: real_engine)
    return MedSegAILogic()


@pytest.fixture
def draw(desktop):
    """Add a person as a volume and a segmentation."""

    def draw(seed, labels=("liver", "kidney")):
        drawn = person(seed, SHAPE)
        volume = add_volume(drawn.image.array, drawn.image.geometry.ijk_to_ras, f"CT {seed}")
        segmentation = add_segmentation(volume, f"Drawn {seed}")
        for label in labels:
            segmentation.GetSegmentation().AddEmptySegment(label, label)
            mask = drawn.masks[label].full().astype(np.uint8)
            slicer.util.updateSegmentBinaryLabelmapFromArray(mask, segmentation, label, volume)
        return volume, segmentation

    return draw


@pytest.fixture
def library(logic, draw, tmp_path):
    """A folder with a task of one example."""
    folder = tmp_path / "tasks"
    logic.addToTask(folder, TASK, *draw(0))
    return folder


def test_a_task_grows_and_its_structures_become_segments_of_their_names(logic, draw, library) -> None:
    volume, drawn = draw(1)
    place = int(person(1, SHAPE).masks["kidney"].full().sum(axis=(1, 2)).argmax())
    plane = SlicePlane.of_slice(person(1, SHAPE).image.geometry, 0, place)
    logic.addToTask(library, TASK, volume, drawn, plane=plane)
    target = add_segmentation(volume, "Result")

    segmentIds, result = logic.segmentInContext(volume, library, TASK, target)

    assert [note.position is None for note in TaskLibrary(library).task(TASK).notes()] == [True, False]
    assert list(segmentIds) == ["liver", "kidney"]
    for structure in result.structures:
        written = segment_array(target, segmentIds[structure.label], volume)
        np.testing.assert_array_equal(written, structure.mask.full())


def test_a_task_takes_only_the_structures_that_it_has(logic, draw, library) -> None:
    volume, drawn = draw(1, labels=["kidney"])
    drawn.GetSegmentation().AddEmptySegment("bone", "bone")

    logic.addToTask(library, TASK, volume, drawn)

    assert [one.labels for one in TaskLibrary(library).task(TASK).examples()].count(("kidney",)) == 1
    drawn.GetSegmentation().GetSegment("kidney").SetName("spleen")
    with pytest.raises(InvalidSupport, match="has no structure 'spleen'"):
        logic.addToTask(library, TASK, volume, drawn, names=["spleen"])


def test_without_waiting_a_slice_is_segmented_and_the_rest_stays(logic, draw, library, wait) -> None:
    volume, drawn = draw(2)
    before = segment_array(drawn, "liver", volume)
    plane = SlicePlane.of_slice(person(2, SHAPE).image.geometry, 0, 4)
    results, errors = [], []

    run = logic.startInContext(
        volume,
        library,
        TASK,
        drawn,
        onResult=lambda *values: results.append(values),
        onError=errors.append,
        labels=("liver",),
        scope=SliceScope(plane),
    )
    assert run.isRunning
    wait(lambda: results or errors, PATIENCE)

    ((segmentIds, result),) = results
    after = segment_array(drawn, segmentIds["liver"], volume)
    np.testing.assert_array_equal(np.delete(after, 4, axis=0), np.delete(before, 4, axis=0))
    np.testing.assert_array_equal(after[4], result.structures[0].mask.full()[4])


def test_what_goes_wrong_is_named_and_the_scene_stays_as_it_was(logic, draw, library, wait) -> None:
    volume, _ = draw(2)
    before, errors = slicer.mrmlScene.GetNumberOfNodes(), []

    with pytest.raises(InvalidSupportSet, match="There is no task 'absent'"):
        logic.segmentInContext(volume, library, "absent")
    logic.startInContext(volume, library, TASK, onError=errors.append).cancel()
    wait(lambda: errors, PATIENCE)

    assert [type(error) for error in errors] == [Cancelled]
    assert slicer.mrmlScene.GetNumberOfNodes() == before


def test_a_volume_may_be_removed_while_it_is_segmented(logic, draw, library, wait) -> None:
    volume, errors = draw(2)[0], []

    logic.startInContext(volume, library, TASK, onError=errors.append)
    slicer.mrmlScene.RemoveNode(volume)
    wait(lambda: errors, PATIENCE)

    assert [type(error) for error in errors] == [NodeRemoved]
