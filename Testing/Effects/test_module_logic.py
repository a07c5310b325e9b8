"""Segmenting nodes from the Python console: waiting for it or not, and what is left when it goes wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import slicer
from Host.nodes import SMALL_GRID, add_points, add_segmentation, add_volume, segment_array
from Host.processes import pid_of
from MedSegAICore.engine.engine import Engine
from MedSegAICore.engine.run import CancelToken
from MedSegAICore.errors import (
    Cancelled,
    EngineFault,
    EngineLost,
    InvalidImage,
    NodeRemoved,
    NoPositivePrompt,
    PromptOutsideImage,
    UnknownModel,
)
from MedSegAICore.models.prompt_default import default_prompt_model
from MedSegAICore.prompts import PointPrompt
from MedSegAICore.request import PromptTask, SegmentationRequest
from MedSegAILib.gui import application_engine, node_run
from MedSegAILib.gui.event_loop import later
from MedSegAILib.mrml.volumes import imageVolume

PRODUCT = Path(__file__).resolve().parents[2] / "MedSegAI"
SHAPE, CENTER_KJI = (8, 24, 26), (4, 12, 13)
CENTER = (SMALL_GRID @ (*CENTER_KJI[::-1], 1))[:3]


@pytest.fixture
def modules():
    return (PRODUCT / "MedSegAI.py",)


@pytest.fixture
def use(monkeypatch):
    """Let the application have an engine process."""

    def use(process) -> None:
        monkeypatch.setattr(application_engine, "applicationEngine", lambda: process)
        monkeypatch.setattr(node_run, "applicationEngine", lambda: process)

    return use


@pytest.fixture
def fakes(use, start):
    """An engine process that knows the fake models."""
    process = start()
    use(process)
    return process


@pytest.fixture
def logic(desktop):
    from MedSegAI import MedSegAILogic

    return MedSegAILogic()


@pytest.fixture
def ct(desktop):
    """A volume with a bright ball in the middle."""
    distance = np.linalg.norm((np.indices(SHAPE).reshape(3, -1).T - CENTER_KJI) * (3.1, 0.9, 0.7), axis=1)
    ball = distance.reshape(SHAPE) <= 6
    return add_volume((100 * ball + np.random.default_rng(0).normal(0, 5, SHAPE)).astype(np.int16))


@pytest.fixture
def click(ct):
    return add_points([CENTER])


class Heard:
    """What a run has told."""

    def __init__(self) -> None:
        self.results, self.errors, self.progress = [], [], []

    @property
    def callbacks(self) -> dict:
        return {
            "onResult": lambda *values: self.results.append(values),
            "onError": self.errors.append,
            "onProgress": lambda *values: self.progress.append(values),
        }

    @property
    def ended(self) -> bool:
        return bool(self.results or self.errors)


def state() -> list:
    """Everything in the scene that a run could have changed."""
    scene = slicer.mrmlScene
    nodes = [scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())]
    segmentations = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    return [nodes, [list(node.GetSegmentation().GetSegmentIDs()) for node in segmentations]]


def test_waiting_for_the_engine_process_gives_what_an_engine_gives(logic, ct, click, use, real_engine) -> None:
    use(real_engine)
    segmentation = add_segmentation(ct)
    progress = []

    segment_id, result = logic.segment(
        ct, [click, PointPrompt(CENTER + 1)], segmentation, "Ball", progress=lambda *words: progress.append(words)
    )

    task = PromptTask((PointPrompt(CENTER), PointPrompt(CENTER + 1)))
    expected = Engine().segment(SegmentationRequest(imageVolume(ct), task)).mask.full()
    assert expected.any()
    np.testing.assert_array_equal(segment_array(segmentation, segment_id, ct), expected)
    assert segmentation.GetSegmentation().GetSegment(segment_id).GetName() == "Ball"
    assert result.provenance.model == default_prompt_model()
    assert progress


def test_without_waiting_the_same_segment_is_written_when_the_answer_comes(
    logic, ct, click, use, real_engine, wait
) -> None:
    use(real_engine)
    segmentation, heard = add_segmentation(ct), Heard()

    run = logic.start(ct, [click], segmentation, "Ball", **heard.callbacks)
    assert run.isRunning
    assert segmentation.GetSegmentation().GetNumberOfSegments() == 0
    wait(lambda: heard.ended)

    ((segment_id, result),) = heard.results
    np.testing.assert_array_equal(segment_array(segmentation, segment_id, ct), result.mask.full())
    assert heard.progress
    assert heard.errors == []
    assert not run.isRunning


def test_a_segmentation_is_made_if_none_is_given(logic, ct, click, fakes, wait) -> None:
    heard = Heard()

    logic.start(ct, [click], model="quick", **heard.callbacks)
    wait(lambda: heard.ended)

    (segmentation,) = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    assert segmentation.GetName() == "CT segmentation"
    assert heard.results[0][0] in segmentation.GetSegmentation().GetSegmentIDs()


@pytest.mark.parametrize(
    ("prompts", "settings", "error"),
    [
        ([], {"model": "bright"}, NoPositivePrompt),
        ([PointPrompt((999, 0, 0))], {"model": "bright"}, PromptOutsideImage),
        ([PointPrompt(CENTER)], {"model": "nothing"}, UnknownModel),
        ([PointPrompt(CENTER)], {"model": "faulty"}, EngineFault),
        ([PointPrompt(CENTER)], {"model": "crashing"}, EngineLost),
    ],
)
def test_a_run_that_fails_leaves_the_scene_as_it_was(logic, ct, fakes, wait, prompts, settings, error) -> None:
    before, heard = state(), Heard()

    with pytest.raises(error):
        logic.segment(ct, prompts, **settings)
    assert state() == before

    logic.start(ct, prompts, **settings, **heard.callbacks)
    wait(lambda: heard.ended)
    assert [type(found) for found in heard.errors] == [error]
    assert heard.results == []
    assert state() == before


def test_a_volume_that_cannot_be_used_is_refused_at_once(logic, fakes) -> None:
    with pytest.raises(InvalidImage):
        logic.start(None, [PointPrompt(CENTER)])
    assert not fakes.isRunning


def test_a_run_is_cancelled_by_its_handle(logic, ct, click, fakes, wait) -> None:
    before, heard = state(), Heard()
    run = logic.start(ct, [click], model="obedient", **heard.callbacks)
    wait(lambda: heard.progress)

    run.cancel()
    wait(lambda: heard.ended)

    assert [type(error) for error in heard.errors] == [Cancelled]
    assert not run.isRunning
    assert state() == before
    run.cancel()  # it has ended: nothing happens


def test_whoever_waits_can_cancel_too(logic, ct, click, fakes, wait) -> None:
    pid_of(fakes, wait)
    before, cancel = state(), CancelToken()
    later(300, cancel.cancel)

    with pytest.raises(Cancelled):
        logic.segment(ct, [click], model="obedient", cancel=cancel)
    assert state() == before


@pytest.mark.parametrize("removed", ["volume", "segmentation", "scene"])
def test_nodes_may_be_removed_while_it_runs(logic, ct, click, fakes, wait, desktop, removed) -> None:
    segmentation, heard = add_segmentation(ct), Heard()
    logic.start(ct, [click], segmentation, model="quick", **heard.callbacks)

    if removed == "scene":
        desktop.close_scene()
    else:
        slicer.mrmlScene.RemoveNode({"volume": ct, "segmentation": segmentation}[removed])
    before = state()
    wait(lambda: heard.ended)

    assert [type(error) for error in heard.errors] == [NodeRemoved]
    assert "was removed from the scene" in str(heard.errors[0])
    assert state() == before


def test_nodes_may_be_removed_while_someone_waits(logic, ct, click, fakes) -> None:
    later(0, lambda: slicer.mrmlScene.RemoveNode(ct))

    with pytest.raises(NodeRemoved, match="'CT' was removed"):
        logic.segment(ct, [click], model="quick")


def test_an_engine_that_is_lost_ends_the_run(logic, ct, click, fakes, wait) -> None:
    before, heard = state(), Heard()
    logic.start(ct, [click], model="deaf", **heard.callbacks)
    pid_of(fakes, wait)

    fakes.stop()
    wait(lambda: heard.ended)

    assert [type(error) for error in heard.errors] == [EngineLost]
    assert state() == before


def test_an_error_while_writing_ends_the_run(logic, ct, click, fakes, wait, monkeypatch) -> None:
    def fail(*_):
        message = "a mistake in the code"
        raise ZeroDivisionError(message)

    monkeypatch.setattr(node_run, "writeResult", fail)
    heard = Heard()
    logic.start(ct, [click], model="quick", **heard.callbacks)
    wait(lambda: heard.ended)

    assert [type(error) for error in heard.errors] == [EngineFault]
    assert "a mistake in the code" in str(heard.errors[0])


def test_without_callbacks_an_error_goes_to_the_log(logic, ct, click, fakes, wait, caplog) -> None:
    run = logic.start(ct, [click], model="faulty")
    wait(lambda: not run.isRunning)

    assert "a mistake in the code" in caplog.text


def test_the_models_can_be_listed(logic) -> None:
    assert {"adaptive", "sam_vit_b"} <= set(logic.models())


def test_the_test_of_the_module_itself_passes(logic, use, real_engine) -> None:
    from MedSegAI import MedSegAITest

    use(real_engine)
    MedSegAITest().runTest()
