"""Refinement: each prompt corrects the answer to those before it, as the package's predictor is driven by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from MedSegAICore.engine.cache import ByteBoundedCache
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import Cancelled
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.prompt.paradigm import segment_prompts
from MedSegAICore.prompt.picture import grey_levels
from MedSegAICore.prompt.sam_refinement import refined
from MedSegAICore.prompt.segmenter import Capabilities, SliceImage, SlicePrompts
from MedSegAICore.prompts import BoxPrompt, MaskPrompt, PointPrompt, SlicePlane
from MedSegAICore.recipe import Recipe
from MedSegAICore.request import IntensityWindow, PromptTask, SegmentationRequest, SliceScope, VolumeScope
from MedSegAICore.volume import ImageVolume, VolumePatch
from tiny_sam import TINY, package_predictor, textured_slice, tiny_network, tiny_segmenter, whole_package

SHAPE = (90, 130)
WINDOW = IntensityWindow(-160, 240)
GEOMETRY = VolumeGeometry.from_components((3, *SHAPE), (1, 1, 3), axes_ras=np.diag([-1, -1, 1]))
PLANE = SlicePlane.of_slice(GEOMETRY, 0, 1)
CLICKS = [(40, 30, True), (80, 50, False), (60, 70, True), (100, 20, True)]
BOX = (20, 10, 109, 79)
"""First and last column and row."""


def point(column, row, positive=True):
    return PointPrompt((-column, -row, 3), positive)


POINTS = tuple(point(*click) for click in CLICKS)
A_BOX = BoxPrompt.on_plane(PLANE, (-19.5, -9.5, 3), (-109.5, -79.5, 3))


@pytest.fixture(scope="module")
def package():
    with whole_package() as module:
        yield module


@pytest.fixture(scope="module")
def volume():
    voxels = np.stack([textured_slice(seed, SHAPE) for seed in (1, 2, 3)])
    return ImageVolume(voxels, GEOMETRY)


def on_slice(volume, *prompts, segmenter=None, run=None):
    task = PromptTask(prompts, model="tiny", scope=SliceScope(PLANE), window=WINDOW)
    return segment_prompts(SegmentationRequest(volume, task), segmenter or tiny_segmenter(7), run or Run())


def mask_of(result):
    return result.mask.full()[1]


@pytest.fixture
def decoded():
    """Counts how often a segmenter asks its mask decoder."""

    def watch(segmenter):
        count = []
        segmenter._network.mask_decoder.register_forward_hook(lambda *_: count.append(1))
        return count

    return watch


def driven(predictor, steps):
    """Ask the package's predictor step after step, each with the best logits of the one before."""
    low, quality, logits = None, None, None
    for clicks, box in steps:
        points = np.array([click[:2] for click in clicks], float).reshape(-1, 2)
        labels = np.array([int(click[2]) for click in clicks])
        alone = len(clicks) == 1 and box is None and low is None
        logits, quality, several = predictor.predict(
            points if clicks else None,
            labels if clicks else None,
            box=None if box is None else np.array(box, float),
            mask_input=low,
            multimask_output=alone,
            return_logits=True,
        )
        best = int(np.argmax(quality))
        low, logits = several[best][None], logits[best]
    return logits


CHAINS = {
    "click after click": (POINTS, [(CLICKS[: n + 1], None) for n in range(4)]),
    "a box, then clicks": ((A_BOX, *POINTS[:2]), [([], BOX), (CLICKS[:1], BOX), (CLICKS[:2], BOX)]),
    "a click, then a box": ((POINTS[0], A_BOX), [(CLICKS[:1], None), (CLICKS[:1], BOX)]),
    "what is outside first": (POINTS[1:], [(CLICKS[1:3], None), (CLICKS[1:], None)]),
}


@pytest.mark.parametrize(("prompts", "steps"), CHAINS.values(), ids=CHAINS)
@pytest.mark.parametrize("seed", [7, 11])
def test_prompts_one_after_another_give_the_packages_mask(package, volume, seed, prompts, steps):
    predictor = package_predictor(package, tiny_network(seed), TINY)
    predictor.set_image(grey_levels(volume.array[1], WINDOW)[:, :, None].repeat(3, axis=2))
    logits = driven(predictor, steps)
    result = on_slice(volume, *prompts, segmenter=tiny_segmenter(seed))
    certain = np.abs(logits) > 1e-4
    assert certain.mean() > 0.99
    assert 0 < (logits > 0).sum() < logits.size
    assert np.array_equal(mask_of(result)[certain], (logits > 0)[certain])
    expected = 1 / (1 + np.exp(-logits.astype(np.float64)))
    np.testing.assert_allclose(result.probability.full()[1], expected, atol=1e-3)  # stored in half precision


def test_a_refined_answer_differs_from_one_to_all_prompts_at_once(volume):
    image = SliceImage(volume.array[1], (1.0, 1.0), WINDOW, "slice")
    clicks = np.array([click[:2] for click in CLICKS[:2]], float), np.array([True, False])
    first = SlicePrompts(clicks[0][:1], clicks[1][:1])
    refined = tiny_segmenter(7).segment_slice(image, SlicePrompts(*clicks, earlier=first), Run())
    at_once = tiny_segmenter(7).segment_slice(image, SlicePrompts(*clicks), Run())
    assert np.abs(refined.probability - at_once.probability).max() > 0.01


@pytest.mark.parametrize("kept_bytes", [0, 1 << 26], ids=["nothing is kept", "everything is kept"])
def test_the_answer_follows_from_the_prompts_not_from_what_was_asked_before(volume, kept_bytes):
    session = tiny_segmenter(7, ByteBoundedCache(kept_bytes))
    asked_on_the_way = [on_slice(volume, *POINTS[: n + 1], segmenter=session) for n in range(4)]
    on_slice(volume, *POINTS[::-1], segmenter=session)
    again = on_slice(volume, *POINTS[:3], segmenter=session)
    fresh = on_slice(volume, *POINTS[:3], segmenter=tiny_segmenter(7))
    for answer in (asked_on_the_way[2], again):
        assert np.array_equal(answer.probability.array, fresh.probability.array)
        assert np.array_equal(answer.mask.array, fresh.mask.array)


def test_a_recipe_replays_a_refined_answer_bit_for_bit(volume):
    session = tiny_segmenter(7)
    for n in range(4):
        result = on_slice(volume, *POINTS[: n + 1], segmenter=session)
    recipe = Recipe.from_json(Recipe.from_result(result).to_json())
    replayed = segment_prompts(recipe.request(volume), tiny_segmenter(7), Run())
    assert np.array_equal(replayed.probability.array, result.probability.array)


def test_the_order_of_the_prompts_counts_and_another_order_is_answered_anew(volume):
    session = tiny_segmenter(7)
    forwards = on_slice(volume, *POINTS[:3], segmenter=session)
    backwards = on_slice(volume, POINTS[2], POINTS[1], POINTS[0], segmenter=session)
    fresh = on_slice(volume, POINTS[2], POINTS[1], POINTS[0])
    assert not np.array_equal(forwards.probability.array, backwards.probability.array)
    assert np.array_equal(backwards.probability.array, fresh.probability.array)


def test_one_more_prompt_is_one_more_answer(volume, decoded):
    session = tiny_segmenter(7)
    count = decoded(session)
    for n in range(4):
        on_slice(volume, *POINTS[: n + 1], segmenter=session)
    assert len(count) == 4


def test_prompts_that_were_lost_are_answered_again_in_order(volume, decoded):
    segmenter = tiny_segmenter(7)
    count = decoded(segmenter)
    on_slice(volume, *POINTS, segmenter=segmenter)
    assert len(count) == 4


@dataclass(frozen=True)
class Counted:
    """An answer that says how many came before it."""

    logits: np.ndarray


def test_a_thousand_clicks_are_answered_one_after_another():
    prompts = None
    for n in range(1, 1201):
        prompts = SlicePrompts(np.zeros((n, 2)), np.ones(n, bool), earlier=prompts)

    def decode(step, logits):
        return Counted(np.array([len(step.points_xy) if logits is None else logits[0] + 1]))

    assert refined(prompts, "slice", decode, ByteBoundedCache(1 << 20)).logits == [1200]


def test_a_first_guess_is_refined_whenever_it_was_added(volume):
    guess = np.zeros(GEOMETRY.shape, bool)
    guess[1, 20:60, 30:90] = True
    mask = MaskPrompt(VolumePatch.whole(guess, GEOMETRY))
    first, last = on_slice(volume, mask, POINTS[0]), on_slice(volume, POINTS[0], mask)
    assert np.array_equal(first.probability.array, last.probability.array)
    assert not np.array_equal(first.probability.array, on_slice(volume, POINTS[0]).probability.array)


def test_a_slice_looks_the_same_in_a_volume_as_alone(volume):
    prompts = (A_BOX, *POINTS[:2])
    scope = VolumeScope("slices", range_ras=np.array([PLANE.origin_ras] * 2))
    task = PromptTask(prompts, model="tiny", scope=scope, window=WINDOW)
    walked = segment_prompts(SegmentationRequest(volume, task), tiny_segmenter(7), Run())
    assert np.array_equal(mask_of(walked), mask_of(on_slice(volume, *prompts)))


def test_a_network_that_takes_no_masks_answers_all_prompts_at_once(volume, decoded):
    segmenter = tiny_segmenter(7, capabilities=Capabilities(frozenset({"point"}), frozenset({2})))
    count = decoded(segmenter)
    on_slice(volume, *POINTS, segmenter=segmenter)
    assert len(count) == 1


def test_a_cancelled_run_stops_between_two_prompts(volume):
    segmenter, cancel = tiny_segmenter(7), CancelToken()
    count = []
    segmenter._network.mask_decoder.register_forward_hook(lambda *_: count.append(1) or cancel.cancel())
    with pytest.raises(Cancelled):
        on_slice(volume, *POINTS, segmenter=segmenter, run=Run(cancel=cancel))
    assert len(count) == 1


@pytest.mark.parametrize("change", ["slice", "window", "weights"])
def test_logits_of_another_slice_window_or_checkpoint_are_not_used(volume, change):
    cache = ByteBoundedCache(1 << 26)
    image = SliceImage(volume.array[1], (1.0, 1.0), WINDOW, "slice")
    clicks = np.array([click[:2] for click in CLICKS[:2]], float), np.array([True, False])
    asked = SlicePrompts(*clicks, earlier=SlicePrompts(clicks[0][:1], clicks[1][:1]))
    tiny_segmenter(7, cache).segment_slice(image, asked, Run())
    if change == "slice":
        image = replace(image, pixels=volume.array[2], key="another slice")
    if change == "window":
        image = replace(image, window=IntensityWindow(-100, 100))
    seed = 8 if change == "weights" else 7
    answer = tiny_segmenter(seed, cache).segment_slice(image, asked, Run())
    fresh = tiny_segmenter(seed).segment_slice(image, asked, Run())
    assert np.array_equal(answer.probability, fresh.probability)
