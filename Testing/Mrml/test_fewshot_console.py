"""Learning from segmentations of the scene and segmenting like them, without a desktop."""

from __future__ import annotations

import json

import numpy as np
import pytest
import slicer
from fakes.people import person
from Host.nodes import add_bending_transform, add_linear_transform, add_segmentation, add_volume, put_under
from MedSegAICore.errors import InvalidSupport, NodeRemoved, NonLinearTransform
from MedSegAICore.fewshot.support_notes import SupportNotes, notes_file, read_notes, write_notes
from MedSegAICore.recipe import recipes_from_json
from MedSegAICore.request import FewShotTask
from MedSegAICore.segment_look import SegmentLook
from MedSegAICore.segmentation_file import RECIPE_TAG
from MedSegAILib.mrml.examples import exampleFromNodes
from MedSegAILib.mrml.fewshot_console import learn, likeRequestFromNodes, segmentLike, writeLike
from MedSegAILib.mrml.segments import giveLook, lookOf, tagOf
from MedSegAILib.mrml.structures import structureLooks
from MedSegAILib.mrml.support_files import copyModel

SHAPE = (9, 14, 12)
LIVER = SegmentLook((0.5, 0.25, 0.75), "Segmentation category~SCT^1^Tissue~SCT^2^Liver~^^~Anatomic~^^~^^")


@pytest.fixture
def draw(scene):
    """Add a person as a volume and a segmentation."""

    def draw(seed, labels=("liver", "kidney"), shape=SHAPE):
        drawn = person(seed, shape)
        volume = add_volume(drawn.image.array, drawn.image.geometry.ijk_to_ras, f"CT {seed}")
        segmentation = add_segmentation(volume, f"Drawn {seed}")
        for label in labels:
            segmentation.GetSegmentation().AddEmptySegment(label, label)
            mask = drawn.masks[label].full().astype(np.uint8)
            slicer.util.updateSegmentBinaryLabelmapFromArray(mask, segmentation, label, volume)
        return volume, segmentation

    return draw


def test_segments_with_their_looks_come_from_the_examples(draw, tmp_path) -> None:
    examples = [draw(0), draw(1)]
    giveLook(examples[0][1].GetSegmentation().GetSegment("liver"), LIVER)
    query, _ = draw(2)

    report = learn(examples, tmp_path / "model.safetensors", model="registered")
    segmentIds, result = segmentLike(query, report.file)

    assert report.labels == tuple(segmentIds) == ("liver", "kidney")
    (target,) = [node for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode") if "CT 2" in node.GetName()]
    segment = target.GetSegmentation().GetSegment(segmentIds["liver"])
    assert (segment.GetName(), lookOf(segment)) == ("liver", LIVER)
    (recipe,) = recipes_from_json(tagOf(segment, RECIPE_TAG))
    assert isinstance(recipe.task, FewShotTask)
    assert recipe.task.sha256 == report.sha256
    assert len(result.structures) == 2


def test_only_what_all_examples_show_is_learned(draw, tmp_path) -> None:
    report = learn([draw(0), draw(1, labels=["kidney"])], tmp_path / "model.safetensors", model="registered")

    assert report.labels == ("kidney",)


def test_segments_are_chosen_by_name(draw, tmp_path) -> None:
    report = learn([(*draw(0), ["liver"])], tmp_path / "model.safetensors", model="registered")

    assert report.labels == ("liver",)
    assert tuple(read_notes(report.file).looks) == ("liver",)


def test_a_segment_that_misses_its_image_is_refused_by_name(draw) -> None:
    volume, segmentation = draw(0)
    put_under(volume, add_linear_transform(np.diag([1.0, 1, 1, 1]) + np.eye(4, k=3) * 500))

    with pytest.raises(InvalidSupport, match="'liver' of 'Drawn 0' does not lie in the volume 'CT 0'"):
        exampleFromNodes(volume, segmentation)


def test_an_empty_segment_is_refused_if_it_is_asked_for_and_left_out_otherwise(draw) -> None:
    volume, segmentation = draw(0)
    segmentation.GetSegmentation().AddEmptySegment("spleen", "spleen")

    assert tuple(exampleFromNodes(volume, segmentation).masks) == ("liver", "kidney")
    with pytest.raises(InvalidSupport, match="'spleen' of 'Drawn 0' is missing or empty"):
        exampleFromNodes(volume, segmentation, ["spleen"])


def test_a_segmentation_without_segments_is_refused(draw) -> None:
    with pytest.raises(InvalidSupport, match="Nothing is drawn in 'Drawn 0'"):
        exampleFromNodes(*draw(0, labels=[]))


def test_an_example_under_a_bending_transform_is_refused(draw) -> None:
    volume, segmentation = draw(0)
    put_under(segmentation, add_bending_transform())

    with pytest.raises(NonLinearTransform, match="Drawn 0"):
        exampleFromNodes(volume, segmentation)


def test_a_segmentation_on_another_grid_is_resampled(draw) -> None:
    volume, segmentation = draw(0)
    halves = np.diag([0.5, 0.5, 0.5, 1])
    halves[:3, 3] = -0.25  # the first of two halves of a voxel
    fine = add_volume(np.zeros((18, 28, 24)), person(0, SHAPE).image.geometry.ijk_to_ras @ halves)

    drawn, resampled = (exampleFromNodes(node, segmentation).masks["liver"] for node in (volume, fine))

    assert resampled.array.sum() == pytest.approx(8 * drawn.array.sum(), rel=0.2)


def test_the_look_of_an_existing_segment_counts_more_than_that_of_the_examples(draw) -> None:
    _, segmentation = draw(0, labels=["liver"])
    segmentation.GetSegmentation().GetSegment("liver").SetColor(0.0, 1.0, 0.0)

    looks = structureLooks(["liver", "kidney", "spleen"], {"liver": LIVER, "kidney": LIVER}, segmentation)

    assert looks["liver"].color == (0.0, 1.0, 0.0)
    assert looks["kidney"] == LIVER
    assert looks["spleen"].color != LIVER.color


def test_nodes_that_were_removed_meanwhile_are_named(draw, tmp_path) -> None:
    volume, segmentation = draw(0)
    slicer.mrmlScene.RemoveNode(segmentation)

    with pytest.raises(NodeRemoved, match="Drawn 0"):
        writeLike(None, "model.safetensors", volume, segmentation)
    assert likeRequestFromNodes(volume, "model.safetensors").task.threshold == 0.5


def test_notes_go_with_the_model(tmp_path) -> None:
    model, copy = tmp_path / "liver.safetensors", tmp_path / "copy.safetensors"
    model.write_bytes(b"model")
    notes = SupportNotes({"liver": LIVER}, ("abc",))

    write_notes(model, notes)
    copyModel(model, copy)

    assert read_notes(copy) == notes
    assert copy.read_bytes() == b"model"


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"looks": {"a": {"color": 1}}, "fingerprints": []})])
def test_damaged_notes_are_no_notes(tmp_path, text) -> None:
    model = tmp_path / "liver.safetensors"
    notes_file(model).write_text(text)

    assert read_notes(model) == SupportNotes()
