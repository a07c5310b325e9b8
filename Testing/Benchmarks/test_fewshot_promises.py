"""What is promised about the time that few-shot segmentation takes, on five volumes of 256 x 256 x 40 voxels."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from MedSegAICore import Cancelled, CancelToken, Engine, Example, FewShotTask, FitRequest, SegmentationRequest
from MedSegAICore.phantom.scanner import FIELD_OF_VIEW_MM, abdomen_mr
from MedSegAICore.volume import VolumePatch

pytestmark = pytest.mark.slow

SIZE_IJK = (256, 256, 40)
FIT_SECONDS, QUERY_SECONDS, CANCEL_SECONDS = 300, 40, 1.0


def drawn(seed: int) -> Example:
    phantom = abdomen_mr(seed, 1.0001 * np.array(FIELD_OF_VIEW_MM) / SIZE_IJK)
    liver = next(value for value, name in phantom.names.items() if name == "liver")
    mask = phantom.labels == liver
    return Example(phantom.image, {"liver": VolumePatch.whole(mask, phantom.image.geometry)}, f"person {seed}")


@pytest.fixture(scope="module")
def people() -> tuple[Example, ...]:
    return tuple(drawn(seed) for seed in range(6))


@pytest.fixture(scope="module")
def learned(people, tmp_path_factory):
    began = time.perf_counter()
    report = Engine().fit(FitRequest(people[:5], tmp_path_factory.mktemp("learned") / "liver.safetensors"))
    return report, time.perf_counter() - began


def test_five_examples_are_learned_from_in_five_minutes(people, learned, machine_pace):
    report, seconds = learned
    print(f"\nlearned in {seconds:.0f} s, leave-one-out {report.leave_one_out}")
    assert people[0].image.geometry.shape == SIZE_IJK[::-1]
    assert seconds <= FIT_SECONDS * machine_pace


def test_each_query_takes_40_seconds(people, learned, machine_pace):
    report, _ = learned
    began = time.perf_counter()
    result = Engine().segment(SegmentationRequest(people[5].image, FewShotTask(report.file)))
    seconds = time.perf_counter() - began
    truth = people[5].masks["liver"].full()
    overlap = 2 * (result.mask.full() & truth).sum() / (result.mask.full().sum() + truth.sum())
    print(f"\nsegmented in {seconds:.1f} s, Dice {overlap:.3f}")
    assert seconds <= QUERY_SECONDS * machine_pace
    assert overlap > 0.85


def cancelled_after(work, wait: float) -> float:
    """Return how long `work` goes on after it was cancelled [s]."""
    token, pressed = CancelToken(), []

    def press() -> None:
        pressed.append(time.perf_counter())
        token.cancel()

    timer = threading.Timer(wait, press)
    timer.start()
    with pytest.raises(Cancelled):
        work(token)
    return time.perf_counter() - pressed[0]


def test_learning_and_segmenting_stop_within_a_second(people, learned, tmp_path):
    report, _ = learned
    request = FitRequest(people[:2], tmp_path / "liver.safetensors")
    asked = SegmentationRequest(people[5].image, FewShotTask(report.file))
    waits = [cancelled_after(lambda token: Engine().fit(request, cancel=token), wait) for wait in (0.3, 2.0, 6.0, 10.0)]
    waits += [cancelled_after(lambda token: Engine().segment(asked, cancel=token), wait) for wait in (0.3, 2.0, 6.0)]
    print(f"\nstopped after {np.round(waits, 2)} s")
    assert max(waits) <= CANCEL_SECONDS
