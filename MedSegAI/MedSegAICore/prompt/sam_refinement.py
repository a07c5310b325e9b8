"""Prompt after prompt: each is a correction of the answer to those before it, as the authors of SAM use it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from typing import Protocol, TypeVar

from ..engine.cache import ByteBoundedCache
from .segmenter import Float32, SlicePrompts


class Decoded(Protocol):
    """An answer whose logits can be given back to the network."""

    @property
    def logits(self) -> Float32:
        """Low-resolution logits of the best mask (rows, columns)."""
        ...


AnyDecoded = TypeVar("AnyDecoded", bound=Decoded)


def refined(
    prompts: SlicePrompts,
    slice_key: Hashable,
    decode: Callable[[SlicePrompts, Float32 | None], AnyDecoded],
    cache: ByteBoundedCache,
) -> AnyDecoded:
    """Return the answer to the last of the prompts of a slice, given the logits of the answer to those before it.

    The answer follows from the prompts and their order alone. The cache saves time: what it has lost is
    answered again, from the first prompt on.

    Parameters
    ----------
    prompts
        With those that were placed earlier.
    slice_key
        Identifies the slice, its window and the network with its weights and device.
    decode
        Answers prompts, given the logits of the answer before or None.
    cache
        Keeps the logits of every answer.
    """
    steps = _in_order(prompts)
    keys = _keys(slice_key, steps)
    first, logits = _latest_known(keys[:-1], cache)
    for step, key in zip(steps[first:-1], keys[first:-1], strict=True):
        logits = decode(step, logits).logits
        cache.put(key, logits, logits.nbytes)
    answer = decode(prompts, logits)
    cache.put(keys[-1], answer.logits, answer.logits.nbytes)
    return answer


def _in_order(prompts: SlicePrompts) -> list[SlicePrompts]:
    steps, step = [prompts], prompts.earlier
    while step is not None:
        steps.append(step)
        step = step.earlier
    return steps[::-1]


def _keys(slice_key: Hashable, steps: list[SlicePrompts]) -> list[str]:
    """Return a key for each step that holds for equal prompts placed in the same order on the same slice."""
    digest = hashlib.blake2b(repr(("logits", slice_key)).encode(), digest_size=16)
    keys = []
    for step in steps:
        drawn = (step.inside, step.outside, step.enclosed, step.previous_mask)
        for part in (step.points_xy, step.points_positive, step.box_xyxy, *drawn):
            digest.update(b"none" if part is None else repr((part.shape, part.dtype)).encode() + part.tobytes())
        digest.update(bytes([step.box_follows, step.box_is_cut]))
        keys.append(digest.hexdigest())
    return keys


def _latest_known(keys: list[str], cache: ByteBoundedCache) -> tuple[int, Float32 | None]:
    """Return the first step that must be answered, and the logits of the one before it."""
    for index in range(len(keys), 0, -1):
        logits: Float32 | None = cache.get(keys[index - 1])
        if logits is not None:
            return index, logits
    return 0, None
