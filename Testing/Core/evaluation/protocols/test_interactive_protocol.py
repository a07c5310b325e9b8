"""The interactive protocol with a method whose answers are scripted: every number by hand."""

from __future__ import annotations

import numpy as np
import pytest
from fakes.datasets import drawn_case, drawn_dataset
from fakes.methods import Scripted, bright, item_of, nothing
from fakes.models import fake_engine
from MedSegAICore.engine.engine import Engine
from MedSegAICore.engine.run import Run
from MedSegAICore.errors import GeometryMismatch, InvalidRequest
from MedSegAICore.evaluation.engine_methods import EngineClicks
from MedSegAICore.evaluation.next_click import ClickRule
from MedSegAICore.evaluation.protocols.interactive import InteractiveProtocol
from MedSegAICore.evaluation.records import RecordFile
from MedSegAICore.evaluation.runner import run_evaluation
from MedSegAICore.prompts import BoxPrompt, PointPrompt

SHAPE = (1, 12, 12)
TRUTH = np.zeros(SHAPE, bool)
TRUTH[0, 1:11, 1:11] = True  # 100 voxels


def part(voxels: int) -> np.ndarray:
    """Return the first voxels of the truth: IoU is their number in percent."""
    mask = np.zeros(SHAPE, bool)
    mask.ravel()[np.flatnonzero(TRUTH)[:voxels]] = True
    return mask


@pytest.fixture
def dataset():
    return drawn_dataset(drawn_case("a", {"disc": TRUTH}), has_spacing=False)


def values_of(protocol, method):
    return protocol.evaluate(protocol.items()[0], method, Run())


def test_every_click_is_scored_and_the_area_is_the_trapezoid_over_the_clicks(dataset):
    method = Scripted([part(n) for n in (20, 50, 60, 86, 80, 95)])
    values = values_of(InteractiveProtocol(dataset), method)
    expected = [0.2, 0.5, 0.6, 0.86, 0.8, 0.95]
    assert [values[f"iou_{click}"] for click in range(6)] == pytest.approx(expected)
    dices = [2 * iou / (1 + iou) for iou in expected]
    assert [values[f"dice_{click}"] for click in range(6)] == pytest.approx(dices)
    assert values["dice"] == pytest.approx(dices[5])
    area = dices[1] / 2 + dices[2] + dices[3] + dices[4] + dices[5] / 2
    assert values["dice_auc"] == pytest.approx(area)
    assert values["answers"] == 6
    assert [len(prompts) for prompts in method.asked] == [1, 2, 3, 4, 5, 6]
    assert isinstance(method.asked[5][0], BoxPrompt)
    assert all(isinstance(prompt, PointPrompt) for prompt in method.asked[5][1:])


def test_clicks_are_counted_until_the_overlap_is_reached(dataset):
    script = [part(n) for n in (20, 50, 60, 86, 80, 95)]
    by_iou = values_of(InteractiveProtocol(dataset), Scripted(script))
    assert (by_iou["noc_85"], by_iou["noc_90"]) == (3, 5)
    assert (by_iou["unreached_85"], by_iou["unreached_90"]) == (0, 0)
    by_dice = values_of(InteractiveProtocol(dataset, reached_by="dice"), Scripted(script))
    assert (by_dice["noc_85"], by_dice["noc_90"]) == (3, 3)  # Dice 0.75, then 0.92


def test_what_is_never_reached_counts_all_clicks_and_a_failure(dataset):
    values = values_of(InteractiveProtocol(dataset, clicks=4), Scripted([part(n) for n in (10, 20, 30, 86, 87)]))
    assert (values["noc_85"], values["unreached_85"]) == (3, 0)
    assert (values["noc_90"], values["unreached_90"]) == (4, 1)


def test_a_box_that_is_enough_takes_no_click_and_its_answer_stands_for_all(dataset):
    method = Scripted([TRUTH])
    values = values_of(InteractiveProtocol(dataset), method)
    assert len(method.asked) == 1
    assert [values[f"dice_{click}"] for click in range(6)] == [1.0] * 6
    assert [values[f"nsd_{click}"] for click in range(6)] == [1.0] * 6
    assert (values["noc_85"], values["noc_90"], values["answers"]) == (0, 0, 1)
    assert values["dice_auc"] == values["nsd_auc"] == 4


def test_without_a_box_the_curve_starts_at_nothing(dataset):
    method = Scripted([part(n) for n in (50, 91)])
    values = values_of(InteractiveProtocol(dataset, clicks=2, box_first=False), method)
    assert values["dice_0"] == values["iou_0"] == values["nsd_0"] == 0
    assert values["iou_2"] == pytest.approx(0.91)
    assert (values["noc_85"], values["answers"]) == (2, 2)
    assert [len(prompts) for prompts in method.asked] == [1, 2]


def test_a_method_that_finds_nothing_scores_nothing_and_stays_in(dataset):
    protocol = InteractiveProtocol(dataset)
    item = protocol.items()[0]
    values, failed = values_of(protocol, nothing), protocol.failed_values(item)
    assert values | {"answers": 0} == failed
    assert failed["dice"] == failed["nsd_auc"] == 0
    assert (failed["noc_90"], failed["unreached_90"]) == (5, 1)


def test_what_is_announced_is_what_is_measured(dataset):
    protocol = InteractiveProtocol(dataset, clicks=3, tolerance=1)
    names = [quantity.name for quantity in protocol.quantities()]
    assert len(set(names)) == len(names)
    assert set(names) == set(values_of(protocol, bright)) == set(protocol.failed_values(protocol.items()[0]))
    assert {quantity.clicks for quantity in protocol.quantities()} == {None, 0, 1, 2, 3}
    assert protocol.quantities()[0].name == "dice"


def test_jittered_draws_are_questions_of_their_own_and_the_same_in_every_order(dataset):
    protocol = InteractiveProtocol(dataset, clicks=2, box_first=False, rule=ClickRule(jitter=0.5), draws=3)
    items = protocol.items()
    assert [item.variant for item in items] == ["draw 1", "draw 2", "draw 3"]

    def clicks(item):
        method = Scripted([np.zeros(SHAPE, bool)] * 2)
        protocol.evaluate(item, method, Run())
        return np.stack([click.position_ras for click in method.asked[-1]])

    forward, backward = [clicks(item) for item in items], [clicks(item) for item in reversed(items)]
    assert all(np.array_equal(one, other) for one, other in zip(forward, reversed(backward), strict=True))
    assert not np.array_equal(forward[0], forward[1])


def test_items_name_subject_structure_and_image():
    cases = [drawn_case("a", {"disc": TRUTH, "ring": ~TRUTH}, name=name) for name in ("1", "2")]
    cases.append(drawn_case("b", {"disc": TRUTH & False, "ring": TRUTH}))
    protocol = InteractiveProtocol(drawn_dataset(*cases), labels=("disc",))
    assert [(item.subject, item.label, item.variant) for item in protocol.items()] == [
        ("a", "disc", "1"),
        ("a", "disc", "2"),
    ]
    assert len(InteractiveProtocol(drawn_dataset(*cases)).items()) == 5
    assert len(InteractiveProtocol(drawn_dataset(*cases), subjects=("b",)).items()) == 1
    with pytest.raises(InvalidRequest, match="no structure 'heart'"):
        InteractiveProtocol(drawn_dataset(*cases), labels=("heart",)).items()
    with pytest.raises(InvalidRequest, match="shows none of the structures"):
        InteractiveProtocol(drawn_dataset(*cases), labels=("disc",), subjects=("b",)).items()


def test_an_answer_of_another_shape_is_refused_by_name(dataset):
    with pytest.raises(GeometryMismatch, match=r"a mask of the shape \(12, 12\)"):
        values_of(InteractiveProtocol(dataset), Scripted([TRUTH[0]]))


def test_clicks_are_counted_by_iou_or_dice_alone(dataset):
    with pytest.raises(InvalidRequest, match="cannot be counted by 'nsd'"):
        InteractiveProtocol(dataset, reached_by="nsd")


@pytest.mark.parametrize("numbers", [{"clicks": 1}, {"draws": 0}])
def test_too_few_clicks_or_draws_are_refused(dataset, numbers):
    with pytest.raises(InvalidRequest, match="make no curve"):
        InteractiveProtocol(dataset, **numbers)


def test_a_model_of_the_engine_is_a_method_by_its_name(dataset):
    protocol = InteractiveProtocol(dataset)
    assert values_of(protocol, EngineClicks(fake_engine(), "bright"))["dice_0"] == 1


def test_the_adaptive_model_takes_a_single_slice(dataset):
    values = values_of(InteractiveProtocol(dataset, clicks=2), EngineClicks(Engine()))
    assert values["dice"] > 0.9


def test_the_runner_takes_the_protocol(dataset, tmp_path):
    methods = {"bright": bright, "nothing": nothing}
    records = run_evaluation(InteractiveProtocol(dataset), methods, RecordFile(tmp_path / "records", {}), Run())
    assert [record.values["dice"] for record in records] == [1, 0]
    assert item_of(InteractiveProtocol(dataset), "a") == records[0].item
