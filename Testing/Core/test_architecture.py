"""The rules of the house: which part may import which, how long files get, what is installed."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ROOT / "MedSegAI"
LONGEST_FILE, LONGEST_FUNCTION = 400, 60

DESKTOP = {"slicer", "qt", "ctk", "vtk", "vtkmodules", "mrml", "PythonQt", "PySide6", "SegmentEditorEffects"}
QT = {"qt", "ctk", "PythonQt", "PySide6"}
NETWORK_LIBRARIES = {"torch", "monai", "segment_anything", "safetensors"}
CLUSTER_LIBRARIES = {"dask", "distributed"}
BRIDGE = {"MedSegAILib", "MedSegAIEffects"}
MODULES = {"MedSegAI", "SegmentEditorMedSegAI"}
TEST_TOOLS = {"Testing", "pytest", "hypothesis", "skimage", "sklearn"}
PARADIGMS = ("prompt", "fewshot", "diffusion", "incontext")
MAY_OPEN_NETWORKS = (*PARADIGMS, "training")

# what each part may not import, at any depth of its code; parts are prefixes of module names
FORBIDDEN: dict[str, set[str]] = {
    "": TEST_TOOLS,
    "MedSegAICore": DESKTOP | BRIDGE | MODULES,
    "CLI": DESKTOP | BRIDGE | MODULES,
    "MedSegAILib": NETWORK_LIBRARIES | CLUSTER_LIBRARIES | MODULES | {"MedSegAIEffects"},
    "MedSegAILib.mrml": QT | {"MedSegAILib.gui"},
    "MedSegAIEffects": NETWORK_LIBRARIES | CLUSTER_LIBRARIES | MODULES,
    "MedSegAI": NETWORK_LIBRARIES | CLUSTER_LIBRARIES,
    "SegmentEditorMedSegAI": NETWORK_LIBRARIES | CLUSTER_LIBRARIES,
}


class Import(NamedTuple):
    """One import: the whole name of what is imported, and whether it runs when the file is opened."""

    name: str
    at_file_scope: bool


def product_files() -> list[Path]:
    return sorted(file for file in PACKAGES.rglob("*.py") if "__pycache__" not in file.parts)


def module_name(file: Path) -> str:
    parts = file.relative_to(PACKAGES).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(source: str, module: str, *, is_package: bool = False) -> Iterator[Import]:
    """Yield every import in `source`, relative ones made absolute."""
    tree = ast.parse(source)
    late = {node for part in ast.walk(tree) if runs_later(part) for node in ast.walk(part)}
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node not in late) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            yield from (Import(f"{start}.{alias.name}", node not in late) for alias in node.names)


def runs_later(node: ast.AST) -> bool:
    """Tell whether code in `node` does not run on import: functions and blocks for the type checker."""
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.unparse(node.test)
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def is_below(name: str, part: str) -> bool:
    return part == "" or name == part or name.startswith(f"{part}.")


def broken_arrows(source: str, module: str, *, is_package: bool = False) -> list[str]:
    """Return every import of `module` that points against the rules."""
    broken = []
    for part, names in FORBIDDEN.items():
        if not is_below(module, part):
            continue
        for name, _ in imports_of(source, module, is_package=is_package):
            if any(is_below(name, forbidden) for forbidden in names):
                broken.append(f"{module} imports {name}")
    return broken


def may_open_network_libraries(module: str) -> bool:
    """Tell whether `module` may import torch when it is opened."""
    if "networks" in module.split("."):
        return True
    return any(is_below(module, f"MedSegAICore.{part}") for part in MAY_OPEN_NETWORKS)


def early_network_imports(source: str, module: str, *, is_package: bool = False) -> list[str]:
    if may_open_network_libraries(module) and not is_package:
        return []
    imports = imports_of(source, module, is_package=is_package)
    early = (name for name, at_file_scope in imports if at_file_scope)
    return [f"{module} imports {name}" for name in early if name.split(".")[0] in NETWORK_LIBRARIES]


@pytest.mark.parametrize("file", product_files(), ids=module_name)
def test_arrows_point_one_way(file: Path) -> None:
    source = file.read_text(encoding="utf-8")
    name, is_package = module_name(file), file.name == "__init__.py"
    assert not broken_arrows(source, name, is_package=is_package)
    assert not early_network_imports(source, name, is_package=is_package)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("MedSegAICore.geometry", "import vtk"),
        ("MedSegAICore.engine.engine", "def f():\n    import slicer.util"),
        ("MedSegAICore.engine.engine", "from MedSegAILib.mrml import volumes"),
        ("MedSegAICore.engine.engine", "from ...MedSegAILib import mrml"),
        ("MedSegAICore.evaluation.metrics", "from skimage import measure"),
        ("MedSegAILib.mrml.segments", "def f():\n    from ..gui import dialogs"),
        ("MedSegAILib.mrml.segments", "import qt"),
        ("MedSegAILib.gui.engine_client", "def f():\n    import torch"),
        ("MedSegAILib.gui.module_panel", "def f():\n    import distributed"),
        ("MedSegAILib.gui.engine_client", "import MedSegAIEffects"),
        ("MedSegAIEffects.ClickEffect", "import torch.nn"),
        ("CLI.MedSegAIPrompt.MedSegAIPrompt", "from MedSegAILib.mrml import volumes"),
        ("MedSegAILib.mrml.segments", "import Testing.host"),
    ],
)
def test_a_wrong_arrow_is_seen(module: str, source: str) -> None:
    assert broken_arrows(source, module)


@pytest.mark.parametrize(
    ("module", "source", "early"),
    [
        ("MedSegAICore.engine.device", "import torch", True),
        ("MedSegAICore.engine.device", "def f():\n    import torch", False),
        ("MedSegAICore.engine.device", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch", False),
        ("MedSegAICore.networks.sam", "import torch", False),
        ("MedSegAICore.prompt.networks.sam", "import torch", False),
        ("MedSegAICore.prompt.sam", "from segment_anything.modeling import Sam", False),
        ("MedSegAICore.prompting", "import torch", True),
    ],
)
def test_torch_is_opened_only_by_networks_and_paradigms(module: str, source: str, early: bool) -> None:
    assert bool(early_network_imports(source, module)) is early


@pytest.mark.parametrize("module", ["MedSegAICore", "MedSegAICore.request", "MedSegAICore.engine"])
def test_opening_the_core_costs_no_network_library(module: str) -> None:
    heavy = NETWORK_LIBRARIES | {"scipy", "SimpleITK", "matplotlib"}
    code = f"import sys, {module}; sys.exit(', '.join({heavy!r} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], cwd=PACKAGES, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def all_python_files() -> list[Path]:
    folders = ("MedSegAI", "Testing")
    found = [file for folder in folders for file in (ROOT / folder).rglob("*.py") if "__pycache__" not in file.parts]
    return sorted([*found, ROOT / "dev.py"])


@pytest.mark.parametrize("file", all_python_files(), ids=lambda file: file.relative_to(ROOT).as_posix())
def test_files_and_functions_stay_small(file: Path) -> None:
    source = file.read_text(encoding="utf-8")
    assert sum(bool(line.strip()) for line in source.splitlines()) <= LONGEST_FILE
    functions = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef))
    lengths = {node.name: (node.end_lineno or node.lineno) - node.lineno + 1 for node in functions}
    assert not {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION}


def listed_in_cmake(file: Path, variable: str) -> list[str]:
    """Return the entries of `set(variable ...)` in a CMake file."""
    text = re.sub(r"#.*", "", file.read_text(encoding="utf-8"))
    match = re.search(rf"set\(\s*{variable}\s+(.*?)\)", text, re.DOTALL)
    assert match is not None, f"{file.name} does not set {variable}"
    return match.group(1).split()


def test_every_script_is_installed() -> None:
    scripts = [file.relative_to(PACKAGES) for file in product_files()]
    expected = [script.as_posix() for script in scripts if script.parts[0] != "CLI"]
    assert listed_in_cmake(PACKAGES / "CMakeLists.txt", "MEDSEGAI_SCRIPTS") == sorted(expected)


def test_every_resource_is_installed() -> None:
    folder = ROOT / "Resources"
    shown_only_on_the_web = {"Screenshots"}
    files = [file.relative_to(folder) for file in folder.rglob("*") if file.is_file()]
    expected = [file.as_posix() for file in files if file.parts[0] not in {"CMakeLists.txt", *shown_only_on_the_web}]
    assert listed_in_cmake(folder / "CMakeLists.txt", "MEDSEGAI_RESOURCES") == sorted(expected)


def test_every_command_line_module_is_built() -> None:
    modules = sorted(file.parent.name for file in (PACKAGES / "CLI").glob("*/CMakeLists.txt"))
    text = (PACKAGES / "CMakeLists.txt").read_text(encoding="utf-8")
    assert re.findall(r"add_subdirectory\(CLI/(\w+)\)", text) == modules


def test_the_extension_says_what_the_index_asks_for() -> None:
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    assert "project(MedSegAI)" in text
    for name in ("HOMEPAGE", "CONTRIBUTORS", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS", "DEPENDS"):
        assert re.search(rf'^set\(EXTENSION_{name} "[^"]+"\)$', text, re.MULTILINE), name
    assert 'set(EXTENSION_DEPENDS "PyTorch")' in text
