"""Learning and segmenting by examples from the Python console: waiting for it or not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import slicer
from fakes.people import person
from Host.nodes import add_segmentation, add_volume, segment_array
from MedSegAICore.engine.run import CancelToken
from MedSegAICore.errors import Cancelled, InvalidSupport, InvalidSupportModel, NodeRemoved
from MedSegAILib.gui import application_engine, node_run
from MedSegAILib.gui.event_loop import later
from MedSegAILib.mrml import support_files

PRODUCT = Path(__file__).resolve().parents[2] / "MedSegAI"
SHAPE = (9, 14, 12)
PATIENCE = 60


@pytest.fixture
def modules():
    return (PRODUCT / "MedSegAI.py",)


@pytest.fixture
def logic(desktop, monkeypatch, real_engine, tmp_path):
    from MedSegAI import MedSegAILogic

    monkeypatch.setattr(application_engine, "applicationEngine", lambda: real_engine)
    monkeypatch.setattr(node_run, "applicationEngine", lambda: real_engine)
    monkeypatch.setattr(support_files, "user_data_folder", lambda: tmp_path)
    return MedSegAILogic()


@pytest.fixture
def draw(desktop):
    """Add a person as a volume and a segmentation."""

    def draw(seed):
        drawn = person(seed, SHAPE)
        volume = add_volume(drawn.image.array, drawn.image.geometry.ijk_to_ras, f"CT {seed}")
        segmentation = add_segmentation(volume, f"Drawn {seed}")
        for label, mask in drawn.masks.items():
            segmentation.GetSegmentation().AddEmptySegment(label, label)
            slicer.util.updateSegmentBinaryLabelmapFromArray(mask.full().astype(np.uint8), segmentation, label, volume)
        return volume, segmentation

    return draw


class Heard:
    """What a run has told."""

    def __init__(self) -> None:
        self.results, self.errors = [], []

    @property
    def callbacks(self) -> dict:
        return {"onResult": lambda *values: self.results.append(values), "onError": self.errors.append}

    @property
    def ended(self) -> bool:
        return bool(self.results or self.errors)


def test_what_was_learned_is_kept_for_this_user_and_segments_the_next_volume(logic, draw, tmp_path) -> None:
    progress = []

    report = logic.learn([draw(0), draw(1)], model="registered", progress=lambda *words: progress.append(words))
    volume, _ = draw(2)
    target = add_segmentation(volume, "Result")
    segmentIds, result = logic.segmentLike(volume, report, target)

    assert report.file.is_relative_to(tmp_path)
    assert report.file.name.startswith("liver, kidney")
    assert progress
    assert list(segmentIds) == ["liver", "kidney"]
    for structure in result.structures:
        written = segment_array(target, segmentIds[structure.label], volume)
        np.testing.assert_array_equal(written, structure.mask.full())


def test_without_waiting_the_same_is_done(logic, draw, tmp_path, wait) -> None:
    learned, found = Heard(), Heard()

    run = logic.startLearning([draw(0)], tmp_path / "mine.safetensors", "registered", **learned.callbacks)
    assert run.isRunning
    wait(lambda: learned.ended, PATIENCE)
    ((report,),) = learned.results
    logic.startLike(draw(2)[0], str(report.file), **found.callbacks)
    wait(lambda: found.ended, PATIENCE)

    assert not run.isRunning
    assert report.file == tmp_path / "mine.safetensors"
    ((segmentIds, result),) = found.results
    assert len(segmentIds) == len(result.structures) == 2


def test_learning_can_be_cancelled_either_way(logic, draw, wait) -> None:
    examples, cancel, heard = [draw(0), draw(1)], CancelToken(), Heard()
    later(100, cancel.cancel)
    with pytest.raises(Cancelled):
        logic.learn(examples, model="registered", cancel=cancel)

    run = logic.startLearning(examples, model="registered", **heard.callbacks)
    run.cancel()
    wait(lambda: heard.ended)

    assert [type(error) for error in heard.errors] == [Cancelled]


def test_examples_that_cannot_be_used_are_refused_at_once(logic, draw) -> None:
    volume, segmentation = draw(0)
    volume.SetOrigin(900, 0, 0)

    with pytest.raises(InvalidSupport, match="CT 0"):
        logic.startLearning([(volume, segmentation)])
    with pytest.raises(InvalidSupport, match="no structure"):
        logic.learn([])


def test_a_support_model_that_is_not_there_is_named_and_the_scene_stays_as_it_was(logic, draw, tmp_path, wait) -> None:
    volume, _ = draw(0)
    before, heard = slicer.mrmlScene.GetNumberOfNodes(), Heard()

    with pytest.raises(InvalidSupportModel, match=r"absent\.safetensors"):
        logic.segmentLike(volume, tmp_path / "absent.safetensors")
    logic.startLike(volume, tmp_path / "absent.safetensors", **heard.callbacks)
    wait(lambda: heard.ended, PATIENCE)

    assert [type(error) for error in heard.errors] == [InvalidSupportModel]
    assert slicer.mrmlScene.GetNumberOfNodes() == before


def test_a_volume_may_be_removed_while_it_is_segmented(logic, draw, tmp_path, wait) -> None:
    report = logic.learn([draw(0)], tmp_path / "mine.safetensors", model="registered")
    volume, heard = draw(2)[0], Heard()

    logic.startLike(volume, report, **heard.callbacks)
    slicer.mrmlScene.RemoveNode(volume)
    wait(lambda: heard.ended, PATIENCE)

    assert [type(error) for error in heard.errors] == [NodeRemoved]
