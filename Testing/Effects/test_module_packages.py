"""Python packages: which are needed, and that installing them leaves Slicer's own alone."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path
from types import ModuleType

import pytest
import slicer
from Host import application  # noqa: F401  puts `slicer.i18n` where the installer finds it
from MedSegAICore.errors import PackageMissing
from MedSegAILib.gui import installer
from MedSegAILib.gui.installer import installMissing
from MedSegAILib.gui.packages import Package, Source, neededPackages, readRequirements

OWN = {"numpy", "scipy", "simpleitk", "vtk", "requests"}
TORCH = Package("torch", "2.6", Source.PYTORCH_EXTENSION)
MONAI = Package("monai", "1.4", Source.PIP)


def everything_missing() -> tuple[Package, ...]:
    return tuple(Package(package.name, package.lowest, package.source) for package in neededPackages())


class Pip:
    """What Slicer 5.10 offers, with a record of what it was asked to do."""

    def __init__(self, monkeypatch) -> None:
        self.asked, self.installed, self.constraints, self.agrees = [], [], "", True
        monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", self.confirm)
        monkeypatch.setattr(slicer.util, "pip_install", self.install)
        find_spec = importlib.util.find_spec
        monkeypatch.setattr(
            installer.importlib.util, "find_spec", lambda name: None if name == "slicer.packaging" else find_spec(name)
        )

    def confirm(self, text: str) -> bool:
        self.asked.append(text)
        return self.agrees

    def install(self, arguments: list[str]) -> None:
        *requirements, option, file = arguments
        assert option == "--constraint"
        self.installed += requirements
        self.constraints = Path(file).read_text()


class PyTorch:
    """Slicer's PyTorch extension, with a record of what it was asked to do."""

    def __init__(self, monkeypatch) -> None:
        self.asked, self.answer = [], object()
        module = ModuleType("PyTorchUtils")
        module.PyTorchUtilsLogic = lambda: self
        module.__spec__ = importlib.machinery.ModuleSpec("PyTorchUtils", None)
        monkeypatch.setitem(sys.modules, "PyTorchUtils", module)

    def installTorch(self, **arguments):
        self.asked.append(arguments)
        return self.answer


@pytest.fixture
def pip(desktop, monkeypatch) -> Pip:
    return Pip(monkeypatch)


@pytest.fixture
def pytorch(monkeypatch) -> PyTorch:
    return PyTorch(monkeypatch)


def test_the_requirements_say_who_installs_what() -> None:
    sources = {package.name: package.source for package in neededPackages()}

    assert sources["numpy"] is sources["SimpleITK"] is sources["vtk"] is sources["scipy"] is Source.SLICER
    assert sources["torch"] is Source.PYTORCH_EXTENSION
    assert sources["monai"] is sources["segment-anything"] is Source.PIP
    assert "pytest" not in sources
    assert all(package.isReady for package in neededPackages())


@pytest.mark.parametrize(
    ("installed", "lowest", "is_ready"),
    [
        ("2.3", "2.3", True),
        ("2.10.1+cu128", "2.3", True),
        ("2.2.9", "2.3", False),
        ("", "2.3", False),
        ("1.3.0rc1", "1.3", True),
    ],
)
def test_versions_are_compared_as_numbers(installed, lowest, is_ready) -> None:
    assert Package("torch", lowest, Source.PIP, installed).isReady is is_ready


def test_comments_and_empty_lines_are_no_packages() -> None:
    (package,) = readRequirements("# a comment\n\nno-such-package >= 1.2  # why\npytest>=8\n")

    assert (package.requirement, package.installed, package.source) == ("no-such-package>=1.2", "", Source.PIP)


def test_slicers_own_packages_are_never_installed(pip, pytorch) -> None:
    installMissing(everything_missing())

    names = {requirement.partition(">=")[0].lower() for requirement in pip.installed}
    assert {"monai", "segment-anything", "safetensors"} <= names
    assert not names & (OWN | {"torch", "torchvision", "pytest"})
    assert pytorch.asked == [{"askConfirmation": True, "torchVersionRequirement": ">=2.6"}]


def test_what_others_bring_in_may_not_replace_slicers_own(pip) -> None:
    installMissing([MONAI])

    constraints = pip.constraints.splitlines()
    for name in ("numpy", "scipy", "torch"):
        assert f"{name}=={importlib.metadata.version(name)}" in constraints
    assert all("==" in line for line in constraints)


def test_nothing_is_installed_unasked(pip) -> None:
    pip.agrees = False

    with pytest.raises(PackageMissing, match="not installed"):
        installMissing([MONAI])
    assert "monai>=1.4" in pip.asked[0]
    assert pip.installed == []


def test_what_is_there_is_left_alone(pip, pytorch) -> None:
    installMissing(neededPackages())

    assert pip.asked == pip.installed == pytorch.asked == []


def test_without_the_pytorch_extension_it_says_where_to_get_it(pip) -> None:
    with pytest.raises(PackageMissing, match="Extensions Manager"):
        installMissing([MONAI, TORCH])
    assert pip.installed == []


def test_the_rest_waits_for_pytorch(pip, pytorch) -> None:
    pytorch.answer = None  # the user has said no

    with pytest.raises(PackageMissing):
        installMissing([MONAI, TORCH])
    assert pip.installed == []


def test_a_failure_is_told(pip, monkeypatch) -> None:
    def fail(_arguments) -> None:
        message = "no network"
        raise OSError(message)

    monkeypatch.setattr(slicer.util, "pip_install", fail)
    with pytest.raises(PackageMissing, match=r"no network.*internet connection"):
        installMissing([MONAI])


def test_slicers_packaging_is_used_where_it_exists(pip, monkeypatch) -> None:
    asked = []
    module = ModuleType("slicer.packaging")
    module.pip_ensure = lambda requirements, **options: asked.append((requirements, options))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(installer.importlib.util, "find_spec", lambda _name: object())

    installMissing([MONAI])

    ((requirements, options),) = asked
    assert requirements == ["monai>=1.4"]
    assert options["requester"] == "MedSegAI"
    assert options["constraints"].name == "constraints.txt"
    assert pip.asked == pip.installed == []


def test_a_no_to_slicers_packaging_is_a_no(monkeypatch, pip) -> None:
    def decline(*_arguments, **_options) -> None:
        message = "User declined package installation"
        raise RuntimeError(message)

    module = ModuleType("slicer.packaging")
    module.pip_ensure = decline
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(installer.importlib.util, "find_spec", lambda _name: object())

    with pytest.raises(PackageMissing, match="were not installed"):
        installMissing([MONAI])
