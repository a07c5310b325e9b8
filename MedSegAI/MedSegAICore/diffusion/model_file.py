"""Files of trained denoisers: the tensors, and in the header what they were trained as."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ..errors import WeightsCorrupt
from ..networks.mask_denoiser import SHIPPED, DenoiserArchitecture
from .noise_levels import NoiseLevels

_ARCHITECTURE, _LEVELS, _TRAINING = "architecture", "noise_levels", "training"


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
    half = {name: tensor.half().contiguous() for name, tensor in tensors.items()}
    save_file(half, path, metadata={name: json.dumps(part, sort_keys=True) for name, part in header.items()})


def read_header(path: Path) -> tuple[DenoiserArchitecture, NoiseLevels]:
    """Return what a file's network is; one without such a header is of the shipped kind.

    Raises
    ------
    WeightsCorrupt
        The file cannot be read, or its header describes no network.
    """
    try:
        with safe_open(path, framework="np") as file:
            header = file.metadata() or {}
        architecture = json.loads(header.get(_ARCHITECTURE, "{}"))
        levels = json.loads(header.get(_LEVELS, "{}"))
        sizes = {name: tuple(value) if isinstance(value, list) else value for name, value in architecture.items()}
        if levels:
            levels["settings"] = tuple((str(name), float(value)) for name, value in levels["settings"])
        return DenoiserArchitecture(**{**asdict(SHIPPED), **sizes}), NoiseLevels(**levels)
    except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
        message = f"The file '{path.name}' does not say what network it holds: {error}."
        raise WeightsCorrupt(message) from error
