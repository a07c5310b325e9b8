"""A request for plausible masks gives them all, their consensus and where they disagree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from MedSegAICore.consensus import combined, entropy, volume_interval
from MedSegAICore.diffusion import denoisers
from MedSegAICore.diffusion.denoisers import build_medsegdiff
from MedSegAICore.engine.cache import ByteBoundedCache
from MedSegAICore.engine.device import DevicePlan
from MedSegAICore.engine.engine import Engine
from MedSegAICore.engine.messages import read_result_message, read_segment_message, result_message, segment_message
from MedSegAICore.engine.run import CancelToken
from MedSegAICore.errors import (
    Cancelled,
    InvalidRequest,
    NoPositivePrompt,
    UnknownModel,
    UnsupportedPrompt,
    WeightsCorrupt,
)
from MedSegAICore.models.catalogue import parse_model
from MedSegAICore.networks.medsegdiff import SMALL, MedSegDiffV1, MedSegDiffV2
from MedSegAICore.prompts import BoxPrompt, LassoPrompt, MaskPrompt, PointPrompt, SlicePlane
from MedSegAICore.recipe import Recipe
from MedSegAICore.request import (
    DiffusionTask,
    FewShotTask,
    IntensityWindow,
    PromptTask,
    SamplingOptions,
    SegmentationRequest,
    SliceScope,
)
from MedSegAICore.task_fields import task_from_dict, task_to_dict
from MedSegAICore.volume import VolumePatch
from safetensors.torch import save_file

from .conftest import described

FEW = SamplingOptions(samples=3, steps=4, seed=2)


def around(image, mm=8.0) -> BoxPrompt:
    middle = image.geometry.to_ras([[29.5, 29.5, 4.5]])[0]
    return BoxPrompt.from_corners(middle - mm, middle + mm)


def asked(image, **changes) -> SegmentationRequest:
    task = replace(DiffusionTask((around(image),), "tiny", options=FEW), **changes)
    return SegmentationRequest(image, task, "segment", 7)


def test_the_result_holds_all_samples_their_consensus_and_their_doubt(engine, ball):
    options = replace(FEW, samples=5, combine="mean")
    result = engine.segment(asked(ball, options=options))
    assert len(result.candidates) == 5
    assert (result.segment, result.generation) == ("segment", 7)
    share = np.mean([candidate.full() for candidate in result.candidates], axis=0)
    assert 0 < share.mean() < 1
    unsure = result.uncertainty.full()
    np.testing.assert_allclose(unsure, entropy(result.probability.full()), atol=2e-2)
    agreed = result.probability.full()
    sure = np.abs(agreed - 0.5) > 1e-3  # the mask was cut before the probability was rounded
    np.testing.assert_array_equal(result.mask.full()[sure], agreed[sure] >= 0.5)
    low, high = volume_interval(result.candidates)
    assert 0 < low <= high


def test_staple_is_that_of_the_candidates_and_deviation_that_of_the_samples(engine, ball):
    result = engine.segment(asked(ball, options=replace(FEW, uncertainty="deviation")))
    assert result.uncertainty.array.max() <= 0.5
    masks = np.stack([candidate.within(result.probability.bounds) for candidate in result.candidates])
    np.testing.assert_allclose(result.probability.array, combined(masks, "staple"), atol=2e-3)


def test_nothing_is_found_beyond_the_square_and_the_slices_of_the_box(engine, ball):
    result = engine.segment(asked(ball))
    everywhere = np.any([candidate.full() for candidate in result.candidates], axis=0)
    slices = np.flatnonzero(everywhere.any(axis=(1, 2)))
    assert slices.min() >= 1
    assert slices.max() <= 8
    columns = np.flatnonzero(everywhere.any(axis=(0, 1)))
    assert np.ptp(columns) <= 37  # 25.6 mm: 1.6 times the box


def test_the_same_request_gives_the_same_masks_and_another_seed_others(engine, ball):
    first, again = engine.segment(asked(ball)), engine.segment(asked(ball))
    other = engine.segment(asked(ball, options=replace(FEW, seed=3)))
    np.testing.assert_array_equal(first.probability.full(), again.probability.full())
    assert not np.array_equal(first.candidates[0].full(), other.candidates[0].full())


def test_one_slice_is_asked_alone(engine, ball):
    plane = SlicePlane.of_slice(ball.geometry, 0, 5)
    result = engine.segment(asked(ball, scope=SliceScope(plane)))
    everywhere = np.any([candidate.full() for candidate in result.candidates], axis=0)
    assert np.flatnonzero(everywhere.any(axis=(1, 2))).tolist() == [5]


def test_the_current_segment_tells_where_to_look(engine, ball):
    mask = np.asarray(ball.array) > 100
    result = engine.segment(asked(ball, prompts=(MaskPrompt(VolumePatch.whole(mask, ball.geometry)),)))
    assert result.candidates[0].array.any()


def test_the_window_that_was_used_is_in_the_recipe_which_makes_the_result_again(engine, ball):
    result = engine.segment(asked(ball))
    recipe = Recipe.from_json(Recipe.from_result(result).to_json())
    assert recipe.task.window == IntensityWindow(20, 200)
    again = engine.segment(recipe.request(ball))
    np.testing.assert_array_equal(result.mask.full(), again.mask.full())


def test_tasks_and_results_travel_between_processes(engine, ball):
    request = asked(ball, options=SamplingOptions(2, 3, 4, "ddpm", 1.0, "vote", "deviation"))
    assert task_to_dict(read_segment_message(segment_message(1, request), ball).task) == task_to_dict(request.task)
    result = engine.segment(request)
    back = read_result_message(result_message(1, result))
    assert len(back.candidates) == 2
    np.testing.assert_array_equal(back.uncertainty.array, result.uncertainty.array)


@pytest.mark.parametrize("field", ["samples", "steps", "seed", "solver", "guidance", "combine", "uncertainty"])
def test_a_task_without_one_of_its_options_is_refused(ball, field):
    values = task_to_dict(asked(ball).task)
    del values["options"][field]
    with pytest.raises(InvalidRequest, match=field):
        task_from_dict(values)


@pytest.mark.parametrize(
    "wrong",
    [{"samples": 0}, {"steps": 1001}, {"seed": -1}, {"guidance": -1.0}, {"solver": "euler"}, {"combine": "best"}],
)
def test_options_that_cannot_be_used_are_refused(wrong):
    with pytest.raises(InvalidRequest):
        SamplingOptions(**wrong)


def test_prompts_must_say_where_to_look(engine, ball):
    far = SlicePlane.of_slice(ball.geometry, 0, 0)
    with pytest.raises(NoPositivePrompt):
        engine.segment(asked(ball, scope=SliceScope(far)))
    with pytest.raises(NoPositivePrompt):
        engine.segment(asked(ball, prompts=()))
    lasso = LassoPrompt(ball.geometry.to_ras([[20, 20, 5], [40, 20, 5], [40, 40, 5]]))
    with pytest.raises(UnsupportedPrompt):
        engine.segment(asked(ball, prompts=(lasso,)))


def test_models_of_other_paradigms_are_not_asked(engine, ball, tmp_path):
    with pytest.raises(UnknownModel):
        engine.segment(SegmentationRequest(ball, PromptTask((around(ball),), model="tiny")))
    with pytest.raises(UnknownModel):
        engine.segment(SegmentationRequest(ball, FewShotTask(tmp_path / "none", model="tiny")))
    with pytest.raises(UnknownModel):
        engine.segment(asked(ball, model="adaptive"))


def test_progress_names_the_steps_and_a_run_can_be_stopped(engine, ball):
    token, told = CancelToken(), []

    def progress(_fraction, words):
        told.append(words)
        if words == "Step 3 of 4":
            token.cancel()

    with pytest.raises(Cancelled):
        engine.segment(asked(ball), progress, token)
    assert list(dict.fromkeys(told)) == ["Step 1 of 4", "Step 2 of 4", "Step 3 of 4"]


def test_the_mean_of_the_masks_can_be_looked_at_after_every_step(engine, ball):
    shown = []
    options = replace(FEW, combine="mean")
    result = engine.segment(asked(ball, options=options), preview=lambda make: shown.append(make()))
    assert len(shown) == FEW.steps
    assert all(patch.geometry.matches(ball.geometry) for patch in shown)
    np.testing.assert_allclose(shown[-1].full(), result.probability.full(), atol=1e-3)
    assert not np.allclose(shown[0].full(), shown[-1].full(), atol=1e-3)


def test_nothing_is_made_of_a_preview_that_nobody_wants(engine, ball):
    offered = []
    result = engine.segment(asked(ball), preview=offered.append)
    assert len(offered) == FEW.steps
    np.testing.assert_array_equal(result.mask.full(), engine.segment(asked(ball)).mask.full())


def test_the_probability_covers_all_that_was_looked_at(engine, ball):
    plane = SlicePlane.of_slice(ball.geometry, 0, 5)
    whole, one = engine.segment(asked(ball)), engine.segment(asked(ball, scope=SliceScope(plane)))
    assert whole.probability.array.shape == (6, 36, 36)  # 15 mm by 25.6 mm
    assert one.probability.array.shape == (1, 36, 36)


def test_a_candidate_is_made_again_from_its_recipe(engine, ball):
    result = engine.segment(asked(ball))
    recipe = Recipe.from_result(result)
    recipe = Recipe.from_json(replace(recipe, task=replace(recipe.task, candidate=2)).to_json())
    again = engine.segment(recipe.request(ball))
    np.testing.assert_array_equal(again.mask.full(), result.candidates[1].full())
    np.testing.assert_array_equal(again.probability.full() >= 0.5, again.mask.full())
    with pytest.raises(InvalidRequest, match="number 4"):
        asked(ball, candidate=4)


def test_the_time_is_predicted_from_a_few_passes(engine, ball):
    few, many = (engine.predicted_seconds(asked(ball, options=replace(FEW, steps=steps))) for steps in (2, 100))
    assert 0 < few < many
    with pytest.raises(InvalidRequest):
        engine.predicted_seconds(SegmentationRequest(ball, PromptTask((PointPrompt((0, 0, 0)),))))


def test_a_file_that_does_not_say_what_it_is_is_refused(engine, ball, tmp_path):
    file = tmp_path / "plain.safetensors"
    save_file({"weight": torch.zeros(1)}, file)
    spec = parse_model(described("tiny", "MedSegAICore.diffusion.denoisers:build_small"), "tiny")
    with pytest.raises(WeightsCorrupt, match="does not say"):
        Engine("cpu", {"tiny": file}, catalogue={"tiny": spec}).segment(asked(ball))


@pytest.mark.parametrize(("version", "network"), [("medsegdiff_v2", MedSegDiffV2), ("medsegdiff_v1", MedSegDiffV1)])
def test_a_checkpoint_of_medsegdiff_loads_and_draws_masks(ball, tmp_path, monkeypatch, version, network):
    monkeypatch.setattr(denoisers, "PUBLISHED", SMALL)
    monkeypatch.setattr(denoisers, "SIZE", 64)
    small = network(SMALL) if version == "medsegdiff_v2" else network(SMALL, 64)
    torch.save(small.state_dict(), tmp_path / "small.pt")
    spec = parse_model(described("tiny", "MedSegAICore.diffusion.denoisers:build_medsegdiff", version), "tiny")
    loaded = build_medsegdiff(spec, tmp_path / "small.pt", DevicePlan("cpu", "float32", ""), ByteBoundedCache(1000))
    assert loaded.size == 64
    engine = Engine("cpu", {"tiny": tmp_path / "small.pt"}, catalogue={"tiny": spec})
    plane = SlicePlane.of_slice(ball.geometry, 0, 5)
    options = SamplingOptions(samples=1, steps=2, solver="dpm_solver")
    result = engine.segment(asked(ball, scope=SliceScope(plane), options=options))
    assert len(result.candidates) == 1
