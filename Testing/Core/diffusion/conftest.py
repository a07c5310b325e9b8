"""A small denoiser in a file, and a volume with a bright ball in it."""

from __future__ import annotations

import numpy as np
import pytest
from fakes.diffusion import write_network
from MedSegAICore.engine.engine import Engine
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.models.catalogue import parse_model
from MedSegAICore.volume import ImageVolume

SPACING = (0.7, 0.7, 2.5)


@pytest.fixture(scope="session")
def denoiser_file(tmp_path_factory):
    """A network of random weights."""
    file = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    write_network(file)
    return file


def described(name: str, entry: str, architecture: str = "") -> dict:
    weights = {"filename": "tiny.safetensors", "url": "https://example.org/tiny", "url_is_page": True}
    weights |= {"sha256": "unknown", "size_bytes": "unknown", "licence": "ours", "licence_must_be_accepted": False}
    weights |= {"licence_url": "https://example.org/licence", "code_licence": ""}
    can = {"prompts": ["point", "box", "mask"], "dimensions": [2, 3], "modalities": ["CT"], "labels": []}
    fields = {"name": name, "title": name, "paradigm": "diffusion", "family": "diffusion", "architecture": architecture}
    words = {"citation": "", "advice": "For tests."}
    return {
        **fields,
        "entry": entry,
        "capabilities": can,
        "needs_box": False,
        "input": None,
        "weights": weights,
        **words,
    }


@pytest.fixture
def engine(denoiser_file):
    spec = parse_model(described("tiny", "MedSegAICore.diffusion.denoisers:build_small"), "tiny")
    return Engine("cpu", {"tiny": denoiser_file}, catalogue={"tiny": spec})


@pytest.fixture
def ball():
    """A ball of radius 7 mm in the middle of (10, 60, 60) voxels, stored upside down."""
    shape = (10, 60, 60)
    axes = np.diag([-1.0, 1.0, -1.0])
    geometry = VolumeGeometry.from_components(shape, SPACING, (20.0, -20.0, 30.0), axes_ras=axes)
    k, j, i = np.indices(shape)
    middle = (np.array(shape) - 1) / 2
    distance = np.sqrt(sum(((n - m) * s) ** 2 for n, m, s in zip((k, j, i), middle, SPACING[::-1], strict=True)))
    return ImageVolume(np.where(distance <= 7, 200, 20).astype(np.int16), geometry)
