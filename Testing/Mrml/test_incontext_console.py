"""Examples of in-context tasks from the scene, and results of one slice, without a desktop."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from fakes.people import person
from Host.nodes import add_linear_transform, add_segmentation, add_volume, put_under, segment_array
from MedSegAICore.errors import InvalidSupport, NodeRemoved
from MedSegAICore.incontext.task_library import TaskLibrary
from MedSegAICore.prompts import SlicePlane
from MedSegAICore.request import SliceScope
from MedSegAICore.volume import VolumePatch
from MedSegAILib.mrml.incontext_console import addToTask, contextRequestFromNodes, segmentInContext, writeInContext
from MedSegAILib.mrml.incontext_examples import exampleOfTask, segmentOf
from MedSegAILib.mrml.uncertainty_volume import uncertaintyVolume

SHAPE = (9, 14, 12)
GEOMETRY = person(0, SHAPE).image.geometry


@pytest.fixture
def draw(scene):
    """Add a person as a volume and a segmentation."""

    def draw(seed, labels=("liver", "kidney")):
        drawn = person(seed, SHAPE)
        volume = add_volume(drawn.image.array, drawn.image.geometry.ijk_to_ras, f"CT {seed}")
        segmentation = add_segmentation(volume, f"Drawn {seed}")
        for label in labels:
            segmentation.GetSegmentation().AddEmptySegment(label, label)
            mask = drawn.masks[label].full().astype(np.uint8)
            slicer.util.updateSegmentBinaryLabelmapFromArray(mask, segmentation, label, volume)
        return volume, segmentation

    return draw


def test_an_example_shows_what_of_the_task_is_drawn(draw) -> None:
    volume, segmentation = draw(0)
    segmentation.GetSegmentation().AddEmptySegment("spleen", "spleen")

    example = exampleOfTask(volume, segmentation, ("spleen", "kidney"))

    assert tuple(example.masks) == ("kidney",)


def test_a_task_of_one_structure_takes_the_selected_segment(draw) -> None:
    volume, segmentation = draw(0)

    example = exampleOfTask(volume, segmentation, ("organ",), "kidney")

    np.testing.assert_array_equal(example.masks["organ"].full(), person(0, SHAPE).masks["kidney"].full())
    with pytest.raises(InvalidSupport, match="No segment with voxels is called 'organ'"):
        exampleOfTask(volume, segmentation, ("organ",))
    with pytest.raises(InvalidSupport, match="called 'organ' or 'spleen'"):
        exampleOfTask(volume, segmentation, ("organ", "spleen"), "kidney")


def test_the_segment_of_a_structure_is_found_or_added_empty(draw) -> None:
    _, segmentation = draw(0)

    assert segmentOf(segmentation, "kidney") == "kidney"
    added = segmentOf(segmentation, "spleen")
    assert segmentOf(segmentation, "spleen") == added
    assert segmentation.GetSegmentation().GetNumberOfSegments() == 3


def test_a_slice_changes_segments_on_that_slice_only(draw, tmp_path) -> None:
    addToTask(tmp_path, "organs", *draw(0))
    volume, segmentation = draw(1)
    before = segment_array(segmentation, "liver", volume)
    scope = SliceScope(SlicePlane.of_slice(GEOMETRY, 0, 4))

    segmentIds, result = segmentInContext(volume, tmp_path, "organs", segmentation, scope=scope)

    after = segment_array(segmentation, segmentIds["liver"], volume)
    np.testing.assert_array_equal(np.delete(after, 4, axis=0), np.delete(before, 4, axis=0))
    np.testing.assert_array_equal(after[4], result.structures[0].mask.full()[4])


def test_a_new_task_has_the_structures_of_its_first_example(draw, tmp_path) -> None:
    volume, segmentation = draw(0)

    addToTask(tmp_path, "organs", volume, segmentation)
    addToTask(tmp_path, "one", volume, segmentation, ["kidney"], SlicePlane.of_slice(GEOMETRY, 0, 4))

    library = TaskLibrary(tmp_path)
    assert library.task("organs").labels == ("liver", "kidney")
    (context,) = library.task("one").examples()
    assert (context.labels, context.position) == (("kidney",), pytest.approx(0.5))


def test_nodes_that_were_removed_meanwhile_are_named(draw, tmp_path) -> None:
    volume, segmentation = draw(0)
    request = contextRequestFromNodes(volume, tmp_path, "organs")
    slicer.mrmlScene.RemoveNode(segmentation)

    with pytest.raises(NodeRemoved, match="Drawn 0"):
        writeInContext(None, request, volume, segmentation)


def test_an_uncertainty_lies_where_its_image_lies_and_is_brought_up_to_date(draw) -> None:
    volume, _ = draw(0)
    put_under(volume, add_linear_transform(np.diag([1.0, 1, 1, 1]) + np.eye(4, k=3) * 50))
    patch = VolumePatch(np.full((2, 3, 4), 0.5, np.float16), (1, 2, 3), GEOMETRY)

    node = uncertaintyVolume(patch, volume)
    again = uncertaintyVolume(VolumePatch(patch.array / 2, patch.offset, GEOMETRY), volume)

    assert again is node
    assert node.GetTransformNodeID() == volume.GetTransformNodeID()
    assert node.GetOrigin() == volume.GetOrigin()
    array = slicer.util.arrayFromVolume(node)
    assert array[1:3, 2:5, 3:7].min() == array.max() == 0.25
    assert array.sum() == pytest.approx(6)
