"""Several plausible masks from the Python console: waiting for them or not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import slicer
from Effects.diffusion_fixtures import *  # noqa: F403  the engine process that knows small networks
from fakes.diffusion import ABSENT, BROKEN
from Host.nodes import SMALL_GRID, add_segmentation, add_volume, segment_array
from MedSegAICore.engine.run import CancelToken
from MedSegAICore.errors import Cancelled, SamplingFailed, WeightsMissing
from MedSegAICore.request import SamplingOptions
from MedSegAILib.gui import application_engine, node_run

PRODUCT = Path(__file__).resolve().parents[2] / "MedSegAI"
SHAPE, CENTER_KJI = (6, 24, 26), (3, 12, 13)
CENTER = (SMALL_GRID @ (*CENTER_KJI[::-1], 1))[:3]
FEW = SamplingOptions(samples=3, steps=2)
PATIENCE = 60


@pytest.fixture
def modules():
    return (PRODUCT / "MedSegAI.py",)


@pytest.fixture
def logic(desktop, monkeypatch, drawing_engine):
    from MedSegAI import MedSegAILogic

    monkeypatch.setattr(application_engine, "applicationEngine", lambda: drawing_engine)
    monkeypatch.setattr(node_run, "applicationEngine", lambda: drawing_engine)
    return MedSegAILogic()


@pytest.fixture
def volume(desktop):
    distance = np.linalg.norm(np.indices(SHAPE) - np.reshape(CENTER_KJI, (3, 1, 1, 1)), axis=0)
    return add_volume((100 * (distance <= 4)).astype(np.int16), SMALL_GRID, "CT")


@pytest.fixture
def roi(desktop):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "R")
    node.SetCenter(*CENTER)
    node.SetSize(10, 10, 10)
    return node


def test_consensus_candidates_and_uncertainty_come_into_the_scene(logic, volume, roi) -> None:
    target, told = add_segmentation(volume, "Result"), []

    segmentId, result = logic.segmentByDiffusion(
        volume, [roi], target, "Nodule", progress=lambda *words: told.append(words), options=FEW
    )
    added = logic.addCandidates(result, volume, target, "Nodule")
    doubt = logic.showUncertainty(result, volume)

    np.testing.assert_array_equal(segment_array(target, segmentId, volume), result.mask.full())
    assert len(added) == len(result.candidates) == 3
    assert slicer.util.arrayFromVolume(doubt).max() == pytest.approx(float(result.uncertainty.array.max()))
    assert any(words.startswith("Step") for _fraction, words in told)


def test_without_waiting_the_consensus_becomes_a_segment(logic, volume, roi, wait) -> None:
    results, errors = [], []

    run = logic.startDiffusion(
        volume, [roi], onResult=lambda *values: results.append(values), onError=errors.append, options=FEW
    )
    assert run.isRunning
    wait(lambda: results or errors, PATIENCE)

    ((segmentId, result),) = results
    assert segmentId is not None
    assert len(result.candidates) == 3
    assert not run.isRunning


def test_a_run_is_stopped_and_what_goes_wrong_leaves_the_scene_as_it_was(logic, volume, roi, wait) -> None:
    before, errors, cancel = slicer.mrmlScene.GetNumberOfNodes(), [], CancelToken()
    long = SamplingOptions(samples=200, steps=500)

    logic.startDiffusion(volume, [roi], onError=errors.append, options=long).cancel()
    wait(lambda: errors, PATIENCE)
    with pytest.raises(Cancelled):
        logic.segmentByDiffusion(volume, [roi], progress=lambda *_words: cancel.cancel(), cancel=cancel, options=long)
    with pytest.raises(SamplingFailed):
        logic.segmentByDiffusion(volume, [roi], model=BROKEN, options=FEW)
    with pytest.raises(WeightsMissing):
        logic.segmentByDiffusion(volume, [roi], model=ABSENT, options=FEW)

    assert [type(error) for error in errors] == [Cancelled]
    assert slicer.mrmlScene.GetNumberOfNodes() == before
