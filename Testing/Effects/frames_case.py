"""A bright ball that grows from frame to frame of a sequence, and a user who prompts it."""

from __future__ import annotations

import numpy as np
import slicer
from Effects.prompt_case import SHAPE, PromptCase, ball_mask

COUNT = 3
BROWSER = "Beat"


class FramesCase(PromptCase):
    """The volume is the first frame of a sequence."""

    def __init__(self, driver) -> None:
        super().__init__(driver)
        logic = slicer.modules.sequences.logic()
        self.browser = driver.scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", BROWSER)
        sequence = logic.AddSynchronizedNode(None, self.volume, self.browser)
        sequence.SetIndexUnit("s")
        for index in range(COUNT):
            noise = np.random.default_rng(index).normal(0, 10, SHAPE)
            slicer.util.updateVolumeFromArray(self.volume, (noise + 100 * ball_of(index)).astype(np.int16))
            sequence.SetDataNodeAtValue(self.volume, str(index))
        self.turn_to(0)

    def turn_to(self, index: int) -> None:
        """Show another frame."""
        self.browser.SetSelectedItemNumber(index)
        slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(self.browser)
        self.pause(0.1)

    def ask_about_all(self) -> None:
        """Ask about all frames with a box on the first."""
        self.box()
        self.ui.allFramesButton.click()
        self.wait(lambda: not self.session.isBusy)

    def overlap_with(self, index: int) -> float:
        """Dice of the segment that is shown with the ball of a frame."""
        mask, ball = self.voxels(), ball_of(index)
        return 2 * np.count_nonzero(mask & ball) / (np.count_nonzero(mask) + np.count_nonzero(ball))


def ball_of(index: int) -> np.ndarray:
    """Return the voxels of the ball on a frame."""
    return ball_mask(radius=14.0 + 3 * index)


open_case = FramesCase
