"""The AI Diffusion effect where something is missing or broken, and what it costs before it is used."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import slicer
from Effects.diffusion_case import DiffusionCase
from Effects.diffusion_fixtures import *  # noqa: F403  small networks
from fakes.diffusion import ABSENT, BROKEN, DEFAULT
from Host.nodes import add_volume

ROOT = Path(__file__).resolve().parents[2]
START = """
    import json, sys
    sys.path[:0] = [{packages!r}, {testing!r}]
    from Host import application
    import numpy
    before = set(sys.modules)
    import MedSegAIEffects, MedSegAILib.gui.diffusion_panel
    opened = sorted(set(sys.modules) - before)
    import MedSegAILib.gui.diffusion_session
    print(json.dumps([opened, sorted(set(sys.modules) - before)]))
"""
HEAVY = {"torch", "monai", "scipy", "safetensors"}


@pytest.fixture
def case(desktop, draws):
    return DiffusionCase(desktop)


def test_opening_the_effect_loads_no_numeric_library() -> None:
    code = textwrap.dedent(START).format(packages=str(ROOT / "MedSegAI"), testing=str(ROOT / "Testing"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    opened, activated = json.loads(done.stdout.splitlines()[-1])
    assert not (HEAVY | {"SimpleITK"}) & {name.split(".")[0] for name in opened}
    assert not HEAVY & {name.split(".")[0] for name in activated}


@pytest.mark.usefixtures("nothing_older_is_collected")
def test_activating_the_effect_again_takes_no_noticeable_time(case) -> None:
    case.editor.setActiveEffectByName("")
    began = time.process_time()  # another program may have the processor meanwhile
    case.editor.setActiveEffectByName("AI Diffusion")
    assert time.process_time() - began < 0.3


def test_the_effect_shows_its_icon_and_help(case) -> None:
    assert not case.effect.icon().pixmap(21, 21).isNull()
    assert "Draw masks" in case.effect.helpText()
    assert "Not a medical device" in case.effect.helpText()
    assert "Not a medical device" in case.ui.diffusionCautionLabel.text


def test_models_of_diffusion_are_offered_and_the_one_that_ships_is_chosen(case) -> None:
    selector = case.ui.diffusionModelSelector
    titles = [selector.itemText(index) for index in range(selector.count)]
    assert sorted(titles) == [
        "Small network (absent) (needs download)",
        "Small network (broken)",
        f"Small network ({DEFAULT})",
    ]
    assert selector.currentText == f"Small network ({DEFAULT})"


def test_a_model_without_its_weights_says_so_and_draws_nothing(case) -> None:
    case.effect.parameters.set("Model", ABSENT)
    assert "Needs its weights" in case.ui.diffusionModelStateLabel.text
    assert not case.ui.drawMasksButton.enabled
    assert not case.ui.aroundBoxButton.enabled
    assert case.session.predictedSeconds is None


def test_values_that_are_not_numbers_are_named_and_the_segment_stays_as_it_was(case) -> None:
    before = case.voxels()
    case.effect.parameters.set("Model", BROKEN)
    case.draw()
    assert "not numbers in step 1 of 4" in case.said
    assert "Nothing was changed" in case.said
    assert not case.session.canApply
    assert not case.session.previews.isShown
    np.testing.assert_array_equal(case.voxels(), before)

    case.effect.parameters.set("Model", DEFAULT)
    case.draw()
    assert case.session.canApply


def test_a_consensus_of_nothing_is_not_applied(case) -> None:
    case.draw()
    before, result = case.voxels(), case.answer.result
    nothing = replace(result.probability, array=np.zeros_like(result.probability.array))
    case.answer.result = replace(result, probability=nothing)
    case.ui.diffusionThresholdSlider.value = 0.6
    case.effect.apply()
    assert "nothing in it to apply" in case.said
    np.testing.assert_array_equal(case.voxels(), before)


def test_the_box_of_another_effect_is_there(case) -> None:
    case.editor.setActiveEffectByName("AI Prompt")
    prompt = case.editor.effectByName("AI Prompt").self()
    prompt.panel.ui.boxToolButton.click()
    case.drag([(17, 27, 10), (63, 73, 10)])
    prompt.session.cancel()
    case.editor.setActiveEffectByName("AI Diffusion")
    case.ui.aroundBoxButton.click()
    assert case.session.promptCount == 1
    case.draw()
    assert case.answer.result.provenance.task["prompts"][0]["kind"] == "box"


def test_what_lay_in_front_of_the_image_comes_back_after_the_uncertainty(case) -> None:
    other = add_volume(np.zeros((2, 3, 4), np.int16), name="PET")
    composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    for composite in composites:
        composite.SetForegroundVolumeID(other.GetID())
        composite.SetForegroundOpacity(0.3)
    case.draw()
    case.ui.uncertaintyButton.click()
    assert other.GetID() not in case.foregrounds()
    case.draw()  # another answer is shown in the same volume
    assert other.GetID() not in case.foregrounds()
    case.ui.uncertaintyButton.click()
    assert case.foregrounds() == {other.GetID()}
    assert {composite.GetForegroundOpacity() for composite in composites} == {0.3}


def test_the_first_seconds_of_a_run_say_what_goes_on(case) -> None:
    case.start()
    case.wait(lambda: case.session.isSlow and case.said.startswith("Step"))
    assert case.ui.cancelDiffusionButton.enabled
    assert not case.ui.drawMasksButton.enabled
