"""A promptable model that is clicked at where its features are like the examples'."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import torch
from MedSegAICore import Cancelled
from MedSegAICore.engine.cache import ByteBoundedCache
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.fewshot.prototypes.encoders import SHOWN, FilterBankEncoder, PromptableEncoder
from MedSegAICore.fewshot.prototypes.learner import PrototypeLearner
from MedSegAICore.fewshot.prototypes.prompting import (
    RING_POINTS,
    ByPrompts,
    Target,
    kept_size,
    likeness_to,
    prompted,
    prompts_for,
    ring_points,
)
from MedSegAICore.fewshot.prototypes.shots import Seen
from MedSegAICore.prompt.segmenter import PROMPT_KINDS, Capabilities, SliceAnswer, SliceImage
from tiny_sam import tiny_segmenter

SHAPE = (40, 50)


class Brightness:
    """Answers with what is as bright as the positive click, within the box; remembers what it was asked."""

    name, weights_hash, device = "brightness", "", "cpu"

    def __init__(self, kinds=PROMPT_KINDS):
        self.capabilities = Capabilities(frozenset(kinds), frozenset({2}))
        self.asked = []

    def segment_slice(self, image, prompts, run):
        run.check()
        self.asked.append(prompts)
        column, row = prompts.points_xy[prompts.points_positive][0].astype(int)
        left, top, right, bottom = prompts.box_xyxy.round().astype(int)
        inside = np.zeros(image.pixels.shape, np.bool_)
        inside[top - 2 : bottom + 3, left - 2 : right + 3] = True
        alike = np.abs(image.pixels - image.pixels[row, column]) < 0.15
        return SliceAnswer(np.where(inside & alike, np.float32(0.9), np.float32(0.1)), quality=0.9)


def disc(shape=SHAPE, centre=(18, 24), radius=8):
    rows, columns = np.indices(shape)
    return (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < radius**2


@pytest.fixture
def target():
    likeness = np.full(SHAPE, -0.5, np.float32)
    likeness[disc()] = 0.6
    likeness[15, 20] = 0.9
    likeness[3, 3] = 0.99  # alike, but far from where it is expected
    return Target(likeness, 0.8 * disc().astype(np.float32))


@pytest.fixture
def image():
    pixels = np.where(disc(radius=9), 0.8, 0.2).astype(np.float32)
    return SliceImage(pixels, (1.0, 1.0), SHOWN, "slice")


def test_the_positive_click_is_the_most_alike_pixel_where_the_structure_is_expected(target):
    prompts = prompts_for(target)
    assert prompts.points_xy[prompts.points_positive].tolist() == [[20, 15]]
    assert prompts.box_xyxy.tolist() == [17, 11, 31, 25]


def test_negative_clicks_surround_the_structure(target):
    points = np.array(ring_points(target.likeness, target.expected))
    assert len(points) == RING_POINTS
    assert not target.expected[points[:, 1], points[:, 0]].any()
    offsets = points - [24, 18]
    assert (offsets.min(axis=0) < 0).all()
    assert (offsets.max(axis=0) > 0).all()
    assert np.linalg.norm(offsets, axis=1).max() < 14


def test_a_structure_that_fills_the_slice_has_no_negative_clicks():
    everywhere = np.ones(SHAPE, np.float32)
    prompts = prompts_for(Target(everywhere, everywhere))
    assert prompts.points_positive.tolist() == [True]


def test_the_answer_is_refined_by_its_own_mask_and_the_box_around_it(target, image):
    model = Brightness()
    found = prompted(model, image, target, Run())
    assert np.array_equal(found > 0.5, disc(radius=9))
    first, second, third = model.asked
    assert first.previous_mask is None
    assert second.previous_mask is not None
    assert second.box_xyxy.tolist() == third.box_xyxy.tolist() == [16, 10, 32, 26]


def test_a_model_without_masks_is_given_none(target, image):
    model = Brightness(kinds=("point", "box"))
    prompted(model, image, target, Run())
    assert all(prompts.previous_mask is None for prompts in model.asked)


def test_an_answer_that_leaves_the_structure_is_not_refined(target, image):
    class Elsewhere(Brightness):
        def segment_slice(self, image, prompts, run):
            super().segment_slice(image, prompts, run)
            away = np.zeros(SHAPE, np.float32)
            away[35:, :4] = 1
            return SliceAnswer(away)

    model = Elsewhere()
    prompted(model, image, target, Run())
    assert len(model.asked) == 1


def test_likeness_is_highest_on_features_like_those_of_the_example():
    features = torch.randn(6, 5, 7, generator=torch.Generator().manual_seed(0))
    covered = torch.zeros(5, 7)
    covered[2, 3] = 1
    likeness = likeness_to([Seen(features, covered)], features)
    assert np.unravel_index(int(likeness.argmax()), (5, 7)) == (2, 3)
    assert abs(float(likeness.max()) - 1) < 1e-4


def answer_of_a_model_that_is_prompted(people):
    method = ByPrompts(FilterBankEncoder(ByteBoundedCache(1 << 26)), Brightness())
    learned = PrototypeLearner("persam", method, judges_itself=False).fit(people[:1], Run())
    return learned.segment(people[3].image, Run())


def test_people_are_segmented_by_a_model_that_is_prompted(people, dice_of):
    answer = answer_of_a_model_that_is_prompted(people)
    assert list(answer.probabilities) == ["liver", "kidney"]
    assert min(dice_of(answer, people[3])) > 0.75


@pytest.mark.parametrize(
    ("answers", "shape", "expected"),
    [(10, (100, 80), (100, 80)), (1500, (512, 512), (211, 211)), (1 << 26, (512, 512), (1, 1))],
)
def test_answers_are_kept_with_a_bounded_number_of_pixels(answers, shape, expected):
    assert kept_size(answers, shape) == expected


def test_answers_that_are_kept_coarser_still_show_the_structures(people, dice_of, monkeypatch):
    voxels = 2 * people[3].image.array.size
    monkeypatch.setattr("MedSegAICore.fewshot.prototypes.prompting.MOST_PROBABILITIES", voxels // 2)
    assert min(dice_of(answer_of_a_model_that_is_prompted(people), people[3])) > 0.65


def test_sam_is_prompted_on_its_own_features(draw_person):
    one, other = (draw_person(seed, (1, 60, 52)) for seed in range(2))
    model = tiny_segmenter(size=128)
    learner = PrototypeLearner("persam", ByPrompts(PromptableEncoder(model), model), judges_itself=False)
    fitted = learner.fit([one], Run())
    answer = fitted.segment(other.image, Run())
    again = learner.restore(fitted.stored()).segment(other.image, Run())
    for label, patch in answer.probabilities.items():
        assert np.isfinite(patch.array).all()
        assert np.array_equal(again.probabilities[label].full(), patch.full())
    assert learner.weights_hash == "hash of 0"


def test_prompting_can_be_cancelled(people):
    model = tiny_segmenter(size=256)
    learner = PrototypeLearner("persam", ByPrompts(PromptableEncoder(model), model), judges_itself=False)
    token = CancelToken()
    threading.Timer(0.3, token.cancel).start()
    began = time.perf_counter()
    with pytest.raises(Cancelled):
        learner.fit(people[:1], Run(cancel=token)).segment(people[3].image, Run(cancel=token))
    assert time.perf_counter() - began < 1.3
