"""Candidates against raters: every number by hand."""

from __future__ import annotations

import numpy as np
import pytest
from fakes.datasets import DrawnSource, drawn_dataset
from fakes.diffusion import DEFAULT, diffusion_engine
from fakes.models import fake_engine
from MedSegAICore.engine.engine import Engine
from MedSegAICore.engine.run import Run
from MedSegAICore.errors import GeometryMismatch, InvalidRequest
from MedSegAICore.evaluation.datasets.dataset import Case
from MedSegAICore.evaluation.engine_methods import EngineCandidates, EngineSamples
from MedSegAICore.evaluation.metrics.crps import volume_crps
from MedSegAICore.evaluation.metrics.raters import best_candidate_dice, consensus_dice, energy_distance
from MedSegAICore.evaluation.protocols.raters import Candidates, RatersProtocol
from MedSegAICore.evaluation.records import RecordFile
from MedSegAICore.evaluation.runner import run_evaluation
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.models.weights import FOLDER_VARIABLE
from MedSegAICore.prompts import BoxPrompt, PointPrompt
from MedSegAICore.request import DiffusionTask, SamplingOptions, SegmentationRequest
from MedSegAICore.volume import ImageVolume

SHAPE = (1, 10, 10)


def square(first: int, last: int) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[0, first : last + 1, 2:8] = True
    return mask


NOTHING = np.zeros(SHAPE, bool)
SMALL, LARGE = square(3, 4), square(3, 6)  # 12 and 24 pixels, one within the other: IoU 1/2, Dice 2/3


def protocol_of(*raters: np.ndarray, spacing=(1, 1, 1), has_spacing=False, **options) -> RatersProtocol:
    image = ImageVolume(100 * np.mean(raters, axis=0), VolumeGeometry.from_components(SHAPE, spacing))
    case = Case("drawn", "a", "", DrawnSource(image, {"nodule": raters}))
    return RatersProtocol(drawn_dataset(case, has_spacing=has_spacing), **options)


def values_of(protocol, *masks, probability=None):
    return protocol.evaluate(protocol.items()[0], lambda *_: Candidates(masks, probability), Run())


def test_candidates_that_are_the_raters_are_perfect():
    values = values_of(protocol_of(SMALL, LARGE), SMALL, LARGE)
    assert values["ged"] == pytest.approx(0)
    assert values["best_dice"] == values["matched_iou"] == values["consensus_dice"] == 1
    assert values["crps"] == pytest.approx(volume_crps(18, [12, 24]))
    assert values["candidates"] == 2


def test_one_candidate_cannot_please_two_raters():
    values = values_of(protocol_of(SMALL, LARGE), SMALL)
    assert values["ged"] == pytest.approx(2 * (0 + 0.5) / 2 - 0 - (0.5 + 0.5) / 4)
    assert values["best_dice"] == pytest.approx((1 + 2 / 3) / 2)
    assert values["matched_iou"] == pytest.approx((1 + 0.5) / 2)
    assert values["consensus_dice"] == 1  # where both agree it is right
    assert values["crps"] == pytest.approx(volume_crps(12, [12, 24]))


def test_the_calibration_error_is_the_mean_over_the_raters():
    probability = np.full(SHAPE, 0.5)
    values = values_of(protocol_of(SMALL, LARGE), SMALL, probability=probability)
    assert values["ece"] == pytest.approx(((0.5 - 0.12) + (0.5 - 0.24)) / 2)
    assert values["crps"] == pytest.approx(volume_crps(50, [12, 24]))
    certain = values_of(protocol_of(SMALL, SMALL), SMALL)
    assert certain["ece"] == 0


def test_volumes_are_in_millilitres_where_there_is_a_spacing():
    protocol = protocol_of(SMALL, LARGE, spacing=(2, 5, 10), has_spacing=True)
    assert values_of(protocol, LARGE)["crps"] == pytest.approx(volume_crps(2.4, [1.2, 2.4]))
    units = {quantity.name: quantity.unit for quantity in protocol.quantities()}
    assert units["crps"] == "ml"


def test_a_rater_who_saw_nothing_counts():
    protocol = protocol_of(SMALL, NOTHING)
    assert len(protocol.items()) == 1
    assert values_of(protocol, SMALL, NOTHING)["ged"] == pytest.approx(0)
    assert values_of(protocol, NOTHING)["best_dice"] == pytest.approx(0.5)
    with pytest.raises(InvalidRequest, match="shows none of the structures"):
        protocol_of(NOTHING, NOTHING).items()


def test_no_answer_gets_the_worst_values_and_stays_in(tmp_path):
    protocol = protocol_of(SMALL, LARGE)
    methods = {"right": lambda *_: Candidates((SMALL, LARGE)), "silent": lambda *_: Candidates(())}
    right, silent = run_evaluation(protocol, methods, RecordFile(tmp_path / "records", {}), Run())
    assert right.values.keys() == silent.values.keys() == {quantity.name for quantity in protocol.quantities()}
    assert silent.failure
    assert (silent.values["ged"], silent.values["best_dice"], silent.values["ece"]) == (2, 0, 1)
    assert silent.values["crps"] == pytest.approx(volume_crps(0, [12, 24]))


def test_the_prompt_is_placed_by_rule():
    shown = []

    def method(_image, prompts, _run):
        shown.append(prompts)
        return Candidates((SMALL,))

    for kind in ("none", "point", "box"):
        protocol = protocol_of(square(1, 3), square(3, 8), NOTHING, prompt=kind)
        protocol.evaluate(protocol.items()[0], method, Run())
    assert shown[0] == ()
    (point,), (box,) = shown[1:]
    assert isinstance(point, PointPrompt)
    assert point.position_ras[1] == 3  # the row that two raters drew
    assert isinstance(box, BoxPrompt)
    assert sorted(box.size_mm) == [0, 6, 8]
    with pytest.raises(InvalidRequest, match="no prompt 'scribble'"):
        protocol_of(SMALL, prompt="scribble")


def test_a_candidate_of_another_shape_is_refused():
    with pytest.raises(GeometryMismatch, match="a mask of the shape"):
        values_of(protocol_of(SMALL), SMALL[0])
    with pytest.raises(GeometryMismatch):
        values_of(protocol_of(SMALL), SMALL, probability=np.zeros((1, 5, 5)))


def test_a_consensus_is_measured_beside_the_candidates():
    protocol = protocol_of(SMALL, LARGE)
    item = protocol.items()[0]
    method = lambda *_: Candidates((NOTHING, LARGE), consensus=SMALL)  # noqa: E731
    values = protocol.evaluate(item, method, Run())
    assert values["consensus_dice"] == 1  # that of the consensus: the first mask would miss everything
    assert values["candidates"] == 2  # the consensus is none of them
    np.testing.assert_array_equal(protocol.masks(item, method, Run())[0], SMALL)


@pytest.fixture
def drawing(tmp_path, monkeypatch):
    """An engine with a small diffusion model of random weights."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    return diffusion_engine()


def test_a_diffusion_model_offers_the_masks_that_it_draws(drawing):
    options = SamplingOptions(samples=4, steps=2, seed=3)
    protocol = protocol_of(SMALL, LARGE, prompt="box")
    item, told = protocol.items()[0], []

    def listening(image, prompts, run):
        told.append(DiffusionTask(prompts, DEFAULT, options=options))
        return EngineSamples(drawing, DEFAULT, options)(image, prompts, run)

    values = protocol.evaluate(item, listening, Run())
    image = protocol.dataset.cases[0].image()
    result = drawing.segment(SegmentationRequest(image, told[0]))
    masks, drawn = np.array([mask.full() for mask in result.candidates]), np.array([SMALL, LARGE])
    assert values["candidates"] == 4
    assert values["ged"] == pytest.approx(energy_distance(masks, drawn).squared)
    assert values["best_dice"] == pytest.approx(best_candidate_dice(masks, drawn))
    assert values["consensus_dice"] == pytest.approx(consensus_dice(result.mask.full(), drawn))
    assert values["crps"] == pytest.approx(volume_crps(masks.sum() / 4, [12, 24]))


def test_a_model_of_the_engine_offers_candidates():
    protocol = protocol_of(LARGE, LARGE, prompt="point")
    item = protocol.items()[0]
    values = protocol.evaluate(item, EngineCandidates(fake_engine(), "bright"), Run())
    assert values["best_dice"] == 1
    assert values["ece"] == pytest.approx(0.1, abs=1e-3)  # it says 0.9 and 0.1
    boxed = protocol_of(LARGE, LARGE, prompt="box")
    assert boxed.evaluate(item, EngineCandidates(Engine()), Run())["best_dice"] > 0.9
