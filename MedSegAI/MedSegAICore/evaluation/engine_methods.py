"""The project's own models as methods under test: the Engine, named by a model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..engine.engine import Engine
from ..engine.run import Run
from ..prompts import Prompt
from ..request import PromptTask, SegmentationRequest
from ..volume import ImageVolume
from .protocols.raters import Candidates


@dataclass(frozen=True, eq=False)
class EngineClicks:
    """A model of the Engine as an interactive method.

    Parameters
    ----------
    engine
        Runs the model.
    model
        Its name in the catalogue.
    """

    engine: Engine
    model: str = "adaptive"

    def __call__(self, image: ImageVolume, prompts: tuple[Prompt, ...], run: Run) -> NDArray[np.bool_]:
        """Return the mask (k, j, i) of the whole image that the model makes of the prompts."""
        request = SegmentationRequest(image, PromptTask(prompts, model=self.model))
        mask = self.engine.segment(request, run.progress, run.cancel).mask
        return np.asarray(mask.full(), dtype=np.bool_)


@dataclass(frozen=True, eq=False)
class EngineCandidates:
    """A model of the Engine as a method that offers candidates; it needs a prompt.

    Parameters
    ----------
    engine
        Runs the model.
    model
        Its name in the catalogue.
    """

    engine: Engine
    model: str = "adaptive"

    def __call__(self, image: ImageVolume, prompts: tuple[Prompt, ...], run: Run) -> Candidates:
        """Return the model's mask, its other candidates, and its probability on the whole image."""
        request = SegmentationRequest(image, PromptTask(prompts, model=self.model))
        result = self.engine.segment(request, run.progress, run.cancel)
        masks = (np.asarray(mask.full(), dtype=np.bool_) for mask in (result.mask, *result.candidates))
        return Candidates(tuple(masks), result.probability.full())
