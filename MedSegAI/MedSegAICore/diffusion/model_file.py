"""Files of trained denoisers: the tensors, and in the header what they were trained as."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from ..errors import WeightsCorrupt
from ..models.trained_file import write_trained
from ..networks.mask_denoiser import DenoiserArchitecture
from .noise_levels import NoiseLevels

_ARCHITECTURE, _LEVELS, _TRAINING = "architecture", "noise_levels", "training"


@dataclass(frozen=True)
class Header:
    """What a file's network is.

    Parameters
    ----------
    architecture, levels
        The network and its noise levels.
    size
        Side of the squares that it was trained on [pixels].
    """

    architecture: DenoiserArchitecture
    levels: NoiseLevels
    size: int


def save_model(
    path: Path,
    tensors: Mapping[str, torch.Tensor],
    architecture: DenoiserArchitecture,
    levels: NoiseLevels,
    training: Mapping[str, Any],
) -> None:
    """Write a network to a safetensors file, in float16: that is finer than training is.

    Parameters
    ----------
    path
        The file.
    tensors
        Weights by name.
    architecture, levels
        The network and its noise levels.
    training
        How it was trained, as plain data.
    """
    header = {_ARCHITECTURE: asdict(architecture), _LEVELS: asdict(levels), _TRAINING: dict(training)}
    write_trained(path, tensors, header)


def read_header(path: Path) -> Header:
    """Return what a file's network is.

    Raises
    ------
    WeightsCorrupt
        The file cannot be read, or its header describes no network.
    """
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
        parts = {name: json.loads(metadata[name]) for name in (_ARCHITECTURE, _LEVELS, _TRAINING)}
        sizes: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in parts[_ARCHITECTURE].items()
        }
        settings = tuple((str(name), float(value)) for name, value in parts[_LEVELS].pop("settings"))
        levels = NoiseLevels(**parts[_LEVELS], settings=settings)
        return Header(DenoiserArchitecture(**sizes), levels, int(parts[_TRAINING]["size"]))
    except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
        message = f"The file '{path.name}' does not say what network it holds ({error})."
        raise WeightsCorrupt(message, "Choose a file that MedSegAI's own training has written.") from error
