"""A volume and a segmentation in the Segment Editor, edited by the smallest of all effects."""

from __future__ import annotations

from pathlib import Path

import ConformanceEffects
import numpy as np
from Host.nodes import SMALL_GRID, add_segmentation, add_volume, segment_array
from Host.picture import share_of_color

DOT = Path(ConformanceEffects.__file__).with_name("DotEffect.py")
GREEN = (0.1, 0.8, 0.2)
SHAPE = (20, 40, 50)
CENTER = (20, 15, 10)


class EditorCase:
    """What a scenario acts on, the effect "Dot" active.

    Parameters
    ----------
    driver
        The user's hands and eyes, see `Host.driver`.
    """

    def __init__(self, driver):
        self.driver = driver
        driver.register_effect(DOT)
        self.volume = add_volume(np.random.default_rng(0).integers(0, 100, SHAPE).astype(np.int16))
        self.segmentation = add_segmentation(self.volume)
        self.segmentation.GetSegmentation().AddEmptySegment("organ", "organ", GREEN)
        self.editor = driver.open_editor(self.volume, self.segmentation, "organ")
        self.editor.setActiveEffectByName("Dot")
        driver.jump_to(self.at(CENTER))

    @property
    def effect(self):
        return self.editor.activeEffect()

    @property
    def node(self):
        return self.editor.mrmlSegmentEditorNode()

    def at(self, voxel) -> np.ndarray:
        """World position of a voxel (i, j, k)."""
        return (SMALL_GRID @ (*voxel, 1))[:3]

    def click(self, voxel=CENTER, *modifiers, view="Red") -> None:
        self.driver.mouse(view).click(self.at(voxel), *modifiers)

    def voxels(self, segment="organ") -> np.ndarray:
        """The segment, bool (k, j, i)."""
        return segment_array(self.segmentation, segment, self.volume)

    def shown(self, view="Red") -> float:
        """Share of a view in the segment's colour."""
        return share_of_color(self.driver.picture(view), GREEN)


open_case = EditorCase
