"""Models that behave, dawdle, hang, crash and fail on purpose, and the paradigm that runs them."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass, replace

import numpy as np
from MedSegAICore.engine import engine
from MedSegAICore.engine.engine import Engine
from MedSegAICore.engine.provenance import provenance_of
from MedSegAICore.engine.run import Run
from MedSegAICore.errors import OutOfDeviceMemory
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.models.catalogue import ModelSpec
from MedSegAICore.models.weights_spec import WeightsSpec
from MedSegAICore.prompt.segmenter import PROMPT_KINDS, Capabilities, SliceAnswer, SliceImage, SlicePrompts
from MedSegAICore.recipe import task_to_dict
from MedSegAICore.request import IntensityWindow, SegmentationRequest
from MedSegAICore.result import SegmentationResult
from MedSegAICore.volume import VolumePatch

STEP_SECONDS = 0.02
BUSY_SECONDS = 1.5
EVERYTHING_ON_SLICES = Capabilities(PROMPT_KINDS, frozenset({2}))


def quick(model: FakeModel, run: Run) -> None:
    run.step(0.5, "half")


def small(model: FakeModel, run: Run) -> None:
    run.check()


def noisy(model: FakeModel, run: Run) -> None:
    print("a library prints")
    os.write(1, b"so does native code\n")


def obedient(model: FakeModel, run: Run) -> None:
    for step in range(3000):
        run.step(step / 3000, f"step {step}")
        time.sleep(STEP_SECONDS)


def showing(model: FakeModel, run: Run) -> None:
    """Show in every step a patch with the number of the step."""
    geometry = VolumeGeometry.from_components((1, 2, 2))
    for step in range(3000):
        run.step(step / 3000, f"step {step}")
        run.preview(lambda step=step: VolumePatch.whole(np.full((1, 2, 2), step, np.float32), geometry))
        time.sleep(STEP_SECONDS)


def deaf(model: FakeModel, run: Run) -> None:
    time.sleep(60)


def stuck(model: FakeModel, run: Run) -> None:
    re.match("(a+)+$", "a" * 60 + "b")  # takes ages and never lets another thread run


def busy(model: FakeModel, run: Run) -> None:
    end = time.monotonic() + BUSY_SECONDS
    matrix = np.random.default_rng(0).random((300, 300))
    while time.monotonic() < end:
        matrix = matrix @ matrix / 150
        run.step(0.5)


def crashing(model: FakeModel, run: Run) -> None:
    os.abort()


def faulty(model: FakeModel, run: Run) -> None:
    message = "a mistake in the code"
    raise ZeroDivisionError(message)


def greedy(model: FakeModel, run: Run) -> None:
    if model.device != "cpu":
        message = "The device is full."
        raise OutOfDeviceMemory(message)


def insatiable(model: FakeModel, run: Run) -> None:
    raise MemoryError


WORKS = (quick, small, noisy, obedient, showing, deaf, stuck, busy, crashing, faulty, greedy, insatiable)
BEHAVIOURS = {work.__name__: work for work in WORKS}


@dataclass
class FakeModel:
    """A model named after what it does while it runs."""

    name: str
    weights_hash: str = ""
    device: str = "cpu"


@dataclass
class BrightModel:
    """A promptable model for the real paradigm: what is brighter than 50 is inside."""

    name: str = "bright"
    weights_hash: str = ""
    device: str = "cpu"
    capabilities: Capabilities = EVERYTHING_ON_SLICES

    def segment_slice(self, image: SliceImage, prompts: SlicePrompts, run: Run) -> SliceAnswer:
        run.check()
        return SliceAnswer(
            np.where(image.pixels > 50, 0.9, 0.1).astype(np.float32), 0.8 if len(prompts.points_xy) else 0.6
        )


def build_bright(spec, weights, plan, cache) -> BrightModel:
    """Build the model for the real paradigm."""
    return BrightModel()


def build(spec, weights, plan, cache) -> FakeModel:
    """Build the fake that `spec` names; its device is the planned one."""
    return FakeModel(spec.name, device=plan.device)


def segment(request: SegmentationRequest, model: FakeModel, run: Run) -> SegmentationResult:
    """Take what is brighter than 50, after the model has done what it does."""
    BEHAVIOURS[model.name](model, run)
    image = request.image
    used = IntensityWindow(float(image.array.min()), float(image.array.max()) + 1)
    inside = image.array > 50
    if model.name == "small":  # for large images: nothing but the mask
        return small_result(request, model, VolumePatch.whole(inside, image.geometry).tight())
    probability = VolumePatch.whole((inside * 0.75).astype(np.float16), image.geometry)
    return SegmentationResult(
        mask=VolumePatch.whole(inside, image.geometry).tight(),
        probability=probability,
        provenance=provenance_of(task_to_dict(replace(request.task, window=used)), image, model, 0.25),
        quality=0.5,
        candidates=(VolumePatch.whole(~inside, image.geometry),),
        uncertainty=VolumePatch.whole(image.array.astype(np.float32), image.geometry),
        warnings=image.warnings,
        segment=request.segment,
        generation=request.generation,
    )


def small_result(request: SegmentationRequest, model: FakeModel, mask: VolumePatch) -> SegmentationResult:
    """Return no more than a result must have."""
    made = provenance_of(task_to_dict(request.task), request.image, model, 0.25)
    probability = replace(mask, array=mask.array.astype(np.float16))
    return SegmentationResult(mask, probability, made, segment=request.segment, generation=request.generation)


def fake_spec(name: str, **changes) -> ModelSpec:
    """Describe the fake model `name`."""
    fields = {
        "title": name,
        "paradigm": "fake",
        "family": "fake",
        "architecture": "",
        "entry": "fakes.models:build",
        "capabilities": Capabilities(PROMPT_KINDS, frozenset({2, 3})),
        "needs_box": False,
        "input": None,
        "weights": None,
        "citation": "",
        "advice": "",
    }
    return ModelSpec(name=name, **(fields | changes))


def fake_weights(**changes) -> WeightsSpec:
    """Describe weights that everybody may use."""
    fields = {
        "filename": "fake.pth",
        "url": "https://example.org/fake.pth",
        "url_is_page": False,
        "sha256": "0" * 64,
        "size_bytes": 1,
        "licence": "MIT",
        "licence_url": "https://example.org/licence",
        "licence_must_be_accepted": False,
        "code_licence": "MIT",
    }
    return WeightsSpec(**(fields | changes))


def fake_engine(device: str = "auto", weights=None, cache_bytes: int = 1 << 20) -> Engine:
    """Return an engine that knows the fake models only."""
    engine.PARADIGMS["fake"] = "fakes.models:segment"
    bright = fake_spec(
        "bright", paradigm="prompt", entry="fakes.models:build_bright", capabilities=EVERYTHING_ON_SLICES
    )
    return Engine(
        device, weights, cache_bytes, catalogue={"bright": bright} | {name: fake_spec(name) for name in BEHAVIOURS}
    )
