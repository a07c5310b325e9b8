"""A bright ball in the Segment Editor, roughly drawn, and a user who draws plausible masks of it."""

from __future__ import annotations

import numpy as np
import slicer
from Effects.prompt_case import CENTER, PromptCase

ROUGH = np.s_[8:13, 38:63, 28:53]
"""The voxels of a box around the middle of the ball."""

LONG = 100
"""Steps of a run that does not end while a test looks at it."""


class DiffusionCase(PromptCase):
    """A user at work with few masks and steps, so that a run is short."""

    effect_name = "AI Diffusion"
    seconds = 90

    def __init__(self, driver, transform=None):
        super().__init__(driver, transform)
        self.fill("organ", ROUGH)
        self.ui.samplesSlider.value = 3
        self.ui.stepsSlider.value = 4

    @property
    def answer(self):
        return self.session.answer

    @property
    def said(self) -> str:
        return self.ui.diffusionStatusLabel.text

    def draw(self) -> None:
        """Draw masks and wait for them."""
        self.ui.drawMasksButton.click()
        self.wait()

    def start(self, steps: int = LONG) -> None:
        """Begin a run and wait until it has taken steps."""
        self.ui.stepsSlider.value = steps
        self.ui.drawMasksButton.click()
        self.wait(lambda: "Step" in self.session.progress[1])
        assert self.session.isBusy

    def one_slice(self, voxel=CENTER) -> None:
        """Ask about the slice in view only."""
        self.ui.slicesSelector.currentIndex = 1
        self.look_at(voxel)

    def box(self, view="Red") -> None:
        """Drag a box around the ball on the slice through its centre."""
        self.ui.aroundBoxButton.click()
        self.drag([(17, 27, 10), (63, 73, 10)], view=view)

    def found(self, candidate: int = 0) -> np.ndarray:
        """The consensus at the panel's threshold, or a candidate, as bool (k, j, i)."""
        result = self.answer.result
        if candidate:
            return result.candidates[candidate - 1].full()
        return result.probability.full() >= np.float16(self.session.settings.threshold)

    def seen(self) -> np.ndarray:
        """The voxels that the network has looked at, bool (k, j, i)."""
        return _ones_like(self.answer.result.probability).full()

    def foregrounds(self) -> set:
        """What lies in front of the anatomy in the slice views."""
        composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
        return {composite.GetForegroundVolumeID() for composite in composites}

    def segments(self) -> list[str]:
        segmentation = self.segmentation.GetSegmentation()
        return [segmentation.GetSegment(one).GetName() for one in segmentation.GetSegmentIDs()]


def _ones_like(patch):
    return type(patch)(np.ones(patch.array.shape, bool), patch.offset, patch.geometry)


open_case = DiffusionCase
