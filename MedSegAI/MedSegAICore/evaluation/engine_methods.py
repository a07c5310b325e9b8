"""The project's own models as methods under test: the Engine, named by a model."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..engine.engine import Engine
from ..engine.run import Run
from ..fewshot.examples import Example
from ..fewshot.fit import FitRequest
from ..fewshot.learned import fingerprint_of
from ..incontext.context_example import ContextExample
from ..incontext.task_library import TaskLibrary
from ..prompts import Prompt
from ..request import (
    ContextOptions,
    DiffusionTask,
    FewShotTask,
    InContextTask,
    PromptTask,
    SamplingOptions,
    SegmentationRequest,
)
from ..support import Support
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


@dataclass(frozen=True, eq=False)
class EngineSamples:
    """A diffusion model of the Engine as a method that offers candidates; it needs a prompt.

    Parameters
    ----------
    engine
        Runs the model.
    model
        Its name in the catalogue.
    options
        How many masks are drawn, and how.
    """

    engine: Engine
    model: str
    options: SamplingOptions = field(default_factory=SamplingOptions)

    def __call__(self, image: ImageVolume, prompts: tuple[Prompt, ...], run: Run) -> Candidates:
        """Return the masks that are drawn, and their consensus; the probability is the share of the masks."""
        request = SegmentationRequest(image, DiffusionTask(prompts, self.model, options=self.options))
        result = self.engine.segment(request, run.progress, run.cancel)
        masks = (np.asarray(mask.full(), dtype=np.bool_) for mask in result.candidates)
        return Candidates(tuple(masks), consensus=np.asarray(result.mask.full(), dtype=np.bool_))


@dataclass(frozen=True, eq=False)
class EngineExamples:
    """A model of the Engine that learns from examples; the same examples are learned from once.

    Parameters
    ----------
    engine
        Runs the model.
    model
        Its name in the catalogue.
    """

    engine: Engine
    model: str
    _folder: tempfile.TemporaryDirectory[str] = field(default_factory=tempfile.TemporaryDirectory)

    def __call__(self, supports: Sequence[Support], query: ImageVolume, run: Run) -> NDArray[np.bool_]:
        """Return the mask (k, j, i) of the whole query that the model makes of the examples."""
        examples = tuple(Example.of_support(support, "structure") for support in supports)
        file = Path(self._folder.name) / f"{fingerprint_of(examples, self.model, seed=0)}.safetensors"
        if not file.exists():
            part = run.part(0.0, 0.7)
            self.engine.fit(FitRequest(examples, file, self.model), part.progress, part.cancel)
        part = run.part(0.7, 1.0)
        request = SegmentationRequest(query, FewShotTask(file, model=self.model))
        return np.asarray(self.engine.segment(request, part.progress, part.cancel).mask.full(), dtype=np.bool_)


@dataclass(frozen=True, eq=False)
class EngineContext:
    """A model of the Engine that looks at examples with every image; the same examples are stored once.

    Parameters
    ----------
    engine
        Runs the model.
    model
        Its name in the catalogue.
    options
        How the examples are shown to a network.
    """

    engine: Engine
    model: str
    options: ContextOptions = field(default_factory=ContextOptions)
    _folder: tempfile.TemporaryDirectory[str] = field(default_factory=tempfile.TemporaryDirectory)

    def __call__(self, supports: Sequence[Support], query: ImageVolume, run: Run) -> NDArray[np.bool_]:
        """Return the mask (k, j, i) of the whole query that the model makes of the examples."""
        examples = tuple(Example.of_support(support, "structure") for support in supports)
        library, name = TaskLibrary(Path(self._folder.name)), fingerprint_of(examples, self.model, seed=0)
        task = library.create(name, ["structure"])
        for example in examples[len(task.identifiers()) :]:  # all, none, or those that a cancelled run has left
            run.check()
            task.add(ContextExample(example))
        asked = InContextTask(library.folder, name, model=self.model, options=self.options)
        mask = self.engine.segment(SegmentationRequest(query, asked), run.progress, run.cancel).mask
        return np.asarray(mask.full(), dtype=np.bool_)
