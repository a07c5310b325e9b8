"""Diffusion models on the nodules that four radiologists drew, with a small network of random weights."""

from __future__ import annotations

import numpy as np
import pytest
from fakes.diffusion import DEFAULT, diffusion_engine
from MedSegAICore.diffusion.denoisers import PIXEL_MM
from MedSegAICore.diffusion.region import region_of
from MedSegAICore.engine.run import Run
from MedSegAICore.evaluation.datasets.dataset import load_dataset
from MedSegAICore.evaluation.engine_methods import EngineSamples
from MedSegAICore.evaluation.next_click import first_box
from MedSegAICore.evaluation.protocols.raters import RatersProtocol
from MedSegAICore.evaluation.records import RecordFile
from MedSegAICore.evaluation.runner import run_evaluation
from MedSegAICore.models.weights import FOLDER_VARIABLE
from MedSegAICore.request import SamplingOptions, VolumeScope


@pytest.fixture
def nodules(shared):
    dataset = load_dataset("ct_lung_nodules_4raters", shared / "data")
    return dataset.only(dataset.subjects[:3])


def test_a_pixel_of_the_set_is_a_pixel_of_the_network(nodules):
    case = nodules.cases[0]
    image = case.image().canonical()
    drawn = np.any([mask.array for mask in case.masks("nodule")], axis=0)
    box = first_box(drawn, case.image().geometry)
    region = region_of(image, (box,), VolumeScope(), PIXEL_MM, 64)
    assert region.side_mm / image.geometry.spacing_kji[1] == pytest.approx(64)


@pytest.mark.slow
def test_every_nodule_gets_candidates_that_are_measured(nodules, tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    method = EngineSamples(diffusion_engine(), DEFAULT, SamplingOptions(samples=4, steps=2))
    protocol = RatersProtocol(nodules, prompt="box")
    records = run_evaluation(protocol, {"small": method}, RecordFile(tmp_path / "records", {}), Run())
    assert len(records) == len(protocol.items()) >= 3
    for record in records:
        assert not record.failure
        assert record.values["candidates"] == 4
        assert 0 <= record.values["ged"] <= 2
        assert all(0 <= record.values[name] <= 1 for name in ("best_dice", "consensus_dice", "ece"))
