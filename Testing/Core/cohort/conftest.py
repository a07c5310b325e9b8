"""A cohort of drawn balls, as files, and a quick model that segments them."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from fakes.models import fake_engine
from MedSegAICore.cohort.cohort import Cohort
from MedSegAICore.cohort.cohort_recipe import recipe_of_task
from MedSegAICore.cohort.manifest import Case, read_manifest
from MedSegAICore.cohort.runner import run_cohort
from MedSegAICore.engine.run import Run
from MedSegAICore.engine.threads import THREADS_VARIABLE
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.images import image_from_array, write_image
from MedSegAICore.request import PromptTask

collect_ignore = ["test_cohort_cluster.py"] if sys.platform == "win32" else []  # workers are ended by signals

SHAPE = (6, 20, 24)


@pytest.fixture(scope="module", autouse=True)
def threads_of_new_processes():
    """Use as many threads here as workers and commands do that tests start: results tell the number.

    Tests of networks that ran before in this process may have chosen another one.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(int(os.environ[THREADS_VARIABLE]))
    yield
    torch.set_num_threads(before)


def write_ball(file: Path, radius: float = 12.0, seed: int = 0) -> Path:
    """Write a scan with a bright ball in its middle, at the world's origin."""
    geometry = VolumeGeometry.from_components(SHAPE, (2.0, 2.0, 4.0), (-23, -19, -10))
    kji = np.indices(SHAPE).reshape(3, -1)
    inside = np.linalg.norm(geometry.to_ras(kji[::-1].T), axis=1).reshape(SHAPE) <= radius
    noise = np.random.default_rng(seed).normal(20, 5, SHAPE)
    write_image(file, image_from_array((noise + 80 * inside).astype(np.float32), geometry))
    return file


def write_point(file: Path, position=(0.0, 0.0, 0.0)) -> Path:
    """Save a point as Slicer does."""
    points = [{"position": list(position), "positionStatus": "defined"}]
    markup = {"type": "Fiducial", "coordinateSystem": "LPS", "coordinateUnits": "mm", "controlPoints": points}
    file.write_text(json.dumps({"markups": [markup]}))
    return file


@dataclass(frozen=True)
class Balls:
    """A folder with scans, a table of them, and a folder for results."""

    folder: Path

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def table(self) -> Path:
        return self.folder / "cases.csv"

    def cases(self) -> tuple[Case, ...]:
        return read_manifest(self.table)

    def cohort(self, **changes) -> Cohort:
        made = Cohort(self.cases(), recipe_of_task(PromptTask((), "bright"), {"ball": 1}), self.out)
        return replace(made, **changes)

    def run(self, run: Run | None = None, worker=None, **changes):
        """Run the cohort; return the status of every case."""
        reports = run_cohort(self.cohort(**changes), run or Run(), worker, fake_engine())
        return {report.job.case.name: report.status for report in reports}


def make_balls(folder: Path, number: int) -> Balls:
    folder.mkdir(parents=True, exist_ok=True)
    write_point(folder / "middle.mrk.json")
    rows = ["case,image,positive"]
    for index in range(number):
        write_ball(folder / f"scan{index}.nrrd", 10 + 0.5 * (index % 5), index)
        rows.append(f"p{index},scan{index}.nrrd,middle.mrk.json")
    made = Balls(folder)
    made.table.write_text("\n".join(rows) + "\n")
    return made


def results_of(folder: Path) -> dict[str, bytes]:
    """Return the content of every result, without what differs from run to run: times."""
    kinds = (".nrrd", ".nii.gz", ".png")
    found = {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.name.endswith(kinds)
    }
    for file in folder.rglob("*.provenance.json"):
        record = json.loads(file.read_text())
        record = {name: value for name, value in record.items() if "seconds" not in name}
        record["inputs"] = [digest[:2] for digest in record["inputs"]]
        found[file.relative_to(folder).as_posix()] = json.dumps(record).encode()
    return found


@pytest.fixture
def balls(tmp_path) -> Balls:
    return make_balls(tmp_path / "data", 3)
