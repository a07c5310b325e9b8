"""The command that measures, on a large pair with many structures: a fresh process, files in, files out."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from Benchmarks.large_label_maps import LABELS, draw
from fakes.ball_set import write_array
from MedSegAICore.evaluation.report.results import read_results

SECONDS, MEGABYTES = 60, 3000


@pytest.mark.slow
def test_twenty_structures_of_512x512x300_voxels_take_a_minute_and_3_gb(tmp_path, script):
    for name, moved in (("mine", 1.5), ("truth", 0.0)):
        labels = draw(moved)
        write_array(tmp_path / f"{name}.nii.gz", labels.array, labels.geometry)
    wanted = ",".join(f"{name}={value}" for name, value in LABELS.items())
    files = ("--prediction", tmp_path / "mine.nii.gz", "--reference", tmp_path / "truth.nii.gz")
    line = [
        sys.executable,
        script,
        tmp_path / "out",
        *files,
        "--labels",
        wanted,
        "--errorMap",
        tmp_path / "errors.nrrd",
    ]
    running = subprocess.Popen([str(part) for part in line], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(running.pid, 0)
    assert status == 0
    assert len(read_results(tmp_path / "out" / "results.json").records) == 20
    figures = {"processor seconds": used.ru_utime + used.ru_stime, "MB": used.ru_maxrss * 1024 / 1e6}
    print(figures)
    assert figures["processor seconds"] < SECONDS  # the clock would also measure what else the computer does
    assert figures["MB"] < MEGABYTES
