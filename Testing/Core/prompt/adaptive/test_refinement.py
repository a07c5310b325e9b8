"""From blocks back to voxels: what is questioned, and what is not."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.engine.run import Run
from MedSegAICore.prompt.adaptive.evidence import Evidence, Stroke
from MedSegAICore.prompt.adaptive.evolution import Scene
from MedSegAICore.prompt.adaptive.features import IntensityScale, compute_features
from MedSegAICore.prompt.adaptive.random_walker import EdgeWeights
from MedSegAICore.prompt.adaptive.refinement import refined
from MedSegAICore.prompt.adaptive.region import WorkRegion
from MedSegAICore.prompt.adaptive.settings import AdaptiveSettings

SHAPE = (4, 48, 48)


def scene_of(array) -> Scene:
    """Return the scene of an image in blocks of 1x3x3 voxels."""
    region = WorkRegion.of_volume(array, np.array([3.0, 1, 1]), np.zeros(3), np.full(3, 99.0), 3.0, Run())
    features = compute_features(region, IntensityScale.of_sample(array.ravel()), 2.0, Run())
    return Scene(region, features, EdgeWeights.of_image(features.edge_image, region.block_mm, 1.5, 0.01))


def refined_whole(scene, coarse, array, *strokes) -> np.ndarray:
    fine, voxels = refined(
        scene, coarse.astype(np.float32), Evidence(strokes=strokes), array, AdaptiveSettings(), Run()
    )
    whole = np.zeros(SHAPE, np.float32)
    whole[voxels] = fine
    return whole


@pytest.fixture
def disc() -> np.ndarray:
    """Return a disc whose border runs within blocks."""
    return np.hypot(*(np.indices(SHAPE)[1:] - 23.5)) < 13


def test_the_border_moves_to_the_edge_of_the_image(disc):
    array = 100.0 * disc + np.random.default_rng(0).normal(0, 3, SHAPE)
    scene = scene_of(array)
    coarse = scene.region.array > 50
    answer = refined_whole(scene, np.where(coarse, 0.7, 0.3), array) > 0.5
    blocks = np.repeat(np.repeat(coarse, 3, axis=1), 3, axis=2)
    assert np.count_nonzero(answer != disc) < 0.3 * np.count_nonzero(blocks != disc)


def test_what_is_unsure_but_far_from_the_border_keeps_its_side(disc):
    array = np.random.default_rng(0).normal(0, 3, SHAPE)
    scene = scene_of(array)
    coarse = np.where(np.hypot(*(np.indices(scene.region.array.shape)[1:] - 7.5)) < 4, 0.95, 0.45)
    answer = refined_whole(scene, coarse, array)
    assert (answer[:, :6] < 0.5).all()
    assert answer[:, :6, 3:-3] == pytest.approx(0.45, abs=1e-3)


@pytest.mark.parametrize("positive", [True, False])
def test_a_stroke_holds_at_full_resolution(disc, positive):
    array = np.zeros(SHAPE)
    scene = scene_of(array)
    coarse = np.full(scene.region.array.shape, 0.3 if positive else 0.7)
    coarse[:, :3] = 0.6
    click = Stroke(np.array([[6.0, 30, 31]]), positive)
    answer = refined_whole(scene, coarse, array, click)
    assert answer[2, 30, 31] == positive


def test_huge_and_tiny_intensities_make_no_difference(disc):
    array = (disc + np.random.default_rng(0).normal(0, 0.03, SHAPE)).astype(np.float32)
    answers = []
    for scale in (1.0, 2.0**125, 2.0**-100):
        scaled = array * np.float32(scale)
        scene = scene_of(scaled)
        answers.append(refined_whole(scene, np.where(scene.features.edge_image > 0.5, 0.85, 0.15), scaled))
    assert np.array_equal(answers[0] > 0.5, answers[1] > 0.5)
    assert np.array_equal(answers[0] > 0.5, answers[2] > 0.5)
