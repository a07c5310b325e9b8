"""What a way to learn from examples must be able to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..engine.run import Run
from ..volume import ImageVolume, VolumePatch
from .examples import Example

Scores = Mapping[str, tuple[float, ...]]
"""For each structure, its Dice [0, 1] on every example."""


@dataclass(frozen=True, eq=False)
class StoredModel:
    """What was learned, as a file keeps it: numbers and plain data, no code and no names of examples.

    Parameters
    ----------
    method
        Name of the learner in the catalogue of models.
    weights_hash
        sha256 of the weights that the learner had; "" if it has none.
    labels
        Names of the structures.
    leave_one_out
        How well each example is segmented by what the others teach; empty if that is not known.
    description
        What else the learner needs to restore it, as JSON data.
    tensors
        Its arrays by name.
    values
        Values of structures in label maps, as far as the examples told.
    """

    method: str
    weights_hash: str
    labels: tuple[str, ...]
    leave_one_out: Scores
    description: Mapping[str, Any]
    tensors: Mapping[str, NDArray[Any]]
    values: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Answer:
    """What a model says about an image.

    Parameters
    ----------
    probabilities
        For each structure float32 in [0, 1] (k, j, i) on the grid of the image, in its storage order. At every voxel
        they add up to 1 at most; what is left is the background. A patch covers what is not 0.
    quality
        Dice [0, 1] to be expected of every structure on this image; empty if the model does not say.
    warnings
        What the user should know, in words.
    """

    probabilities: Mapping[str, VolumePatch]
    quality: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = field(default=())


class FewShotModel(Protocol):
    """What was learned from examples."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the names of the structures."""
        ...

    @property
    def leave_one_out(self) -> Scores:
        """Return how well each example is segmented by what the others teach; empty if that is not known."""
        ...

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what the user should know about what was learned, in words."""
        ...

    def segment(self, query: ImageVolume, run: Run) -> Answer:
        """Segment an image.

        Raises
        ------
        InvalidImage
            The image is too small, or it is a slice and the examples are volumes, or the other way round.
        Cancelled
            The run was stopped.
        """
        ...

    def stored(self) -> StoredModel:
        """Return what `FewShotLearner.restore` makes the same model of."""
        ...


class FewShotLearner(Protocol):
    """A way to learn from examples.

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

    def fit(self, examples: Sequence[Example], run: Run, seed: int = 0) -> FewShotModel:
        """Learn the structures that all examples show.

        Raises
        ------
        InvalidSupport
            The examples show different structures, or slices and volumes are mixed.
        InvalidImage
            An image is too small.
        Cancelled
            The run was stopped.
        """
        ...

    def restore(self, stored: StoredModel) -> FewShotModel:
        """Return the model that `FewShotModel.stored` described.

        Raises
        ------
        InvalidSupportModel
            Something is missing or cannot be; or it was learned with other weights.
        """
        ...


def normalized_answer(probabilities: dict[str, NDArray[np.float32]], query: ImageVolume, run: Run) -> Answer:
    """Return probabilities (k, j, i) on the canonical view of `query` as an answer in its storage order.

    Where they add up to more than 1, all are divided by their sum.

    Raises
    ------
    Cancelled
        The run was stopped.
    """
    view = query.canonical().geometry
    total = np.zeros(view.shape, dtype=np.float32)
    for values in probabilities.values():
        run.check()
        total += values
    np.maximum(total, np.float32(1), out=total)
    patches = {}
    for label, values in probabilities.items():
        run.check()
        share = VolumePatch.whole(np.asarray(values / total, dtype=np.float32), view)
        patches[label] = share.tight().in_storage_order(query.geometry)
    return Answer(patches)
