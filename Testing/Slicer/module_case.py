"""The module's panel and its functions for the console, on a small volume: the same in the host and in Slicer."""

from __future__ import annotations

import numpy as np
import slicer
from Host.nodes import add_points, add_segmentation, add_volume
from Host.waiting import wait_until

GRID = np.array([[-1, 0, 0, 20], [0, -1, 0, 20], [0, 0, 2, -10], [0, 0, 0, 1.0]])
SHAPE, CENTER, RADIUS = (10, 40, 40), (20, 20, 5), 8.0
SECONDS = 30


class Heard:
    """What a run has told."""

    def __init__(self) -> None:
        self.results, self.errors = [], []

    @property
    def callbacks(self) -> dict:
        return {"onResult": lambda *values: self.results.append(values), "onError": self.errors.append}

    @property
    def ended(self) -> bool:
        return bool(self.results or self.errors)


class ModuleCase:
    """Someone who has opened the module, with a bright ball in the scene and a click on it."""

    def __init__(self, driver) -> None:
        from MedSegAI import MedSegAILogic

        k, j, i = np.ogrid[tuple(slice(n) for n in SHAPE)]
        self.ball = ((k - CENTER[2]) * 2) ** 2 + (j - CENTER[1]) ** 2 + (i - CENTER[0]) ** 2 < RADIUS**2
        noise = np.random.default_rng(0).normal(0, 10, SHAPE)
        self.driver = driver
        self.volume = add_volume((100 * self.ball + noise).astype(np.int16), GRID, "Ball")
        self.segmentation = add_segmentation(self.volume)
        self.click = add_points([(GRID @ (*CENTER, 1))[:3]])
        self.logic = MedSegAILogic()
        self.widget = slicer.modules.medsegai.widgetRepresentation().self()
        self.widget.enter()

    @property
    def ui(self):
        return self.widget.panel.ui

    def models(self) -> dict[str, str]:
        """Return the listed models and their state."""
        tree = self.ui.modelsTree
        items = [tree.topLevelItem(row) for row in range(tree.topLevelItemCount)]
        return {item.text(0): item.text(1) for item in items}

    def wait_until(self, condition) -> None:
        wait_until(condition, SECONDS)

    def start(self, **settings):
        """Start a run; return its handle and what it tells."""
        heard = Heard()
        run = self.logic.start(self.volume, [self.click], self.segmentation, "Ball", **heard.callbacks, **settings)
        return run, heard

    def overlap(self, result) -> float:
        """Return the Dice of a result and the ball."""
        found = result.mask.full()
        return 2 * (found & self.ball).sum() / (found.sum() + self.ball.sum())

    def segments(self) -> tuple[str, ...]:
        return tuple(self.segmentation.GetSegmentation().GetSegmentIDs())


def open_case(driver) -> ModuleCase:
    return ModuleCase(driver)
