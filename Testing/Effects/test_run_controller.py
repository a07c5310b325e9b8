"""Questions of one panel: progress, cancel, and who may answer."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.prompts import PointPrompt
from MedSegAICore.request import PromptTask
from MedSegAICore.volume import ImageVolume

TASK = {"prompts": (PointPrompt((1, 1, 1)),)}


@pytest.fixture
def heard():
    return []


@pytest.fixture
def controller(engine, heard):
    """A panel on an engine process that knows the fake models."""
    from MedSegAILib.gui.run_controller import RunController

    return RunController(engine, lambda: heard.append("changed"))


@pytest.fixture
def ask(controller, heard):
    image = ImageVolume(np.full((3, 4, 5), 100, np.int16), VolumeGeometry.from_components((3, 4, 5)))

    def ask(model, key="slice"):
        controller.ask(
            key,
            image,
            PromptTask(**TASK, model=model),
            lambda result: heard.append(("result", model, result)),
            lambda error: heard.append(("error", model, error)),
        )

    return ask


def outcomes(heard):
    return [(entry[0], entry[1]) for entry in heard if isinstance(entry, tuple)]


def test_an_answer_is_heard_once(controller, ask, heard, wait) -> None:
    ask("quick")
    assert controller.isRunning
    wait(lambda: not controller.isRunning)
    assert outcomes(heard) == [("result", "quick")]


def test_an_error_is_heard_once(controller, ask, heard, wait) -> None:
    ask("faulty")
    wait(lambda: not controller.isRunning)
    assert outcomes(heard) == [("error", "faulty")]


def test_progress_is_shown_after_a_while(controller, ask, wait) -> None:
    ask("obedient")
    assert not controller.isSlow
    wait(lambda: controller.isSlow and controller.progress[0] > 0)
    assert controller.progress[1].startswith("step")
    controller.cancel()
    assert not controller.isSlow


def test_an_image_on_its_way_to_the_engine_is_shown_at_once(controller, heard, wait) -> None:
    shape = (60, 512, 512)
    voxels = np.random.default_rng(0).integers(0, 100, shape, dtype=np.int16)
    image = ImageVolume(voxels, VolumeGeometry.from_components(shape))
    controller.ask("slice", image, PromptTask(**TASK, model="quick"), heard.append, heard.append)
    assert controller.isSlow
    assert controller.progress == (0.0, "Loading the image…")
    wait(lambda: not controller.isRunning)
    assert not controller.isSlow


def test_after_cancel_nothing_more_is_heard(controller, ask, heard, wait, pause) -> None:
    ask("obedient")
    wait(lambda: controller.progress[0] > 0)
    controller.cancel()
    assert not controller.isRunning
    pause(0.3)
    assert outcomes(heard) == []


def test_what_a_run_shows_is_seen_and_stale_previews_are_not(controller, heard, wait, pause) -> None:
    image = ImageVolume(np.full((3, 4, 5), 100, np.int16), VolumeGeometry.from_components((3, 4, 5)))
    older, newer = [], []
    for seen in (older, newer):
        controller.ask("key", image, PromptTask(**TASK, model="showing"), heard.append, heard.append, seen.append)
        if seen is older:
            wait(lambda: older)
    count = len(older)
    wait(lambda: len(newer) > 1)

    assert len(older) == count
    controller.cancel()
    count = len(newer)
    pause(0.5)
    assert len(newer) == count


def test_a_newer_question_of_the_same_key_is_the_one_that_counts(controller, ask, heard, wait, pause) -> None:
    ask("obedient")
    ask("quick")
    wait(lambda: not controller.isRunning)
    pause(0.2)
    assert outcomes(heard) == [("result", "quick")]


def test_questions_of_different_keys_are_all_answered(controller, ask, heard, wait) -> None:
    ask("quick", "first")
    ask("small", "second")
    wait(lambda: not controller.isRunning)
    assert outcomes(heard) == [("result", "quick"), ("result", "small")]


def test_a_lost_engine_is_an_error_for_everyone_who_waits(controller, ask, heard, wait) -> None:
    ask("crashing", "first")
    ask("quick", "second")
    wait(lambda: not controller.isRunning)
    assert {kind for kind, _ in outcomes(heard)} <= {"error", "result"}
    assert ("error", "crashing") in outcomes(heard)
