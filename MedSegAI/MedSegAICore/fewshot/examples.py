"""Labelled images: several structures drawn on one image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidImage, InvalidSupport
from ..support import Support
from ..volume import ImageVolume, VolumePatch


@dataclass(frozen=True, eq=False)
class Example:
    """One image with the structures drawn on it.

    Parameters
    ----------
    image
        The image (k, j, i); a slice is a volume of one slice.
    masks
        For each structure's name, its bool patch (k, j, i) on the grid of `image`.
    name
        What the user knows it by; it appears in messages and is never stored.

    Raises
    ------
    GeometryMismatch
        A mask does not lie on the grid of the image.
    InvalidSupport
        There is no mask, or one has no voxel.
    """

    image: ImageVolume
    masks: Mapping[str, VolumePatch]
    name: str = ""

    def __post_init__(self) -> None:
        if not self.masks:
            message = f"{self.title} shows no structure."
            raise InvalidSupport(message)
        for mask in self.masks.values():
            Support(self.image, mask, self.name)

    @property
    def title(self) -> str:
        """What messages call it."""
        return f"The example '{self.name}'" if self.name else "The example"

    @classmethod
    def of_support(cls, support: Support, label: str) -> Example:
        """Return a support as an example of one structure."""
        return cls(support.image, {label: support.mask}, support.name)

    @contextmanager
    def named_in_errors(self) -> Iterator[None]:
        """Let what is wrong with the image inside the block be said with the name of the example."""
        try:
            yield
        except InvalidImage as error:
            message = f"{self.title} cannot be used. {error.message}"
            raise InvalidImage(message, error.advice) from error

    def label_map(self, labels: Sequence[str]) -> NDArray[np.uint8]:
        """Return the canonical voxels (k, j, i): 1 for the first of `labels`, and so on; 0 elsewhere.

        Where structures overlap, the later one counts; what is not drawn is not there.

        Raises
        ------
        InvalidSupport
            A later structure covers an earlier one.
        """
        values = np.zeros(self.image.geometry.shape, dtype=np.uint8)
        drawn = [(value, label) for value, label in enumerate(labels, start=1) if label in self.masks]
        for value, label in drawn:
            mask = self.masks[label]
            values[mask.bounds][mask.array.astype(np.bool_)] = value
        hidden = [label for value, label in drawn if not (values == value).any()]
        if hidden:
            message = f"{self.title} shows '{hidden[0]}' only where later structures cover it."
            raise InvalidSupport(message, "List what lies inside another structure after it, or learn it by itself.")
        return VolumePatch.whole(values, self.image.geometry).canonical().array


def common_labels(examples: Sequence[Example]) -> tuple[str, ...]:
    """Return the structures that all examples show, in the order of the first.

    Raises
    ------
    InvalidSupport
        There is no example, or one shows other structures than the first.
    """
    if not examples:
        message = "There is no example."
        raise InvalidSupport(message, "Choose at least one image with the structure drawn on it.")
    labels = tuple(examples[0].masks)
    for example in examples[1:]:
        if different := sorted(set(labels) ^ set(example.masks)):
            message = f"{example.title} and the first one do not both show '{different[0]}'."
            raise InvalidSupport(message, "Draw the same structures on every example.")
    return labels
