"""Checks of the installation: what was found, in words, and what can be done about it. Nothing here asks Qt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from MedSegAICore.engine.inspection import Inspection
from slicer.i18n import tr as _

from .packages import Package, Source

LOWEST_SLICER = (5, 10)
GIGABYTE = 1_000_000_000
ROOM_FOR_MODELS = 3 * GIGABYTE
"""The largest checkpoint and a little more [bytes]."""
ROOM_TO_WORK = GIGABYTE


class Level(Enum):
    """How much a finding matters."""

    GOOD = "good"
    ADVICE = "advice"
    PROBLEM = "problem"
    WAITING = "waiting"


class Repair(Enum):
    """What a button beside a finding does."""

    INSTALL_PACKAGES = "install packages"
    GET_PYTORCH_EXTENSION = "get the PyTorch extension"
    OPEN_PYTORCH_MODULE = "open the PyTorch module"
    RESTART_ENGINE = "restart the engine"
    SHOW_WEIGHTS_FOLDER = "show the weights folder"


class EngineState(Enum):
    """What the engine process has answered."""

    STARTING = "starting"
    ANSWERS = "answers"
    FAILED = "failed"


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Parameters
    ----------
    level
        How much it matters.
    text
        What was found and what it means, for a clinician.
    repair
        What a button offers; None if there is nothing to press.
    """

    level: Level
    text: str
    repair: Repair | None = None


@dataclass(frozen=True)
class Facts:
    """What the checks look at.

    Parameters
    ----------
    slicerVersion
        Major and minor number.
    packages
        What is needed, with what is installed.
    hasPyTorchExtension
        Whether PyTorch can be installed.
    engine, engineMessage
        What the engine process has answered, and why it failed.
    weightsFolder, canWriteWeights
        Where models lie, and whether files can be put there.
    freeBytes
        Free disk space there [bytes].
    inspection
        What torch has found on this computer; None while it is looking.
    """

    slicerVersion: tuple[int, int]
    packages: tuple[Package, ...]
    hasPyTorchExtension: bool
    engine: EngineState
    engineMessage: str
    weightsFolder: str
    canWriteWeights: bool
    freeBytes: int
    inspection: Inspection | None


def checkSlicer(facts: Facts) -> Finding:
    shown = ".".join(map(str, facts.slicerVersion))
    if facts.slicerVersion >= LOWEST_SLICER:
        return Finding(Level.GOOD, _("Slicer {version} is recent enough.").format(version=shown))
    text = _("Slicer {version} is too old: the Segment Editor of 5.10 or later is needed. Download it at slicer.org.")
    return Finding(Level.PROBLEM, text.format(version=shown))


def checkEngine(facts: Facts) -> Finding:
    if facts.engine is EngineState.STARTING:
        return Finding(Level.WAITING, _("The engine, which does the segmentation, is starting."))
    if facts.engine is EngineState.ANSWERS:
        return Finding(Level.GOOD, _("The engine, which does the segmentation, starts and answers."))
    text = _("The engine, which does the segmentation, does not work: {reason}").format(reason=facts.engineMessage)
    return Finding(Level.PROBLEM, text, Repair.RESTART_ENGINE)


def checkSlicersPackages(facts: Facts) -> Finding:
    wrong = [package for package in facts.packages if package.source is Source.SLICER and not package.isReady]
    if not wrong:
        return Finding(Level.GOOD, _("Slicer's own Python packages are complete."))
    text = _("Slicer's own Python packages are damaged ({names}). Install Slicer again in a new folder.")
    return Finding(Level.PROBLEM, text.format(names=_named(wrong)))


def checkPyTorch(facts: Facts) -> Finding:
    wrong = [package for package in facts.packages if package.source is Source.PYTORCH_EXTENSION]
    wrong = [package for package in wrong if not package.isReady]
    needed = _("The model Adaptive works without it; the other models need it.")
    if wrong and not facts.hasPyTorchExtension:
        text = _("PyTorch is not installed, nor is Slicer's extension PyTorch, which installs it. {needed}")
        return Finding(Level.ADVICE, text.format(needed=needed), Repair.GET_PYTORCH_EXTENSION)
    if wrong:
        text = _("PyTorch is missing or too old ({names}). {needed}").format(names=_named(wrong), needed=needed)
        return Finding(Level.ADVICE, text, Repair.INSTALL_PACKAGES)
    if facts.inspection is None:
        return Finding(Level.WAITING, _("PyTorch is being tried."))
    if not facts.inspection.torch_version:
        text = _(
            "PyTorch is installed but does not load ({reason}). Uninstall it in the module PyTorch, restart Slicer."
        )
        reason = facts.inspection.torch_error or _("it was not found")
        return Finding(Level.PROBLEM, text.format(reason=reason), Repair.OPEN_PYTORCH_MODULE)
    text = _("PyTorch {version} works.").format(version=facts.inspection.torch_version)
    return Finding(Level.GOOD, text)


def checkOtherPackages(facts: Facts) -> Finding:
    wrong = [package for package in facts.packages if package.source is Source.PIP and not package.isReady]
    if not wrong:
        return Finding(Level.GOOD, _("The other Python packages are there."))
    text = _("Python packages that some models need are missing or too old: {names}.").format(names=_named(wrong))
    return Finding(Level.ADVICE, text, Repair.INSTALL_PACKAGES)


def checkGpu(facts: Facts) -> Finding:
    found = facts.inspection
    if found is None:
        return Finding(Level.WAITING, _("Graphics cards are being looked for."))
    if found.gpus:
        names = ", ".join(device.title for device in found.gpus)
        return Finding(Level.GOOD, _("Networks run on the graphics card: {names}.").format(names=names))
    slower = _("Networks run on the processor, which takes seconds instead of moments.")
    if not found.torch_version:
        return Finding(Level.ADVICE, _("Without PyTorch no graphics card can be used."))
    if found.has_nvidia_driver and not found.torch_is_for_cuda:
        text = _("There is an NVIDIA graphics card, but this PyTorch cannot use it: install another build. {slower}")
        return Finding(Level.ADVICE, text.format(slower=slower), Repair.OPEN_PYTORCH_MODULE)
    if found.has_nvidia_driver:
        text = _("There is an NVIDIA graphics card, but PyTorch cannot use it: update its driver. {slower}")
        return Finding(Level.ADVICE, text.format(slower=slower))
    return Finding(Level.GOOD, _("No graphics card that PyTorch can use. {slower}").format(slower=slower))


def checkWeightsFolder(facts: Facts) -> Finding:
    if facts.canWriteWeights:
        return Finding(Level.GOOD, _("Models can be stored on this computer."))
    text = _(
        "Models cannot be stored in {folder}: it is write protected. Ask for write access, or name another folder in"
        " the environment variable MEDSEGAI_WEIGHTS."
    )
    return Finding(Level.PROBLEM, text.format(folder=facts.weightsFolder), Repair.SHOW_WEIGHTS_FOLDER)


def checkDisk(facts: Facts) -> Finding:
    free = formatBytes(facts.freeBytes)
    if facts.freeBytes < ROOM_TO_WORK:
        text = _("The disk is nearly full ({free} left). Images are handed to the engine as files: free some space.")
        return Finding(Level.PROBLEM, text.format(free=free), Repair.SHOW_WEIGHTS_FOLDER)
    if facts.freeBytes < ROOM_FOR_MODELS:
        text = _("The disk has {free} left, too little for the largest model.").format(free=free)
        return Finding(Level.ADVICE, text, Repair.SHOW_WEIGHTS_FOLDER)
    return Finding(Level.GOOD, _("The disk has enough room: {free}.").format(free=free))


CHECKS: tuple[Callable[[Facts], Finding], ...] = (
    checkSlicer,
    checkEngine,
    checkSlicersPackages,
    checkPyTorch,
    checkOtherPackages,
    checkGpu,
    checkWeightsFolder,
    checkDisk,
)


def examine(facts: Facts) -> tuple[Finding, ...]:
    """Return one finding of every check."""
    return tuple(check(facts) for check in CHECKS)


def summary(findings: tuple[Finding, ...]) -> Finding:
    """Return all findings in one."""
    levels = [finding.level for finding in findings]
    if Level.PROBLEM in levels:
        return Finding(Level.PROBLEM, _("Something is wrong: see the installation check below."))
    if Level.WAITING in levels:
        return Finding(Level.WAITING, _("Checking the installation."))
    if Level.ADVICE in levels:
        return Finding(Level.ADVICE, _("Ready to use. The installation check below says how to get more."))
    return Finding(Level.GOOD, _("Ready to use."))


def formatBytes(count: int) -> str:
    """Return a size in words: 375 MB, 2.6 GB."""
    if count >= GIGABYTE:
        return f"{count / GIGABYTE:.1f} GB"
    return f"{count / 1_000_000:.0f} MB"


def _named(packages: list[Package]) -> str:
    return ", ".join(f"{package.name} {package.installed}".strip() for package in packages)
