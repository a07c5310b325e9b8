"""The slices of examples that SE-Net looks at, and how a file keeps them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..engine.run import Run
from ..errors import InvalidSupportModel
from ..fields import Fields
from .examples import Example
from .learner import StoredModel
from .slices import Size, SliceStack, resized

Tensors = dict[str, NDArray[Any]]

PART_PIXELS = 1 << 21
"""Slices with about so many pixels are resampled together, a part of a second of work."""

FEWEST_PIXELS = 10
"""A slice shows a structure if it has more pixels of it, as in training."""


@dataclass(frozen=True, eq=False)
class SupportSlices:
    """The slices of one example that show a structure.

    Parameters
    ----------
    count
        Number of slices of the example.
    places
        Which of them are kept, ascending.
    pixels
        float32 (n, rows, columns) from 0 to 1.
    masks
        uint8 (structures, n, rows, columns), 1 inside and 0 outside.
    """

    count: int
    places: tuple[int, ...]
    pixels: NDArray[np.float32]
    masks: NDArray[np.uint8]

    @classmethod
    def of(
        cls, example: Example, stack: SliceStack, labels: Sequence[str], spacing: tuple[float, float], run: Run
    ) -> SupportSlices:
        """Return the slices of an example with a spacing [mm] between rows and between columns.

        They are made a few at a time: as floats at their own size they take much memory.

        Raises
        ------
        Cancelled
            The run was stopped.
        """
        shown = np.zeros(len(stack.array), np.bool_)
        for label in labels:
            run.check()
            shown |= stack.mask(example.masks[label]).any(axis=(1, 2))
        places, size = np.flatnonzero(shown), stack.size_at(spacing)
        pixels = np.empty((len(places), *size), np.float32)
        masks = np.empty((len(labels), len(places), *size), np.uint8)
        for number, part in _parts(places, stack):
            run.check()
            pixels[number] = stack.pixels(part.tolist(), size)[:, 0].numpy()
        for label, kept in zip(labels, masks, strict=True):
            drawn = stack.mask(example.masks[label])
            for number, part in _parts(places, stack):
                run.check()
                kept[number] = _resized_mask(drawn[part], size)
        return cls(len(stack.array), tuple(places.tolist()), pixels, masks)

    @property
    def size(self) -> Size:
        """Rows and columns of a slice."""
        return self.pixels.shape[1], self.pixels.shape[2]

    @cached_property
    def digest(self) -> str:
        """Hash of what is kept."""
        digest = hashlib.blake2b(repr((self.count, self.places, self.masks.shape)).encode(), digest_size=16)
        for array in (self.pixels, self.masks):
            digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        return digest.hexdigest()

    def shows(self, label: int) -> NDArray[np.bool_]:
        """Return for every slice of the example whether it shows a structure, by the number of the structure."""
        shown: NDArray[np.bool_] = self._shown[label]
        return shown

    @cached_property
    def _shown(self) -> NDArray[np.bool_]:
        """For every structure and slice, whether it has enough pixels; the most there are will do where none has."""
        areas = self.masks.sum(axis=(2, 3), dtype=np.int64)
        needed = np.minimum(areas.max(axis=1, keepdims=True), FEWEST_PIXELS + 1)
        shown = np.zeros((len(self.masks), self.count), dtype=np.bool_)
        shown[:, list(self.places)] = (areas >= needed) & (areas > 0)
        return shown

    def slice(self, label: int, place: int) -> tuple[Tensor, Tensor]:
        """Return slice `place` of the example and a structure on it, float32 (1, 1, rows, columns)."""
        number = self.places.index(place)
        mask = self.masks[label, number].astype(np.float32)
        return torch.from_numpy(self.pixels[number])[None, None], torch.from_numpy(mask)[None, None]


def _parts(places: NDArray[np.int64], stack: SliceStack) -> Iterator[tuple[slice, NDArray[np.int64]]]:
    """Yield a few of the places at a time, with where they are among all of them."""
    count = max(1, PART_PIXELS // (stack.size[0] * stack.size[1]))
    for start in range(0, len(places), count):
        yield slice(start, start + count), places[start : start + count]


def _resized_mask(mask: NDArray[np.bool_], size: Size) -> NDArray[np.uint8]:
    """Return a mask (n, rows, columns) with another number of rows and columns, as 0 and 1."""
    large = resized(torch.from_numpy(mask.astype(np.float32))[:, None], size)
    return np.asarray((large[:, 0] >= 0.5).numpy().astype(np.uint8))


def stored(
    supports: Sequence[SupportSlices], spacing: tuple[float, float], *, is_single: bool
) -> tuple[dict[str, Any], Tensors]:
    """Return a description as JSON data and the arrays of examples."""
    tensors: Tensors = {}
    described = []
    for number, support in enumerate(supports):
        tensors |= {f"examples.{number}.pixels": support.pixels, f"examples.{number}.masks": support.masks}
        described.append({"count": support.count, "places": list(support.places)})
    return {"is_single": is_single, "spacing": list(spacing), "examples": described}, tensors


def restored(
    model: StoredModel, name: str, weights_hash: str
) -> tuple[tuple[SupportSlices, ...], tuple[float, float], bool]:
    """Return the examples, their spacing [mm], and whether they are slices; see `stored`.

    Raises
    ------
    InvalidSupportModel
        Something is missing or cannot be; or another model `name` or other weights learned it.
    """
    if (model.method, model.weights_hash) != (name, weights_hash):
        message = f"The support model was learned by '{model.method}' with other weights or by another model."
        raise InvalidSupportModel(message, f"Learn from the examples again with '{name}'.")
    fields = Fields(model.description, "support model", InvalidSupportModel)
    is_single = fields.flag("is_single")
    rows, columns = fields.numbers("spacing", 2).tolist()
    if min(rows, columns) <= 0:
        fields.refuse("spacing", "must be two lengths above 0")
    parts = fields.parts("examples")
    supports = tuple(_support(part, number, model) for number, part in enumerate(parts))
    if not supports or not model.labels or len(model.tensors) != 2 * len(supports):
        fields.refuse("examples", "do not go with the arrays")
    if is_single and any(support.count != 1 for support in supports):
        fields.refuse("is_single", "cannot be with examples of several slices")
    fields.finish()
    return supports, (rows, columns), is_single


def _support(part: Fields, number: int, model: StoredModel) -> SupportSlices:
    count, places = part.whole_number("count"), part.numbers("places", -1).tolist()
    part.finish()
    pixels = _array(model.tensors, f"examples.{number}.pixels", np.float32)
    masks = _array(model.tensors, f"examples.{number}.masks", np.uint8)
    ascending = places == sorted({int(place) for place in places}) and places[0] >= 0 and places[-1] < count
    fits = pixels.ndim == 3 and pixels.size > 0 and masks.shape == (len(model.labels), *pixels.shape)
    if not ascending or not fits or len(places) != len(pixels):
        part.refuse("places", "do not go with the slices")
    if not (pixels.min() >= 0 and pixels.max() <= 1) or masks.max() > 1:  # NaN is neither
        part.refuse("", "has slices with values that cannot be")
    return SupportSlices(count, tuple(int(place) for place in places), pixels, masks)


def _array(tensors: Mapping[str, NDArray[Any]], name: str, dtype: type) -> NDArray[Any]:
    array = tensors.get(name)
    if array is None or array.dtype != dtype:
        message = f"The support model has no array '{name}' of the type {dtype.__name__}."
        raise InvalidSupportModel(message)
    return array
