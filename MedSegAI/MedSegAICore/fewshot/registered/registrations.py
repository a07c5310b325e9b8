"""Registrations that were done before, so that one more example or structure does not pay for the others again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

import numpy as np
import SimpleITK as sitk

from ...engine.cache import ByteBoundedCache
from ...engine.run import Run
from .registration import Registration, register, register_from

BYTES_PER_VOXEL = 3 * 8
"""Of a displacement."""


class Registrations:
    """Registers, and remembers what it has registered by what the images are.

    Parameters
    ----------
    cache
        Keeps the registrations; None keeps none.
    """

    def __init__(self, cache: ByteBoundedCache | None = None) -> None:
        self._cache = cache

    def register(self, fixed: sitk.Image, moving: sitk.Image, run: Run) -> Registration:
        """Register as `registration.register` does."""
        return self._found([fixed, moving], "", lambda: register(fixed, moving, run))

    def register_from(self, fixed: sitk.Image, moving: sitk.Image, start: sitk.Transform, run: Run) -> Registration:
        """Register as `registration.register_from` does."""
        begun = repr((start.GetParameters(), start.GetFixedParameters()))
        return self._found([fixed, moving], begun, lambda: register_from(fixed, moving, start, run))

    def _found(self, images: list[sitk.Image], start: str, do: Callable[[], Registration]) -> Registration:
        if self._cache is None:
            return do()
        key = ("registration", start, *_digests(images))
        known: Registration | None = self._cache.get(key)
        if known is None:
            known = do()
            self._cache.put(key, known, images[0].GetNumberOfPixels() * BYTES_PER_VOXEL)
        return known


def _digests(images: Iterable[sitk.Image]) -> list[str]:
    digests = []
    for image in images:
        grid = repr((image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection()))
        digest = hashlib.blake2b(grid.encode(), digest_size=16)
        digest.update(np.ascontiguousarray(sitk.GetArrayViewFromImage(image)).data)
        digests.append(digest.hexdigest())
    return digests
