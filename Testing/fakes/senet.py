"""A network of SE-Net with drawn weights, and what it is shown."""

from __future__ import annotations

import numpy as np
import torch
from MedSegAICore.engine.cache import ByteBoundedCache
from MedSegAICore.fewshot.examples import Example
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.networks.senet import SENet
from MedSegAICore.volume import ImageVolume, VolumePatch

SHAPE, SPACING_IJK = (5, 37, 43), (1.5, 1.25, 4.0)


def drawn_network() -> SENet:
    """Return a network with drawn weights, whose batch norms know the range of what they see."""
    torch.manual_seed(3)
    network = SENet().train()
    with torch.no_grad():
        for _ in range(20):
            support, query = torch.rand(2, 1, 48, 48), torch.rand(2, 1, 48, 48)
            network.segment(query, network.condition(support, (support > 0.7).float()))
    return network.eval()


def cache_of(size: int = 1 << 24) -> ByteBoundedCache:
    return ByteBoundedCache(size)


def example_of(seed: int, shape=SHAPE, labels=("organ",), spacing=SPACING_IJK, name: str = "") -> Example:
    """Draw an image with a box for each structure on all slices but the first."""
    rng = np.random.default_rng(seed)
    array = (40 * rng.standard_normal(shape)).astype(np.float32)
    geometry = VolumeGeometry.from_components(shape, spacing, (5, -7, 20), np.diag([-1, -1, 1]))
    masks = {}
    for number, label in enumerate(labels):
        mask = np.zeros(shape, bool)
        rows = slice(shape[1] // 8, max(shape[1] // 2, 1))
        columns = slice(shape[2] * (1 + 2 * number) // 10, max(shape[2] * (5 + 2 * number) // 10, 1))
        mask[min(1, shape[0] - 1) :, rows, columns] = True
        array[mask] += 150 + 80 * number
        masks[label] = VolumePatch.whole(mask, geometry)
    return Example(ImageVolume(array, geometry), masks, name)


def answered(network: SENet, support: Example, k: int, query: Example, at: int, label="organ") -> np.ndarray:
    """Return what the network itself makes of slices: min-max over the volume, 48 x 48 around them."""

    def framed(values):
        return torch.from_numpy(np.pad(values.astype(np.float32), ((5, 6), (2, 3))))[None, None]

    def scaled(array):
        return (array - array.min()) / (array.max() - array.min())

    with torch.inference_mode():
        mask = support.masks[label].full()[k]
        gates = network.condition(framed(scaled(support.image.array)[k]), framed(mask))
        return network.segment(framed(scaled(query.image.array)[at]), gates)[0, 0, 5:-6, 2:-3].numpy()
