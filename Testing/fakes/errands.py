"""Functions for processes of their own."""

from __future__ import annotations

import os
import time
from pathlib import Path

from fakes.models import fake_spec, fake_weights
from MedSegAICore.engine.run import Run
from MedSegAICore.errors import WeightsMissing
from MedSegAICore.models.store.sources import Sources
from MedSegAICore.models.store.store import WeightsStore
from MedSegAICore.models.weights_spec import UNKNOWN


def say(words: str) -> dict:
    print("a library prints", flush=True)
    os.write(1, b"so does native code\n")
    return {"said": words}


def refuse(**_) -> None:
    message = "Nothing here."
    raise WeightsMissing(message, "Look elsewhere.")


def fail() -> None:
    message = "a mistake"
    raise ZeroDivisionError(message)


def crash(**_) -> None:
    os.abort()


def wait(seconds: float) -> None:
    time.sleep(seconds)


def inspect() -> dict:
    """Describe a computer with PyTorch and without a graphics card."""
    processor = {"name": "cpu", "title": "Processor, 8 cores", "memory_bytes": 16 << 30}
    return {
        "torch_version": "2.7.1",
        "torch_error": "",
        "torch_is_for_cuda": False,
        "has_nvidia_driver": False,
        "devices": [processor],
    }


def take(path: str, model: str | None = None) -> dict:
    """Take any file as the checkpoint of a model."""
    return {"model": "sam_vit_b", "is_published": Path(path).name == "published.pth"}


def spec_of(model: str):
    """Describe a model whose authors tell no hash, and whose file has the name of the model."""
    return fake_spec(model, weights=fake_weights(filename=f"{model}.pth", sha256=UNKNOWN, size_bytes=None))


def download(model: str, mirror: str, offline_folder: str, run: Run) -> dict:
    """Get a file from the mirror, which the tests have on this computer."""
    stored = WeightsStore().download(spec_of(model), Sources(mirror, offline_folder), run)
    return {"filename": stored.weights.filename, "is_published": stored.is_published}


def verify(models: list[str], run: Run) -> list[dict]:
    stored = [WeightsStore().verify(spec_of(model).weights, run) for model in models]
    return [{"filename": one.weights.filename, "is_published": one.is_published} for one in stored]


def remove(model: str) -> int:
    return WeightsStore().remove(spec_of(model).weights)


def choose(path: str, model: str | None = None) -> dict:
    """Take a file only if it is said which model it belongs to."""
    return {"candidates": ["sam_vit_b", "sam_vit_l"]} if model is None else {"model": model, "is_published": False}


def tell(run: Run) -> str:
    for step in range(5):
        run.step(step / 5, f"step {step}")
        time.sleep(0.12)
    return "told"


def obey(run: Run) -> None:
    """Go on until cancelled."""
    while True:
        run.step(0.5, "working")
        time.sleep(0.01)


def ignore(run: Run) -> None:
    """Go on also if cancelled."""
    run.step(0.5, "working")
    time.sleep(60)
