"""A small scan with one organ, as files, and the command that segments it."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from MedSegAICore.engine.run import CancelToken
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.images import image_from_array, read_image

collect_ignore = []
if sys.platform != "linux":  # Slicer's runner is reached through exported C++ symbols, which only Linux libraries have
    collect_ignore.append("test_slicer_runs_the_module.py")
if sys.platform == "win32":  # Windows ends a process without asking it
    collect_ignore.append("test_signals.py")

SHAPE = (14, 48, 44)
TURNED = np.array([[-0.96, -0.28, 0], [0.28, -0.96, 0], [0, 0, 1.0]])
CENTER = np.array([-5.0, -12.0, 40.0])


@dataclass(frozen=True)
class Scan:
    """An image file with a bright ball of 9 mm radius in noise."""

    folder: Path
    geometry: VolumeGeometry
    organ: np.ndarray

    @property
    def image(self) -> Path:
        return self.folder / "scan.nrrd"

    def markups(self, name: str, kind: str, *positions, **fields) -> Path:
        """Save markups at RAS positions, as Slicer does: in LPS."""
        points = [{"position": (np.array(at) * (-1, -1, 1)).tolist(), "positionStatus": "defined"} for at in positions]
        markup = {"type": kind, "coordinateSystem": "LPS", "coordinateUnits": "mm", "controlPoints": points, **fields}
        path = self.folder / f"{name}.mrk.json"
        path.write_text(json.dumps({"markups": [markup]}))
        return path

    def points(self, name: str, *positions) -> Path:
        return self.markups(name, "Fiducial", *positions)

    def dice(self, labels: Path) -> float:
        found = read_image(labels).array > 0
        return 2 * (found & self.organ).sum() / (found.sum() + self.organ.sum())


@pytest.fixture
def scan(tmp_path):
    folder = tmp_path / "scan"
    folder.mkdir()
    matrix = np.eye(4)
    matrix[:3, :3] = TURNED * (1.0, 1.0, 2.0)
    matrix[:3, 3] = CENTER - matrix[:3, :3] @ (np.array(SHAPE[::-1]) / 2)
    geometry = VolumeGeometry(SHAPE, matrix)
    ijk = np.indices(SHAPE).reshape(3, -1)[::-1].T
    distance = np.linalg.norm(geometry.to_ras(ijk) - CENTER, axis=1).reshape(SHAPE)
    organ = distance <= 9
    voxels = 100 * organ + np.random.default_rng(0).normal(0, 12, SHAPE)
    sitk.WriteImage(image_from_array(voxels.astype(np.int16), geometry), str(folder / "scan.nrrd"))
    return Scan(folder, geometry, organ)


@pytest.fixture(scope="session")
def script(project):
    return project / "MedSegAI" / "CLI" / "MedSegAIPrompt" / "MedSegAIPrompt.py"


@pytest.fixture(scope="session")
def module(script):
    """The script as a module, for tests that need no process of their own."""
    return loaded(script)


@pytest.fixture
def command(module):
    """Run the command in this process; return its exit code."""
    return lambda *arguments: module.main([str(argument) for argument in arguments], CancelToken())


@pytest.fixture
def process(script):
    """Run the command as a program of its own."""

    def run(*arguments):
        line = [sys.executable, str(script), *map(str, arguments)]
        return subprocess.run(line, capture_output=True, text=True, timeout=120)

    return run


@pytest.fixture
def promised(script):
    """Names of the values that the description of the command promises to report."""
    return set(parameters_of(script)) - set(inputs_of(script))


def description_of(script):
    """Return the XML beside a script."""
    return ElementTree.parse(script.with_suffix(".xml")).getroot()  # noqa: S314  our own file


def parameters_of(script):
    """Return everything that the XML beside a script describes, by name."""
    found = description_of(script).findall("parameters/*")
    return {one.findtext("name"): one for one in found if one.find("name") is not None}


def inputs_of(script):
    """Return the parameters that travel on the command line: all but simple values that come back."""
    files, every = ("image", "file", "pointfile", "region"), parameters_of(script)
    return {name: one for name, one in every.items() if one.findtext("channel") != "output" or one.tag in files}


def loaded(script):
    """Return a script as a module."""
    spec = importlib.util.spec_from_file_location(script.stem, script)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def started(script, *arguments):
    """Start the command as a program of its own and return it once it reads the image."""
    line = [sys.executable, str(script), *map(str, arguments)]
    running = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert "filter-start" in running.stdout.readline()
    return running
