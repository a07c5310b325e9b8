"""What an in-context model is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ..engine.run import Run
from ..request import ContextOptions, IntensityWindow, SliceScope, VolumeScope
from ..volume import ImageVolume, VolumePatch
from .context_example import ContextExample


@dataclass(frozen=True, eq=False)
class Question:
    """An image, and examples of what to segment on it.

    Parameters
    ----------
    image
        Whatever is segmented.
    contexts
        The examples; each of `labels` is shown by one at least.
    labels
        Names of the structures.
    digest
        Of the examples: equal texts mean equal examples.
    scope, window, options
        As in `InContextTask`.
    """

    image: ImageVolume
    contexts: tuple[ContextExample, ...]
    labels: tuple[str, ...]
    digest: str
    scope: SliceScope | VolumeScope = field(default_factory=VolumeScope)
    window: IntensityWindow | None = None
    options: ContextOptions = field(default_factory=ContextOptions)


@dataclass(frozen=True, eq=False)
class ContextAnswer:
    """What a model says about an image.

    Parameters
    ----------
    probabilities
        For each structure float32 in [0, 1] (k, j, i) on the grid of the image, in its storage order. At every voxel
        they add up to 1 at most; what is left is the background. A patch covers what is not 0.
    uncertainty
        float16 in [0, 1]: entropy of being in any structure [bits]; it covers what is not 0.
    candidates
        Masks of the single answers that were combined, best first; empty if there was one answer only.
    quality
        Dice [0, 1] to be expected of every structure, as far as the model says.
    warnings
        What the user should know, in words.
    """

    probabilities: Mapping[str, VolumePatch]
    uncertainty: VolumePatch
    candidates: tuple[VolumePatch, ...] = ()
    quality: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


class ContextModel(Protocol):
    """A way to segment by examples without keeping what was learned.

    Parameters
    ----------
    name
        Its name in the catalogue of models.
    weights_hash
        sha256 of its weights; "" if it has none.
    device
        Where it runs, in words.
    """

    name: str
    weights_hash: str
    device: str

    def answer(self, question: Question, run: Run) -> ContextAnswer:
        """Segment an image.

        Raises
        ------
        InvalidSupport, InvalidImage
            No example can be used for the image.
        Cancelled
            The run was stopped.
        """
        ...
