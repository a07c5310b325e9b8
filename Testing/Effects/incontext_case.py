"""Drawn people in the scene, and a user who grows a task from them: the same on host and desktop."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import slicer
from fakes.people import person
from Host.nodes import add_linear_transform, add_segmentation, add_volume, put_under, segment_array
from Host.picture import share_of_color
from MedSegAICore.fewshot.examples import Example
from MedSegAICore.incontext.context_example import ContextExample
from MedSegAICore.incontext.task_library import TaskLibrary
from MedSegAILib.gui import settings

COLORS = {"liver": (0.9, 0.2, 0.1), "kidney": (0.1, 0.3, 0.9)}
SECONDS = 90
TASK = "organs"


class InContextCase:
    """A user at work, with an empty segmentation on a person who is no example, and a folder of tasks of his own.

    Parameters
    ----------
    driver
        The desktop: the host's, or Slicer's own.
    """

    def __init__(self, driver):
        self.driver = driver
        self.folder = Path(tempfile.mkdtemp(prefix="MedSegAI-tasks-"))
        settings.setTaskFolder(str(self.folder))
        self.library = TaskLibrary(self.folder)
        self.query = person(2)
        self.volume = self.add_volume(self.query, "CT")
        self.segmentation = add_segmentation(self.volume)
        self.open_editor()

    @property
    def effect(self):
        return self.editor.effectByName("AI In-context").self()

    @property
    def session(self):
        return self.effect.session

    @property
    def ui(self):
        return self.effect.panel.ui

    @property
    def node(self):
        return self.editor.mrmlSegmentEditorNode()

    @property
    def said(self) -> str:
        return self.ui.contextStatusLabel.text

    def open_editor(self) -> None:
        """Open the volume and the segmentation in an editor, the effect active and both organs in view."""
        self.editor = self.driver.open_editor(self.volume, self.segmentation)
        self.look_at_organs()
        self.editor.setActiveEffectByName("AI In-context")

    def look_at_organs(self) -> None:
        k, j, i = (np.mean(np.nonzero(self.query.masks["kidney"].full()), axis=1)).round()
        self.place = int(k)
        self.driver.jump_to(self.query.image.geometry.to_ras([[i, j, k]])[0])

    def add_volume(self, drawn: Example, name: str):
        """Add the image of a person."""
        volume = add_volume(drawn.image.array, drawn.image.geometry.ijk_to_ras, name)
        volume.CreateDefaultDisplayNodes()
        return volume

    def draw(self, *labels: str, names=(), segmentation=None, moved: int = 0) -> None:
        """Draw organs of the query; `names` gives their segments other names, `moved` draws them so many voxels off."""
        segmentation = segmentation or self.segmentation
        for label, name in zip(labels, names or labels, strict=True):
            mask = np.roll(self.query.masks[label].full(), moved, axis=2).astype(np.uint8)
            segments = segmentation.GetSegmentation()
            segment_id = segments.GetSegmentIdBySegmentName(name) or segments.AddEmptySegment(name, name, COLORS[label])
            slicer.util.updateSegmentBinaryLabelmapFromArray(mask, segmentation, segment_id, self.volume)

    def make_task(self, *labels: str, name: str = TASK) -> None:
        """Make a task and turn to it."""
        self.session.newTask(name, labels or ("liver", "kidney"))

    def have_examples(self, *seeds: int, labels=("liver", "kidney")) -> None:
        """Have a task with examples of whole volumes."""
        task = self.library.create(TASK, labels)
        for seed in seeds:
            drawn = person(seed)
            masks = {label: drawn.masks[label] for label in labels}
            task.add(ContextExample(Example(drawn.image, masks)))
        self.effect.parameters.set("Task", TASK)
        self.session.look()
        self.effect.updateGUIFromMRML()

    def stored(self) -> tuple[ContextExample, ...]:
        """Return the examples of the task as they lie on the disk."""
        return self.library.task(TASK).examples()

    def wait(self) -> None:
        """Let the application go on until nothing is under way."""
        self.driver.wait_until(lambda: not self.session.isBusy, SECONDS)

    def segment_volume(self) -> None:
        self.ui.segmentVolumeButton.click()
        self.wait()

    def segment_slice(self) -> None:
        self.ui.segmentSliceButton.click()
        self.wait()

    def shown(self, label: str, view: str = "Red") -> float:
        """Share of a view in the colour of a structure."""
        return share_of_color(self.driver.picture(view), self.color(label), tolerance=0.3)

    def color(self, label: str):
        """Colour of a structure's preview."""
        return self.session._looks(["liver", "kidney"])[label].color

    def segments(self) -> list[str]:
        segmentation = self.segmentation.GetSegmentation()
        return [segmentation.GetSegment(one).GetName() for one in segmentation.GetSegmentIDs()]

    def voxels(self, label: str) -> np.ndarray:
        """The segment of a structure as bool (k, j, i) on the grid of the volume."""
        segment_id = self.segmentation.GetSegmentation().GetSegmentIdBySegmentName(label)
        return segment_array(self.segmentation, segment_id, self.volume)

    def overlap(self, label: str) -> float:
        """Dice of the segment of a structure with the drawn one."""
        mask, drawn = self.voxels(label), self.query.masks[label].full()
        return 2 * np.count_nonzero(mask & drawn) / (np.count_nonzero(mask) + np.count_nonzero(drawn))

    def put_under(self, matrix) -> None:
        """Move volume and segmentation in the world."""
        node = add_linear_transform(matrix)
        put_under(self.volume, node)
        put_under(self.segmentation, node)
        self.segmentation.SetReferenceImageGeometryParameterFromVolumeNode(self.volume)

    def slice_in_view(self) -> int:
        """Number of the slice (k) that the axial view shows."""
        offset = self.driver.view("Red").mrmlSliceNode().GetSliceOffset()
        return round((offset - 10) / 3)


open_case = InContextCase
