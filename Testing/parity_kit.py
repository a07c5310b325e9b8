"""Recorded inputs and outputs of the published heads."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch


@dataclass(frozen=True, eq=False)
class Kit:
    """The arrays of one head, and how the recorded outputs were thinned out."""

    arrays: dict[str, np.ndarray]
    spec: dict

    def tensor(self, name: str) -> torch.Tensor:
        return torch.from_numpy(self.arrays[f"in.{name}"])

    def assert_recorded(self, name: str, found, tolerance: float = 1e-4) -> None:
        expected = self.arrays[f"out.{name}"]
        found = np.asarray(found)
        stored = self.spec["outputs"][f"out.{name}"]["stored"]
        if stored != "all":
            found = found[tuple(slice(None, None, int(step.strip(" :[]"))) for step in stored.split(","))]
        assert found.shape == expected.shape, name
        assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max(), name


def load_kit(folder: Path) -> Kit:
    with np.load(folder / "io.npz") as arrays:
        return Kit(dict(arrays), json.loads((folder / "spec.json").read_text()))
