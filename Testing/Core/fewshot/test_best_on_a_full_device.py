"""The best method says where it ran, as any other does."""

from __future__ import annotations

from MedSegAICore import Engine, FitRequest, OutOfDeviceMemory
from MedSegAICore.engine.device import DevicePlan
from MedSegAICore.fewshot.registered.learner import RegisteredLearner

MOVED = "The device ran out of memory, so this ran on the processor, which is slower."


class OnDevice(RegisteredLearner):
    """Has no room on any device but the processor."""

    def fit(self, examples, run, seed=0):
        if self.device != "cpu":
            raise OutOfDeviceMemory("The device is full.")  # noqa: EM101
        return super().fit(examples, run, seed)


def build(spec, _weights, plan, _cache):
    return OnDevice(spec.name, device=plan.device)


def test_a_move_to_the_processor_is_told(people, tmp_path, monkeypatch):
    def plan(engine, spec):
        moved = spec.name in engine._moved_to_cpu
        return DevicePlan("cpu" if moved else "cuda", "float32", "")

    monkeypatch.setattr(Engine, "_plan", plan)
    monkeypatch.setattr("MedSegAICore.fewshot.registered.learner.build", build)
    catalogue = {name: spec for name, spec in Engine().models().items() if name == "registered"}
    engine = Engine(catalogue=catalogue)
    asked = FitRequest(people[:2], tmp_path / "m.safetensors", "best")
    assert engine.fit(asked).warnings[-1] == MOVED
