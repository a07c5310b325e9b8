"""Several plausible masks of a structure in the scene, without a desktop."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from fakes.diffusion import diffusion_engine
from Host.nodes import SMALL_GRID, add_segmentation, add_volume, segment_array
from MedSegAICore.errors import InvalidRequest, NodeRemoved, NoPositivePrompt
from MedSegAICore.models.weights import FOLDER_VARIABLE
from MedSegAICore.prompts import BoxPrompt
from MedSegAICore.recipe import recipes_from_json
from MedSegAICore.request import SamplingOptions
from MedSegAICore.segmentation_file import RECIPE_TAG
from MedSegAILib.mrml.diffusion_console import addCandidates, diffusionRequestFromNodes, segmentByDiffusion
from MedSegAILib.mrml.segments import tagOf

SHAPE, CENTER_KJI = (6, 24, 26), (3, 12, 13)
CENTER = (SMALL_GRID @ (*CENTER_KJI[::-1], 1))[:3]
FEW = SamplingOptions(samples=3, steps=2)


@pytest.fixture
def engine(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    return diffusion_engine()


@pytest.fixture
def volume(scene):
    distance = np.linalg.norm(np.indices(SHAPE) - np.reshape(CENTER_KJI, (3, 1, 1, 1)), axis=0)
    return add_volume((100 * (distance <= 4)).astype(np.int16), SMALL_GRID, "CT")


@pytest.fixture
def box():
    return BoxPrompt.from_corners(CENTER - 5, CENTER + 5)


def test_the_consensus_becomes_a_segment_and_every_mask_one_of_its_own(engine, volume, box) -> None:
    segmentation = add_segmentation(volume, "Drawn")

    segmentId, result = segmentByDiffusion(volume, [box], segmentation, "Nodule", engine, options=FEW)
    added = addCandidates(result, volume, segmentation, "Nodule")

    np.testing.assert_array_equal(segment_array(segmentation, segmentId, volume), result.mask.full())
    segments = segmentation.GetSegmentation()
    assert [segments.GetSegment(one).GetName() for one in added] == [f"Nodule candidate {n}" for n in (1, 2, 3)]
    for one, mask in zip(added, result.candidates, strict=True):  # although they overlap
        np.testing.assert_array_equal(segment_array(segmentation, one, volume), mask.full())


def test_the_recipe_of_a_candidate_makes_it_again(engine, volume, box) -> None:
    segmentation = add_segmentation(volume, "Drawn")
    _, result = segmentByDiffusion(volume, [box], segmentation, "Nodule", engine, options=FEW)
    added = addCandidates(result, volume, segmentation, "Nodule")
    image = diffusionRequestFromNodes(volume, [box], options=FEW).image

    (recipe,) = recipes_from_json(tagOf(segmentation.GetSegmentation().GetSegment(added[1]), RECIPE_TAG))

    again = engine.segment(recipe.request(image))
    np.testing.assert_array_equal(again.mask.full(), result.candidates[1].full())


def test_a_segment_says_where_to_look(engine, volume, box) -> None:
    segmentation = add_segmentation(volume, "Drawn")
    drawn = (slicer.util.arrayFromVolume(volume) > 50).astype(np.uint8)
    segmentation.GetSegmentation().AddEmptySegment("guess", "Guess")
    slicer.util.updateSegmentBinaryLabelmapFromArray(drawn, segmentation, "guess", volume)

    request = diffusionRequestFromNodes(volume, [(segmentation, "Guess")])

    np.testing.assert_array_equal(request.task.prompts[0].patch.full(), drawn)
    with pytest.raises(InvalidRequest, match="has no segment 'Absent'"):
        diffusionRequestFromNodes(volume, [(segmentation, "Absent")])


def test_without_prompts_the_scene_stays_as_it_was(engine, volume) -> None:
    before = slicer.mrmlScene.GetNumberOfNodes()

    with pytest.raises(NoPositivePrompt):
        segmentByDiffusion(volume, [], engine=engine)

    assert slicer.mrmlScene.GetNumberOfNodes() == before


def test_candidates_are_not_added_to_what_was_removed(engine, volume, box) -> None:
    segmentation = add_segmentation(volume, "Drawn")
    _, result = segmentByDiffusion(volume, [box], segmentation, "Nodule", engine, options=FEW)
    slicer.mrmlScene.RemoveNode(segmentation)

    with pytest.raises(NodeRemoved, match="Drawn"):
        addCandidates(result, volume, segmentation, "Nodule")
