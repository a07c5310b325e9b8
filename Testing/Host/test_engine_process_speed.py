"""What a person feels of the engine process; `pytest -s` shows the figures."""

from __future__ import annotations

import time
from itertools import pairwise
from statistics import median

import numpy as np
import pytest
from fakes.requests import a_request
from Host import qt_shim as qt
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.prompts import PointPrompt
from MedSegAICore.request import PromptTask, SegmentationRequest
from MedSegAICore.volume import ImageVolume
from MedSegAILib.gui.engine_connection import EngineConnection

pytestmark = pytest.mark.slow


def seconds(action) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


@pytest.fixture
def a_large_ct() -> ImageVolume:
    """512 x 512 x 300 voxels, 157 MB."""
    voxels = np.random.default_rng(0).integers(-1000, 0, (300, 512, 512), dtype=np.int16)
    voxels[100:130, 200:300, 200:300] = 100
    return ImageVolume(voxels, VolumeGeometry.from_components(voxels.shape, (0.7, 0.7, 1.5)))


def test_asking_costs_little(engine, machine_pace) -> None:
    request = a_request("quick")
    first = seconds(lambda: engine.segmentAndWait(request))
    rest = median(seconds(lambda: engine.segmentAndWait(request)) for _ in range(100))

    print(f"\nstart and first answer {first * 1e3:.0f} ms, round trip {rest * 1e3:.2f} ms")
    assert rest < 0.02 * machine_pace


def test_a_large_volume_is_sent_once(engine, wait, answers, a_large_ct, monkeypatch, machine_pace) -> None:
    engine.segmentAndWait(a_request("quick"))
    hashing = seconds(lambda: a_large_ct.fingerprint)
    request = SegmentationRequest(a_large_ct, PromptTask((PointPrompt([150.0, 150.0, 165.0]),), model="small"))
    first, second, gaps, sent = answers(), answers(), [], []
    send = EngineConnection.send
    monkeypatch.setattr(
        EngineConnection, "send", lambda self, frame: sent.append(frame.header["type"]) or send(self, frame)
    )
    timer = qt.QTimer()
    timer.connect("timeout()", lambda: gaps.append(time.perf_counter()))
    timer.start(5)

    asking = seconds(lambda: first.ask(engine, request))
    first_answer = asking + seconds(lambda: wait(lambda: first.ended))
    asking_again = seconds(lambda: second.ask(engine, request))
    second_answer = asking_again + seconds(lambda: wait(lambda: second.ended))
    timer.stop()

    longest = max(after - before for before, after in pairwise(gaps))
    print(f"\nfingerprint {hashing * 1e3:.0f} ms")
    print(f"with upload: asking {asking * 1e3:.0f} ms, answer {first_answer * 1e3:.0f} ms")
    print(f"again: asking {asking_again * 1e3:.1f} ms, answer {second_answer * 1e3:.0f} ms")
    print(f"longest gap of the event loop {longest * 1e3:.0f} ms")
    assert first.results
    assert sent == ["volume", "segment", "segment"]
    assert max(asking, asking_again) < 0.02 * machine_pace


@pytest.mark.usefixtures("nothing_older_is_collected")
def test_cancel_frees_the_user_interface(engine, wait, pause, answers, machine_pace) -> None:
    for model, limit in (("obedient", 1.0), ("deaf", 4.0)):
        job = answers()
        ticket = job.ask(engine, a_request(model))
        pause(0.5)
        began = time.perf_counter()
        engine.cancel(ticket)
        wait(lambda job=job: job.ended)
        freed = time.perf_counter() - began
        engine.segmentAndWait(a_request("quick"))
        ready = time.perf_counter() - began

        print(f"\n{model}: free after {freed * 1e3:.0f} ms, next answer after {ready * 1e3:.0f} ms")
        assert freed < 0.3 * machine_pace
        assert ready < limit * machine_pace
