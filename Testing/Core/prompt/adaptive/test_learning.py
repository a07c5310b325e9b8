"""What the model learns from examples, and which changes a new stroke may make."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.engine.run import Run
from MedSegAICore.prompt.adaptive import correction
from MedSegAICore.prompt.adaptive.appearance import AppearanceSettings, Examples, log_likelihood_ratio
from MedSegAICore.prompt.adaptive.evidence import Enclosure, Evidence, Stroke
from MedSegAICore.prompt.adaptive.evolution import Scene
from MedSegAICore.prompt.adaptive.features import IntensityScale, compute_features
from MedSegAICore.prompt.adaptive.random_walker import EdgeWeights
from MedSegAICore.prompt.adaptive.region import WorkRegion
from MedSegAICore.prompt.adaptive.settings import AdaptiveSettings

SHAPE = (6, 40, 40)


def scene_of(array) -> Scene:
    array = np.asarray(array, dtype=np.float32)
    region = WorkRegion.of_volume(array, np.ones(3), np.zeros(3), np.full(3, 99.0), 1.0, Run())
    features = compute_features(region, IntensityScale.of_sample(array.ravel()), 2.0, Run())
    return Scene(region, features, EdgeWeights.of_image(features.edge_image, np.ones(3), 1.5, 0.01))


def examples(where) -> np.ndarray:
    weights = np.zeros(SHAPE, np.float32)
    weights[where] = 1
    return (weights / weights.sum()).ravel()


def learned(scene: Scene, inside, outside, strokes: int) -> np.ndarray:
    settings = AppearanceSettings()
    return log_likelihood_ratio(scene.features, Examples(inside, outside), strokes, settings, Run()).reshape(SHAPE)


@pytest.mark.parametrize("strokes", [0, 3])
def test_brightness_tells_two_tissues_apart(strokes):
    left = np.indices(SHAPE)[2] < 20
    array = np.random.default_rng(0).normal(0, 5, SHAPE) + 40 * left
    scene = scene_of(array)
    inside, outside = examples(np.s_[:, 5:12, 4:14]), examples(np.s_[:, 5:12, 26:36])
    ratio = learned(scene, inside, outside, strokes)
    assert np.mean(ratio[:, :, 3:17] > 0) > 0.95
    assert np.mean(ratio[:, :, 23:37] < 0) > 0.95
    assert np.abs(ratio).max() <= AppearanceSettings().largest


def test_strokes_teach_to_tell_textures_of_equal_brightness_apart():
    left = np.indices(SHAPE)[2] < 20
    array = np.random.default_rng(0).normal(0, 1, SHAPE) * np.where(left, 30, 6)
    scene = scene_of(array)
    inside, outside = examples(np.s_[:, :, 2:16]), examples(np.s_[:, :, 24:38])
    ratio = learned(scene, inside, outside, 6)
    assert np.mean(ratio[:, :, 3:17] > 0) > 0.85
    assert np.mean(ratio[:, :, 23:37] < 0) > 0.85


def test_a_constant_image_has_finite_features():
    features = scene_of(np.full(SHAPE, 7.0)).features
    assert np.isfinite(features.table).all()
    assert np.isfinite(features.path_cost).all()
    assert features.path_cost.min() >= 1


def corrected(monkeypatch, proposed, *strokes) -> np.ndarray:
    """Return the answer after strokes, where the model proposes `proposed[n]` after n of them."""
    monkeypatch.setattr(correction, "evolve", lambda _, present, *__: proposed[len(present.strokes)])
    enclosure = Enclosure(np.array([3.0, 20, 20]), np.eye(3)[:, [1, 2, 0]], np.array([12.0, 12, 0]), 0.5)
    evidence = Evidence((enclosure,), strokes)
    scene = scene_of(np.zeros(SHAPE))
    return correction.answer_stroke_by_stroke(scene, evidence, {}, AdaptiveSettings(), Run())


def test_a_new_stroke_changes_what_it_touches_and_elsewhere_only_what_is_certain(monkeypatch):
    before = np.full(SHAPE, 0.1, np.float32)
    before[:, 10:30, 10:30] = 0.9
    after = before.copy()
    after[:, 12:16, 12:16] = 0.45  # touched
    after[:, 24:28, 24:28] = 0.45  # far and uncertain
    after[:, 24:28, 12:16] = 0.01  # far and certain
    click = Stroke(np.array([[3.0, 13, 13]]), positive=False)
    result = corrected(monkeypatch, [before, after], click) > 0.5
    assert not result[:, 12:16, 12:16].any()
    assert result[:, 24:28, 24:28].all()
    assert not result[:, 24:28, 12:16].any()
    assert np.array_equal(result[:, 10:12], before[:, 10:12] > 0.5)


@pytest.mark.parametrize("positive", [True, False])
def test_a_click_inside_takes_nothing_away_and_one_outside_adds_nothing(monkeypatch, positive):
    before = np.full(SHAPE, 0.1, np.float32)
    before[:, 10:30, 10:30] = 0.9
    opposite = np.where(before > 0.5, np.float32(0.02), np.float32(0.98))
    click = Stroke(np.array([[3.0, 34, 20]] if positive else [[3.0, 20, 20]]), positive)
    result = corrected(monkeypatch, [before, opposite], click) > 0.5
    was = before > 0.5
    assert not (was & ~result).any() if positive else not (result & ~was).any()
    assert (result != was).any()


def test_a_click_reaches_as_far_as_its_error_is_deep(monkeypatch):
    before = np.full(SHAPE, 0.1, np.float32)
    before[:, 10:30, 10:30] = 0.9
    asked = []
    monkeypatch.setattr(correction, "evolve", lambda _, present, *__: asked.append(present) or before)
    enclosure = Enclosure(np.array([3.0, 20, 20]), np.eye(3)[:, [1, 2, 0]], np.array([12.0, 12, 0]), 0.5)
    strokes = tuple(Stroke(np.array([[3.0, 20, column]]), positive=False) for column in (10.0, 20.0))
    scene = scene_of(np.zeros(SHAPE))
    correction.answer_stroke_by_stroke(scene, Evidence((enclosure,), strokes), {}, AdaptiveSettings(), Run())
    assert [stroke.depth_mm for stroke in asked[-1].strokes] == [1.0, 10.0]


def test_strokes_are_answered_one_after_the_other_from_what_is_known(monkeypatch):
    asked = []

    def evolve(scene, present, *_):
        asked.append(len(present.strokes))
        return np.full(SHAPE, 0.9, np.float32)

    monkeypatch.setattr(correction, "evolve", evolve)
    click = Stroke(np.array([[3.0, 13, 13]]), positive=True)
    scene, settings = scene_of(np.zeros(SHAPE)), AdaptiveSettings()
    known = {}
    correction.answer_stroke_by_stroke(scene, Evidence(strokes=(click,) * 3), known, settings, Run())
    assert asked == [1, 2, 3]
    correction.answer_stroke_by_stroke(scene, Evidence(strokes=(click,) * 4), known, settings, Run())
    assert asked == [1, 2, 3, 4]
    assert sorted(known) == [1, 2, 3, 4]


def test_islands_that_no_prompt_touches_are_left_out():
    region = scene_of(np.zeros(SHAPE)).region
    answer = np.zeros(SHAPE, np.float32)
    answer[:, 5:10, 5:10] = answer[:, 25:30, 25:30] = 0.9
    touched = Evidence(strokes=(Stroke(np.array([[3.0, 7, 7]]), True), Stroke(np.array([[3.0, 27, 27]]), False)))
    kept = correction.without_loose_islands(answer, touched, region)
    assert np.array_equal(kept[:, :15], answer[:, :15])
    assert not kept[:, 20:].any()
    elsewhere = Evidence(strokes=(Stroke(np.array([[3.0, 15, 15]]), True),))
    assert np.array_equal(correction.without_loose_islands(answer, elsewhere, region), answer)
