"""Diffusion models with small networks of random weights, and a catalogue and an engine that know them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from MedSegAICore.engine.engine import Engine
from MedSegAICore.models.catalogue import ModelSpec, load_catalogue
from MedSegAICore.models.weights import FOLDER_VARIABLE
from MedSegAICore.prompt.segmenter import Capabilities
from MedSegAICore.prompts import PointPrompt
from MedSegAICore.request import DiffusionTask, SamplingOptions, SegmentationRequest

from .models import fake_spec, fake_weights
from .requests import a_volume

DEFAULT, BROKEN, ABSENT = DiffusionTask.model, "broken", "absent"
"""A model as it ships, one whose network gives values that are not numbers, and one without a checkpoint."""


def diffusion_catalogue() -> dict[str, ModelSpec]:
    """Return the project's models, of diffusion the small ones."""
    others = {name: spec for name, spec in load_catalogue().items() if spec.paradigm != "diffusion"}
    return others | {name: _described(name) for name in (DEFAULT, BROKEN, ABSENT)}


def diffusion_engine(device: str = "cpu", weights=None, cache_bytes: int = 1 << 20) -> Engine:
    """Return an engine that knows them; it writes their checkpoints into the weights folder if they are not there."""
    folder = Path(os.environ[FOLDER_VARIABLE])
    if not (folder / _file(DEFAULT)).is_file():
        write_network(folder / _file(BROKEN), is_broken=True)
        write_network(folder / _file(DEFAULT))
    return Engine(device, weights, cache_bytes, catalogue=diffusion_catalogue())


def a_request_to_draw() -> SegmentationRequest:
    """Return a request for one mask on one slice."""
    image = a_volume(shape=(2, 9, 9))
    center = image.geometry.to_ras([[4.0, 4.0, 1.0]])[0]
    return SegmentationRequest(image, DiffusionTask((PointPrompt(center),), options=SamplingOptions(1, 1)))


def write_network(file: Path, *, is_broken: bool = False) -> None:
    """Write a small network of random weights; a broken one gives values that are not numbers."""
    # only who writes one waits for torch
    import torch
    from MedSegAICore.diffusion.model_file import save_model
    from MedSegAICore.diffusion.noise_levels import NoiseLevels
    from MedSegAICore.networks.mask_denoiser import DenoiserArchitecture, MaskDenoiser

    architecture = DenoiserArchitecture(channels=(16, 16), attention=(False, False), head_channels=16)
    torch.manual_seed(3)
    network = MaskDenoiser(architecture)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter += torch.nan if is_broken else 0.05 * torch.randn_like(parameter)
    save_model(file, network.state_dict(), architecture, NoiseLevels(), {"size": 32})


def _described(name: str) -> ModelSpec:
    prompts = Capabilities(frozenset({"point", "box", "mask"}), frozenset({2, 3}))
    weights = fake_weights(filename=_file(name), sha256="unknown", size_bytes=None)
    entry = "MedSegAICore.diffusion.denoisers:build_small"
    spec = fake_spec(name, paradigm="diffusion", family="diffusion", entry=entry, capabilities=prompts)
    return replace(spec, title=f"Small network ({name})", weights=weights, advice="For tests.")


def _file(name: str) -> str:
    return f"test_{name}.safetensors"
