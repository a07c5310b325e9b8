"""What differs between two scans of the same thing: field, sharpness, resolution, artefacts, scale of the values."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy import fft, ndimage

from .example import BoolArray, Float32
from .synthetic.fields import smooth_noise

_LARGEST_STEP = 4.0


def spread(image: Float32) -> Float32:
    """Return intensities moved so that the darkest is 0 and the brightest 1."""
    low, high = float(image.min()), float(image.max())
    moved: Float32 = (image - np.float32(low)) / np.float32(max(high - low, 1e-6))
    return moved


def degraded(image: Float32, chance: np.random.Generator) -> Float32:
    """Return an image (size, size), from 0 to 1, with a bias field, thick pixels or artefacts, each by chance."""
    image = spread(image)
    if chance.random() < 0.35:
        image = with_bias(image, chance.uniform(0.05, 0.35), chance)
    if chance.random() < 0.2:
        image = thick_pixels(image, chance.uniform(1, _LARGEST_STEP), int(chance.integers(2)))
    if chance.random() < 0.15:
        image = with_artefact(image, chance)
    if chance.random() < 0.2:
        image = ndimage.gaussian_filter(image, chance.uniform(0.3, 1.5), truncate=3)
    return image


def relit(image: Float32, chance: np.random.Generator) -> Float32:
    """Return an image with other noise, window, gamma and sign, from 0 to 1."""
    image = spread(image)
    if chance.random() < 0.3:
        deviation = np.float32(chance.uniform(0, 0.06))
        image = image + deviation * chance.standard_normal(image.shape, dtype=np.float32)
    if chance.random() < 0.4:
        low, high = np.quantile(image[::3, ::3], [chance.uniform(0, 0.05), chance.uniform(0.93, 1)]).tolist()
        image = np.clip(image, low, max(high, low + 1e-3))
    image = np.clip(spread(image), 0, 1) ** np.float32(np.exp(chance.normal(0, 0.35)))
    if chance.random() < 0.2:
        image = 1 - image
    lit: Float32 = image
    return lit


def windowed(image: Float32, mask: BoolArray, chance: np.random.Generator) -> Float32:
    """Return an image cut off at a window, wide or narrow, around what is on and near a mask (not empty)."""
    rows, columns = np.nonzero(mask)
    margin = np.array([np.ptp(rows), np.ptp(columns)]) // 3 + 2
    first = np.maximum([rows.min() - margin[0], columns.min() - margin[1]], 0)
    near = image[first[0] : rows.max() + margin[0] + 1, first[1] : columns.max() + margin[1] + 1]
    low, high = np.quantile(near, [0.1, 0.9]).tolist()
    room = (chance.uniform(0.2, 2, 2) * max(high - low, 0.02)).tolist()
    return np.asarray(np.clip(image, low - room[0], high + room[1]), dtype=np.float32)


def with_bias(image: Float32, strength: float, chance: np.random.Generator) -> Float32:
    """Return an image times a smooth field, as coils near the skin leave it."""
    field = smooth_noise(image.shape[0], image.shape[0], chance)[0]
    return np.asarray(image * np.exp(np.float32(strength) * field), dtype=np.float32)


def thick_pixels(image: Float32, step: float, axis: int) -> Float32:
    """Return an image as it looks with pixels `step` times as long along an axis, drawn on the fine grid again."""
    matrix = _coarse_and_back(image.shape[axis], max(round(image.shape[axis] / step), 2))
    thick: Float32 = matrix @ image if axis == 0 else image @ matrix.T
    return thick


def with_artefact(image: Float32, chance: np.random.Generator) -> Float32:
    """Return an image with ghosts of motion, ringing, a spike in k-space, or stripes."""
    kind = chance.choice(["ghosts", "ringing", "spike", "stripes"])
    if kind == "stripes":
        lines = chance.normal(0, chance.uniform(0.01, 0.05), (image.shape[0], 1))
        return np.asarray(image + (lines if chance.random() < 0.5 else lines.T), dtype=np.float32)
    waves = np.asarray(fft.fft2(image))
    if kind == "ghosts":
        every, weakening = int(chance.integers(2, 6)), 1 - chance.uniform(0.1, 0.4)
        waves[::every] *= weakening
    elif kind == "ringing":
        frequency = np.abs(fft.fftfreq(image.shape[int(chance.integers(2))]))
        waves *= (frequency < chance.uniform(0.15, 0.35))[:, None]
    else:
        row, column = chance.integers(2, image.shape[0] // 2, 2)
        waves[row, column] += chance.uniform(0.01, 0.04) * np.abs(waves[0, 0])
    return np.asarray(fft.ifft2(waves).real, dtype=np.float32)


@cache
def _coarse_and_back(fine: int, coarse: int) -> Float32:
    """Return the matrix (fine, fine) that averages over `coarse` long pixels and interpolates between them."""
    step = fine / coarse
    starts, places = np.arange(coarse) * step, np.arange(fine)
    shares = np.clip(np.minimum(starts[:, None] + step, places + 1) - np.maximum(starts[:, None], places), 0, None)
    position = np.clip((places + 0.5) / step - 0.5, 0, coarse - 1)
    low = np.minimum(position.astype(int), coarse - 2)
    back = np.zeros((fine, coarse))
    back[places, low], back[places, low + 1] = 1 - (position - low), position - low
    matrix: Float32 = (back @ (shares / step)).astype(np.float32)
    return matrix
