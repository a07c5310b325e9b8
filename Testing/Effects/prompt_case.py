"""A bright ball in the Segment Editor, and a user who prompts it: the same on the host and on the desktop."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import slicer
import vtk
from Host.nodes import add_linear_transform, add_segmentation, add_volume, put_under, segment_array
from Host.picture import share_of_color
from MedSegAICore.recipe import Recipe, recipes_from_json
from MedSegAICore.segmentation_file import RECIPE_TAG
from MedSegAILib.mrml.volumes import volumeGeometry

GREEN = (0.1, 0.8, 0.2)
GRID = np.array([[-1, 0, 0, 50], [0, -1, 0, 50], [0, 0, 3, -30], [0, 0, 0, 1.0]])
SHAPE, CENTER, RADIUS = (20, 96, 96), (40, 50, 10), 20.0


def ball_mask(shape=SHAPE, center=CENTER, radius=RADIUS) -> np.ndarray:
    """Return the voxels (k, j, i) of a ball [mm] around a voxel (i, j, k)."""
    k, j, i = np.ogrid[tuple(slice(n) for n in shape)]
    return ((k - center[2]) * 3) ** 2 + (j - center[1]) ** 2 + (i - center[0]) ** 2 < radius**2


class PromptCase:
    """A user at work.

    Parameters
    ----------
    driver
        The desktop: the host's, or Slicer's own.
    transform
        Matrix (4, 4) that volume and segmentation are under; None leaves them without.
    """

    effect_name = "AI Prompt"
    seconds = 20

    def __init__(self, driver, transform=None):
        self.driver = driver
        self.ball = ball_mask()
        noise = np.random.default_rng(0).normal(0, 10, SHAPE)
        self.volume = add_volume((noise + 100 * self.ball).astype(np.int16), GRID)
        self.volume.CreateDefaultDisplayNodes()
        self.toWorld = GRID
        node = None
        if transform is not None:
            node = add_linear_transform(transform)
            put_under(self.volume, node)
            self.toWorld = np.asarray(transform) @ GRID
        self.segmentation = add_segmentation(self.volume)
        if node is not None:
            put_under(self.segmentation, node)
            self.segmentation.SetReferenceImageGeometryParameterFromVolumeNode(self.volume)
        self.organ = self.segmentation.GetSegmentation().AddEmptySegment("organ", "organ", GREEN)
        self.other = self.segmentation.GetSegmentation().AddEmptySegment("other", "other", (0.8, 0.2, 0.9))
        self.open_editor()

    @property
    def effect(self):
        return self.editor.effectByName(self.effect_name).self()

    @property
    def session(self):
        return self.effect.session

    @property
    def ui(self):
        return self.effect.panel.ui

    @property
    def node(self):
        return self.editor.mrmlSegmentEditorNode()

    def at(self, voxel) -> np.ndarray:
        """World position of a voxel (i, j, k)."""
        return (self.toWorld @ (*voxel, 1))[:3]

    def look_at(self, voxel) -> None:
        self.driver.jump_to(self.at(voxel))

    def click(self, voxel, *modifiers, view="Red") -> None:
        self.driver.mouse(view).click(self.at(voxel), *modifiers)

    def drag(self, voxels, *modifiers, view="Red") -> None:
        self.driver.mouse(view).drag([self.at(voxel) for voxel in voxels], *modifiers)

    def wait(self, condition=None) -> None:
        """Run the event loop until nothing is under way, or a condition holds."""
        self.driver.wait_until(condition or (lambda: not self.session.runs.isRunning), self.seconds)

    def pause(self, seconds: float) -> None:
        """Let the event loop run."""
        self.driver.wait(seconds)

    def prompt(self, voxel=CENTER, *modifiers, view="Red") -> None:
        """Click and wait for the preview."""
        self.click(voxel, *modifiers, view=view)
        self.wait()

    def box(self, view="Red") -> None:
        """Drag a box around the ball on the slice through its centre and wait for the preview."""
        self.ui.boxToolButton.click()
        self.drag([(17, 27, 10), (63, 73, 10)], view=view)
        self.wait()

    def prompts(self):
        """Return the prompts of the current segment, oldest first."""
        return self.session.store.prompts(volumeGeometry(self.volume))

    def shown(self, view="Red", color=GREEN) -> float:
        """Share of a view in the preview's colour; prompts are hidden while it is taken."""
        store = self.session.store
        if store is not None:
            store.setVisible(False)
        share = share_of_color(self.driver.picture(view), color)
        if store is not None:
            store.setVisible(True)
        return share

    def voxels(self, segment="organ") -> np.ndarray:
        """The segment as bool (k, j, i) on the grid of the volume."""
        return segment_array(self.segmentation, segment, self.volume)

    def fill(self, segment, cuts) -> None:
        """Fill a box of voxels (k, j, i) of a segment, as if it had been painted."""
        array = np.zeros(SHAPE, np.uint8)
        array[cuts] = 1
        slicer.util.updateSegmentBinaryLabelmapFromArray(array, self.segmentation, segment, self.volume)

    def save_and_read_scene(self) -> None:
        """Save the scene as a bundle, close it, and read it again; the editor is gone with it."""
        with tempfile.TemporaryDirectory() as folder:
            bundle = str(Path(folder) / "work.mrb")
            assert self.driver.scene.WriteToMRB(bundle)
            self.driver.close_scene()
            assert slicer.util.getNodesByClass("vtkMRMLMarkupsNode") == []
            assert self.driver.scene.ReadFromMRB(bundle)
        self.volume, self.segmentation = slicer.util.getNode("CT"), slicer.util.getNode("Segmentation")

    def open_editor(self, voxel=CENTER) -> None:
        """Open the volume and the organ in an editor, the effect active and a voxel in view."""
        self.editor = self.driver.open_editor(self.volume, self.segmentation, self.organ)
        self.look_at(voxel)
        self.editor.setActiveEffectByName(self.effect_name)

    def recipes(self, segment="organ") -> tuple[Recipe, ...]:
        """Return the recipes that are kept with the segment."""
        text = vtk.reference("")
        assert self.segmentation.GetSegmentation().GetSegment(segment).GetTag(RECIPE_TAG, text)
        return recipes_from_json(str(text))

    def overlap(self, segment="organ", where=np.s_[:]) -> float:
        """Dice of the segment with the ball, in a part of the volume."""
        mask, ball = self.voxels(segment)[where], self.ball[where]
        return 2 * np.count_nonzero(mask & ball) / (np.count_nonzero(mask) + np.count_nonzero(ball))


open_case = PromptCase
