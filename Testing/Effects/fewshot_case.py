"""Drawn people in the scene, and a user who learns from some to segment others: the same on host and desktop."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import slicer
from fakes.people import person
from Host.nodes import add_linear_transform, add_segmentation, add_volume, put_under, segment_array
from Host.picture import share_of_color
from MedSegAICore.fewshot.examples import Example
from MedSegAICore.fewshot.fit import DEFAULT
from MedSegAICore.segment_look import SegmentLook
from MedSegAILib.mrml import support_files
from MedSegAILib.mrml.segments import giveLook

LIVER = SegmentLook((0.9, 0.2, 0.1), "Segmentation category~SCT^85756007^Tissue~SCT^10200004^Liver~^^~Anatomic~^^~^^")
KIDNEY = SegmentLook((0.1, 0.3, 0.9))
LOOKS = {"liver": LIVER, "kidney": KIDNEY}
SECONDS = 90

FOLDER = Path(tempfile.mkdtemp(prefix="MedSegAI-support-models-"))
"""Where support models are kept, in place of the user's own folder."""


class Learned:
    """What the first user has learned from two people; the others go on with it, because learning takes a while."""

    path = ""


class FewShotCase:
    """A user at work, with an empty segmentation on a person who is not an example.

    Parameters
    ----------
    driver
        The desktop: the host's, or Slicer's own.
    """

    def __init__(self, driver):
        support_files.user_data_folder = lambda: FOLDER
        self.driver = driver
        self.examples = []
        self.query = person(2)
        self.volume = self.add_volume(self.query, "CT")
        self.segmentation = add_segmentation(self.volume)
        self.open_editor()

    @property
    def effect(self):
        return self.editor.effectByName("AI Few-shot").self()

    @property
    def session(self):
        return self.effect.session

    @property
    def ui(self):
        return self.effect.panel.ui

    @property
    def node(self):
        return self.editor.mrmlSegmentEditorNode()

    def open_editor(self) -> None:
        """Open the volume and the segmentation in an editor, the effect active and both organs in view."""
        self.editor = self.driver.open_editor(self.volume, self.segmentation)
        self.look_at_organs()
        self.editor.setActiveEffectByName("AI Few-shot")

    def look_at_organs(self) -> None:
        k, j, i = (np.mean(np.nonzero(self.query.masks["kidney"].full()), axis=1)).round()
        self.driver.jump_to(self.query.image.geometry.to_ras([[i, j, k]])[0])

    def add_volume(self, drawn: Example, name: str):
        """Add the image of a person."""
        volume = add_volume(drawn.image.array, drawn.image.geometry.ijk_to_ras, name)
        volume.CreateDefaultDisplayNodes()
        return volume

    def draw_person(self, seed: int, labels=("liver", "kidney"), moved: int = 0):
        """Add a person with the organs drawn; `moved` draws them so many voxels beside where they are."""
        drawn = person(seed)
        volume = self.add_volume(drawn, f"Example {seed}")
        segmentation = add_segmentation(volume, f"Drawn {seed}")
        for label in labels:
            mask = np.roll(drawn.masks[label].full(), moved, axis=2).astype(np.uint8)
            segmentation.GetSegmentation().AddEmptySegment(label, label)
            slicer.util.updateSegmentBinaryLabelmapFromArray(mask, segmentation, label, volume)
            giveLook(segmentation.GetSegmentation().GetSegment(label), LOOKS[label])
        return volume, segmentation

    def choose(self, volume, segmentation) -> None:
        """Add an example by the widgets."""
        self.ui.exampleVolumeSelector.setCurrentNode(volume)
        self.ui.exampleSegmentationSelector.setCurrentNode(segmentation)
        self.ui.addExampleButton.click()

    def add_examples(self, *seeds: int, **options) -> None:
        """Draw people and add them as examples."""
        for seed in seeds:
            self.examples.append(self.draw_person(seed, **options))
            self.choose(*self.examples[-1])
        self.effect.parameters.set("Method", DEFAULT)  # the quick one

    def wait(self) -> None:
        """Let the application go on until nothing is under way."""
        self.driver.wait_until(lambda: not self.session.isBusy, SECONDS)

    def pause(self, seconds: float) -> None:
        self.driver.wait(seconds)

    def learn(self) -> None:
        self.ui.learnButton.click()
        self.wait()

    def have_learned(self) -> None:
        """Have a support model of two people."""
        if not Learned.path:
            self.add_examples(0, 1)
            self.learn()
            Learned.path = str(self.session.model.file)
        self.session.loadModel(Learned.path)

    def segment(self) -> None:
        self.ui.segmentButton.click()
        self.wait()

    def shown(self, label: str, view: str = "Red") -> float:
        """Share of a view in the colour of a structure."""
        return share_of_color(self.driver.picture(view), LOOKS[label].color, tolerance=0.3)

    def segments(self) -> list[str]:
        segmentation = self.segmentation.GetSegmentation()
        return [segmentation.GetSegment(one).GetName() for one in segmentation.GetSegmentIDs()]

    def found(self, label: str):
        """The segment of a structure; None without one."""
        segmentation = self.segmentation.GetSegmentation()
        return segmentation.GetSegment(segmentation.GetSegmentIdBySegmentName(label))

    def voxels(self, label: str) -> np.ndarray:
        """The segment of a structure as bool (k, j, i) on the grid of the volume."""
        segment_id = self.segmentation.GetSegmentation().GetSegmentIdBySegmentName(label)
        return segment_array(self.segmentation, segment_id, self.volume)

    def overlap(self, label: str) -> float:
        """Dice of the segment of a structure with the drawn one."""
        mask, drawn = self.voxels(label), self.query.masks[label].full()
        return 2 * np.count_nonzero(mask & drawn) / (np.count_nonzero(mask) + np.count_nonzero(drawn))

    def put_query_under(self, matrix) -> None:
        """Move volume and segmentation in the world."""
        node = add_linear_transform(matrix)
        put_under(self.volume, node)
        put_under(self.segmentation, node)
        self.segmentation.SetReferenceImageGeometryParameterFromVolumeNode(self.volume)

    def quality_rows(self) -> list[tuple[str, ...]]:
        """Return the texts of the table of structures."""
        tree = self.ui.qualityTree
        items = [tree.topLevelItem(row) for row in range(tree.topLevelItemCount)]
        return [tuple(item.text(column) for column in range(4)) for item in items]


open_case = FewShotCase
