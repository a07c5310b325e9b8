"""The core as a wheel, as workers on other computers install it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile

import pytest

SOURCES = ("setup.py", "pyproject.toml", "README.md", "LICENSE.txt", "MedSegAI/MedSegAICore", "Resources")
NETWORK_EXTRA, BRIDGE_AND_TESTS = {"torch", "segment-anything", "monai", "einops"}, {"vtk", "pytest"}


@pytest.fixture(scope="module")
def installed(project, tmp_path_factory):
    """A folder with the wheel unpacked, built from a copy so that the project stays as it is."""
    pytest.importorskip("setuptools")
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        if (project / name).is_dir():
            shutil.copytree(project / name, folder / "source" / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(project / name, folder / "source" / name)
    line = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, "."]
    done = subprocess.run(list(map(str, line)), cwd=folder / "source", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def test_a_worker_has_the_core_and_the_models_but_no_slicer_part(installed):
    code = (
        "import MedSegAICore, MedSegAICore.cohort.cluster_task as task;"
        "from MedSegAICore.models.catalogue import load_catalogue;"
        "assert 'adaptive' in load_catalogue(); print(MedSegAICore.__file__, task.versions_here()['medsegai'])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=installed, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(installed))
    names = {file.name for file in installed.iterdir()}
    assert {name for name in names if "dist-info" not in name} == {"MedSegAICore"}


def test_the_wheel_asks_for_what_the_project_needs(installed, project):
    (metadata,) = installed.glob("*.dist-info/METADATA")
    asked = dict(re.findall(r"^Requires-Dist: ([\w-]+)(>=[\d.]+)(?:$|;.*networks)", metadata.read_text(), re.MULTILINE))
    text = (project / "python_requirements.txt").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^([\w-]+)(>=[\d.]+)$", text, re.MULTILINE))
    assert asked == {name: bound for name, bound in listed.items() if name not in BRIDGE_AND_TESTS}
    assert set(asked) >= NETWORK_EXTRA
