"""What the installation check says, and what it offers, for healthy and broken installations."""

from __future__ import annotations

from dataclasses import replace

import pytest
from Host import application  # noqa: F401  puts `slicer.i18n` where the checks find it
from MedSegAICore.engine.inspection import Device, Inspection
from MedSegAILib.gui.doctor import EngineState, Facts, Level, Repair, examine, formatBytes, summary
from MedSegAILib.gui.packages import Package, Source

CPU = Device("cpu", "Processor, 8 cores", 16 << 30)
TORCH = Package("torch", "2.3", Source.PYTORCH_EXTENSION, "2.7.1")
MONAI = Package("monai", "1.3", Source.PIP, "1.5")
NUMPY = Package("numpy", "1.26", Source.SLICER, "2.0.2")
PACKAGES = (TORCH, MONAI, NUMPY)
WITH_GPU = Inspection("2.7.1+cu128", "", True, True, (CPU, Device("cuda:0", "NVIDIA RTX 4000", 8 << 30)))
HEALTHY = Facts(
    slicerVersion=(5, 10),
    packages=PACKAGES,
    hasPyTorchExtension=True,
    engine=EngineState.ANSWERS,
    engineMessage="",
    weightsFolder="models",
    canWriteWeights=True,
    freeBytes=80_000_000_000,
    inspection=WITH_GPU,
)


def packages(**versions) -> tuple[Package, ...]:
    return tuple(replace(package, installed=versions.get(package.name, package.installed)) for package in PACKAGES)


def test_nothing_is_wrong_with_a_healthy_installation() -> None:
    findings = examine(HEALTHY)

    assert {finding.level for finding in findings} == {Level.GOOD}
    assert {finding.repair for finding in findings} == {None}
    assert summary(findings).text == "Ready to use."


@pytest.mark.parametrize(
    ("change", "level", "words", "repair"),
    [
        ({"slicerVersion": (5, 8)}, Level.PROBLEM, "Slicer 5.8 is too old", None),
        (
            {"engine": EngineState.FAILED, "engineMessage": "python cannot be started."},
            Level.PROBLEM,
            "does not work: python cannot be started.",
            Repair.RESTART_ENGINE,
        ),
        ({"engine": EngineState.STARTING}, Level.WAITING, "is starting", None),
        ({"packages": packages(numpy="1.20")}, Level.PROBLEM, "damaged (numpy 1.20). Install Slicer again", None),
        ({"packages": packages(monai="")}, Level.ADVICE, "missing or too old: monai.", Repair.INSTALL_PACKAGES),
        ({"packages": packages(torch="2.2.9")}, Level.ADVICE, "(torch 2.2.9)", Repair.INSTALL_PACKAGES),
        ({"packages": packages(torch="")}, Level.ADVICE, "Adaptive works without it", Repair.INSTALL_PACKAGES),
        (
            {"packages": packages(torch=""), "hasPyTorchExtension": False},
            Level.ADVICE,
            "nor is Slicer's extension PyTorch",
            Repair.GET_PYTORCH_EXTENSION,
        ),
        (
            {"inspection": replace(WITH_GPU, torch_version="", torch_error="a DLL is missing", devices=(CPU,))},
            Level.PROBLEM,
            "does not load (a DLL is missing)",
            Repair.OPEN_PYTORCH_MODULE,
        ),
        (
            {"inspection": replace(WITH_GPU, torch_is_for_cuda=False, devices=(CPU,))},
            Level.ADVICE,
            "install another build",
            Repair.OPEN_PYTORCH_MODULE,
        ),
        ({"inspection": replace(WITH_GPU, devices=(CPU,))}, Level.ADVICE, "update its driver", None),
        ({"inspection": None}, Level.WAITING, "PyTorch is being tried", None),
        (
            {"canWriteWeights": False, "weightsFolder": "there"},
            Level.PROBLEM,
            "in there: it is write protected",
            Repair.SHOW_WEIGHTS_FOLDER,
        ),
        ({"freeBytes": 999_999_999}, Level.PROBLEM, "nearly full (1000 MB left)", Repair.SHOW_WEIGHTS_FOLDER),
        ({"freeBytes": 2_900_000_000}, Level.ADVICE, "2.9 GB left, too little", Repair.SHOW_WEIGHTS_FOLDER),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(change, level, words, repair) -> None:
    findings = examine(replace(HEALTHY, **change))

    (found,) = [finding for finding in findings if words in finding.text]
    assert (found.level, found.repair) == (level, repair)
    assert summary(findings).level is level


@pytest.mark.parametrize(
    "inspection",
    [
        Inspection("2.7.1", "", False, False, (CPU,)),
        Inspection("2.7.1", "", False, False, (CPU, Device("mps", "Apple GPU"))),
    ],
    ids=["no graphics card", "Apple"],
)
def test_a_computer_without_an_nvidia_card_is_healthy(inspection) -> None:
    findings = examine(replace(HEALTHY, inspection=inspection))

    assert summary(findings).level is Level.GOOD


def test_a_problem_outweighs_waiting_and_waiting_outweighs_advice() -> None:
    waiting = replace(HEALTHY, engine=EngineState.STARTING, freeBytes=2_000_000_000)

    assert summary(examine(waiting)).level is Level.WAITING
    assert summary(examine(replace(waiting, slicerVersion=(4, 11)))).level is Level.PROBLEM


def test_sizes_are_in_words() -> None:
    assert [formatBytes(size) for size in (0, 375_042_383, 2_564_550_879)] == ["0 MB", "375 MB", "2.6 GB"]
