"""The network that comes with MedSegAI is there, is the one that its entry names, and draws a nodule."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from MedSegAICore.consensus import volume_interval
from MedSegAICore.engine.engine import Engine
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.models.weights import FOLDER_VARIABLE, shipped_folders
from MedSegAICore.prompts import BoxPrompt, PointPrompt
from MedSegAICore.request import DiffusionTask, SamplingOptions, SegmentationRequest
from MedSegAICore.resources import resource_folder
from MedSegAICore.volume import ImageVolume
from scipy import ndimage

MODEL = DiffusionTask.model
RADIUS_MM = 6.0


@pytest.fixture
def nodule(monkeypatch, tmp_path) -> tuple[ImageVolume, np.ndarray]:
    """A soft ball of tissue [HU] in lung, on a grid of 0.8 x 0.8 x 2.5 mm, and the voxels in it."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    geometry = VolumeGeometry.from_components((9, 90, 90), (0.8, 0.8, 2.5), (-36, -36, -10))
    kji = np.indices(geometry.shape).reshape(3, -1)
    distance = np.linalg.norm(geometry.to_ras(kji[::-1].T), axis=1).reshape(geometry.shape)
    inside = distance <= RADIUS_MM
    noise = ndimage.gaussian_filter(np.random.default_rng(0).normal(0, 60, geometry.shape), (0, 1, 1))
    scan = -850 + 870 / (1 + np.exp((distance - RADIUS_MM) / 0.5)) + noise
    return ImageVolume(scan.astype(np.float32), geometry), inside


def test_the_file_is_the_one_that_the_entry_names_and_small():
    weights = load_catalogue()[MODEL].weights
    content = (resource_folder("Weights") / weights.filename).read_bytes()
    assert hashlib.sha256(content).hexdigest() == weights.sha256
    assert len(content) == weights.size_bytes < 8 << 20
    assert shipped_folders() == (resource_folder("Weights"),)


@pytest.mark.parametrize("box", [True, False], ids=["box", "point"])
def test_masks_of_a_drawn_nodule_lie_on_it_and_differ(nodule, box):
    image, inside = nodule
    middle = (0.0, 0.0, 0.0)
    prompts = (BoxPrompt(middle, (14.0, 14.0, 0.0)) if box else PointPrompt(middle),)
    task = DiffusionTask(prompts, options=SamplingOptions(8, 10, seed=1))
    result = Engine().segment(SegmentationRequest(image, task))
    found = result.mask.full()
    places = np.flatnonzero(found.any(axis=(1, 2)))
    assert places.tolist() == [4]
    assert 2 * (found & inside)[4].sum() / (found[4].sum() + inside[4].sum()) > 0.8
    assert len(result.candidates) == 8
    narrow, wide = volume_interval(result.candidates)
    assert 0 < narrow < wide
    assert result.provenance.weights_hash == load_catalogue()[MODEL].weights.sha256
