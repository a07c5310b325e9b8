"""What makes features of slices: any encoder that is loaded, or a filter bank that needs no weights."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ...engine.cache import ByteBoundedCache
from ...engine.run import Run
from ...prompt.segmenter import SliceImage
from ...request import IntensityWindow
from ..registered.features import appearance_features
from ..registered.grids import Float32

SHOWN = IntensityWindow(0.0, 1.0)
"""Slices come with the intensities that are shown as black and white at 0 and 1."""

MOST_FEATURES = 128 * 128
"""A filter bank describes a slice at no more places."""

FREQUENCIES = 64
"""Pairs of cosine and sine that stand for the kernel."""

KERNEL_WIDTH = 1.5
"""Distance of looks, in standard deviations of the slice's intensities, at which the likeness is exp(-1/2)."""

BLACK = 0.02
"""Pixels that are shown darker are air or nothing."""


class SliceEncoder(Protocol):
    """Makes features of slices.

    Parameters
    ----------
    name
        What it is called.
    weights_hash
        sha256 of its weights; "" if it has none.
    device
        Where it runs, in words.
    most_pixels
        Slices with more pixels tell it no more.
    """

    name: str
    weights_hash: str
    device: str
    most_pixels: int

    def embed(self, pixels: Float32, spacing: tuple[float, float], key: str, run: Run) -> Tensor:
        """Return the features of a slice: float32 (channels, h, w) on the processor, over all of the slice.

        Parameters
        ----------
        pixels
            Intensities (rows, columns) from 0 to 1, anterior or superior at the top.
        spacing
            Distance between (rows, columns) [mm].
        key
            Identifies the slice: equal keys mean equal pixels and spacing. Its features may be kept.
        run
            Progress and cancel.

        Raises
        ------
        Cancelled
            The run was stopped.
        """
        ...


class LooksAtSlices(Protocol):
    """A promptable model that gives the features it answers from."""

    name: str
    weights_hash: str
    device: str

    def slice_features(self, image: SliceImage, run: Run) -> Tensor:
        """Return the features (channels, h, w) of a slice."""
        ...


class PromptableEncoder:
    """The image encoder of a promptable model; slices that were prompted are not encoded again."""

    most_pixels = 1024 * 1024

    def __init__(self, model: LooksAtSlices) -> None:
        self.name = model.name
        self.weights_hash = model.weights_hash
        self.device = model.device
        self._model = model

    def embed(self, pixels: Float32, spacing: tuple[float, float], key: str, run: Run) -> Tensor:
        """Return what the model looks for its answers in."""
        return self._model.slice_features(SliceImage(pixels, spacing, SHOWN, key), run)


class FilterBankEncoder:
    """Looks at several scales, as features whose cosine is their likeness.

    The looks are those of the registered engine. Random Fourier features (Rahimi and Recht, Random Features for
    Large-Scale Kernel Machines, NIPS 2007) make a map of them whose inner products are a Gaussian kernel, so that a
    mean feature stands for a whole distribution of looks and its cosine with a feature for that feature's density.

    Parameters
    ----------
    cache
        Keeps the looks of slices.
    """

    name = "filter bank"
    weights_hash = ""
    device = "cpu, float32"
    most_pixels = 256 * 256

    def __init__(self, cache: ByteBoundedCache) -> None:
        self._cache = cache

    def embed(self, pixels: Float32, spacing: tuple[float, float], key: str, run: Run) -> Tensor:
        """Return the kernel features (128, h, w) of a slice."""
        known = (self.name, key, spacing, pixels.shape)
        looks: Tensor | None = self._cache.get(known)
        if looks is None:
            looks = _looks(pixels, run)
            self._cache.put(known, looks, looks.numel() * looks.element_size())
        run.check()
        return _kernel_map(looks)


def _looks(pixels: Float32, run: Run) -> Tensor:
    """Return what the places of a slice look like: float32 (looks, h, w)."""
    everywhere = np.ones(pixels.shape, dtype=np.bool_)
    table = appearance_features(pixels, everywhere, pixels > BLACK, run)
    looks = torch.from_numpy(np.ascontiguousarray(table.T)).reshape(1, -1, *pixels.shape)
    scale = min(1.0, (MOST_FEATURES / pixels.size) ** 0.5)
    rows, columns = (max(1, int(length * scale + 0.5)) for length in pixels.shape)
    return functional.adaptive_avg_pool2d(looks, (rows, columns))[0]


def _kernel_map(looks: Tensor) -> Tensor:
    """Return random Fourier features (2 * frequencies, h, w) of looks; the same frequencies every time."""
    random = np.random.default_rng(0)
    frequencies = random.standard_normal((FREQUENCIES, looks.shape[0]), dtype=np.float32) / KERNEL_WIDTH
    phases = torch.einsum("fl,lhw->fhw", torch.from_numpy(frequencies), looks)
    return torch.cat([phases.cos(), phases.sin()])
