"""The command that measures, on a large pair with many structures: a fresh process, files in, files out."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from Benchmarks.large_label_maps import LABELS, draw
from fakes.ball_set import write_array
from machine_pace import pace
from MedSegAICore.evaluation.report.results import read_results

SECONDS, MEGABYTES = 60, 3000
MEASURE = """
import json, resource, subprocess, sys, time
began = time.perf_counter()
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"seconds": time.perf_counter() - began, "MB": used.ru_maxrss * 1024 / 1e6}))
"""
"""Run from a small process: a child counts the memory of the one that it was forked from as its own."""


@pytest.mark.slow
def test_twenty_structures_of_512x512x300_voxels_take_a_minute_and_3_gb(tmp_path, script, machine_pace):
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
    measured = subprocess.run(
        [sys.executable, "-c", MEASURE, *map(str, line)], capture_output=True, text=True, check=True, timeout=900
    )
    assert len(read_results(tmp_path / "out" / "results.json").records) == 20
    figures = json.loads(measured.stdout.splitlines()[-1])
    print(figures)
    assert figures["seconds"] < SECONDS * max(machine_pace, pace())  # other programs may have begun meanwhile
    assert figures["MB"] < MEGABYTES
