"""The networks of `segment_anything` are reached whatever state torchvision is in."""

from __future__ import annotations

import subprocess
import sys

import pytest

BUILD = """
import sys
from MedSegAICore.networks.sam import Sam, SamArchitecture
network = Sam(SamArchitecture(48, 1, 2, (0,), 128))
print(len(network.state_dict()), "torchvision" in sys.modules, "segment_anything" in sys.modules)
"""


def run_python(code, project, *folders):
    path = [str(project / "MedSegAI"), *map(str, folders)]
    lines = f"import sys; sys.path[:0] = {path!r}\n{code}"
    return subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=False)


@pytest.fixture
def broken_torchvision(tmp_path):
    """A folder with a torchvision that fails as it does beside a torch of another build."""
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text('raise RuntimeError("operator torchvision::nms does not exist")')
    return tmp_path


def test_the_networks_are_built_without_torchvision(project):
    done = run_python(BUILD, project)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[1:] == ["False", "False"]


def test_a_broken_torchvision_does_not_matter(project, broken_torchvision):
    broken = run_python("import segment_anything", project, broken_torchvision)
    assert "operator torchvision::nms does not exist" in broken.stderr
    done = run_python(BUILD, project, broken_torchvision)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[1:] == ["False", "False"]


def test_whoever_imports_the_whole_package_later_gets_the_whole_package(project, tmp_path):
    for name, content in {
        "__init__.py": "",
        "ops/__init__.py": "",
        "ops/boxes.py": "batched_nms = box_area = None",
        "transforms/__init__.py": "",
        "transforms/functional.py": "resize = to_pil_image = None",
    }.items():
        file = tmp_path / "torchvision" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    done = run_python(BUILD + "\nfrom segment_anything import SamPredictor; print(SamPredictor)", project, tmp_path)
    assert "segment_anything.predictor.SamPredictor" in done.stdout, done.stderr


def test_a_missing_package_is_named(project):
    hide = """
import sys
from importlib.machinery import PathFinder
class Hidden:
    def find_spec(self, name, path=None, target=None):
        return None if name == "segment_anything" else PathFinder.find_spec(name, path, target)
sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not PathFinder] + [Hidden()]
from MedSegAICore.errors import PackageMissing
from MedSegAICore.networks.segment_anything_package import load_modeling
try:
    load_modeling()
except PackageMissing as error:
    print(error.message)
"""
    done = run_python(hide, project)
    assert "'segment-anything' is not installed" in done.stdout, done.stderr


def test_a_package_without_networks_is_named(project, tmp_path):
    (tmp_path / "segment_anything").mkdir()
    (tmp_path / "segment_anything" / "__init__.py").write_text("")
    code = "from MedSegAICore.networks.segment_anything_package import load_modeling; load_modeling()"
    assert "PackageMissing" in run_python(code, project, tmp_path).stderr
