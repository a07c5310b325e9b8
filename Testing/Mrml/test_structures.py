"""What becomes of several structures that were found together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from Host.nodes import segment_array
from MedSegAICore.recipe import recipes_from_json, task_to_dict
from MedSegAICore.request import FewShotTask
from MedSegAICore.result import Provenance, SegmentationResult, Structure
from MedSegAICore.segment_look import SegmentLook
from MedSegAICore.segmentation_file import COLORS, RECIPE_TAG
from MedSegAICore.volume import VolumePatch
from MedSegAILib.mrml.segments import tagOf
from MedSegAILib.mrml.structures import structureMask, writeStructures
from MedSegAILib.mrml.volumes import volumeGeometry

LIVER, SPLEEN = np.s_[2:8, 3:13, 4:14], np.s_[4:10, 14:18, 15:20]


@pytest.fixture
def result(volumeNode):
    """A liver with a probability of .9, a spleen of .6, and no kidney."""
    geometry = volumeGeometry(volumeNode)

    def structure(label, cuts, probability):
        values = np.zeros(geometry.shape, np.float16)
        values[cuts] = probability
        return Structure(label, VolumePatch.whole(values >= 0.5, geometry), VolumePatch.whole(values, geometry))

    found = (structure("liver", LIVER, 0.9), structure("spleen", SPLEEN, 0.6), structure("kidney", np.s_[:0], 0))
    task = task_to_dict(FewShotTask(Path("model.safetensors"), sha256="abc", model="registered"))
    made = Provenance(task, "fingerprint", "registered", "", "cpu", {"medsegai": "1"}, 1.0)
    return SegmentationResult(found[0].mask, found[0].probability, made, structures=found)


def test_each_structure_gets_a_segment_and_what_was_not_found_a_message(writer, segmentationNode, volumeNode, result):
    written = writeStructures(writer, segmentationNode, result, {"spleen": SegmentLook((0.0, 0.0, 1.0))})

    segmentation = segmentationNode.GetSegmentation()
    assert segmentation.GetNumberOfSegments() == 2
    assert written.segmentIds["kidney"] is None
    assert "Nothing was found of 'kidney'" in written.warnings[0]
    for label, cuts in (("liver", LIVER), ("spleen", SPLEEN)):
        expected = np.zeros((12, 20, 25), bool)
        expected[cuts] = True
        np.testing.assert_array_equal(segment_array(segmentationNode, written.segmentIds[label], volumeNode), expected)
    colors = [segmentation.GetSegment(written.segmentIds[label]).GetColor() for label in ("liver", "spleen")]
    assert colors == [COLORS[0], (0.0, 0.0, 1.0)]


def test_another_threshold_gives_other_masks_and_is_noted(writer, segmentationNode, result):
    written = writeStructures(writer, segmentationNode, result, {}, threshold=0.7)

    assert written.segmentIds["spleen"] is None
    segment = segmentationNode.GetSegmentation().GetSegment(written.segmentIds["liver"])
    (recipe,) = recipes_from_json(tagOf(segment, RECIPE_TAG))
    assert recipe.task.threshold == 0.7
    assert recipe.task.sha256 == "abc"


def test_where_nothing_is_found_no_step_of_undo_is_left(writer, editor, segmentationNode, result):
    written = writeStructures(writer, segmentationNode, result, {}, threshold=0.95)

    assert written.isEmpty
    assert len(written.warnings) == 3
    assert not editor.canUndo


def test_at_the_threshold_that_was_asked_for_the_mask_is_the_engines_own(result):
    liver = result.structures[0]

    assert structureMask(liver, 0.5, 0.5) is liver.mask
    assert structureMask(liver, 0.9, 0.5).array.sum() == liver.mask.array.sum()
