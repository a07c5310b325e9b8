"""Functions for processes of their own."""

from __future__ import annotations

import os
import time
from pathlib import Path

from MedSegAICore.errors import WeightsMissing


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


def take(path: str) -> dict:
    """Take any file as the checkpoint of a model."""
    return {"model": "sam_vit_b", "is_published": Path(path).name == "published.pth"}
