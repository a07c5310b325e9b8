"""What the user has chosen for all of MedSegAI, kept in Slicer's settings."""

from __future__ import annotations

import qt
from MedSegAICore.engine.cache import GIBIBYTE
from MedSegAICore.models.store.sources import Sources
from MedSegAICore.models.weights import user_data_folder

AUTOMATIC = "auto"
DEVICE = "MedSegAI/Device"
CACHE_GIGABYTES = "MedSegAI/CacheGigabytes"
MIRROR = "MedSegAI/Mirror"
OFFLINE_FOLDER = "MedSegAI/OfflineFolder"
TASK_FOLDER = "MedSegAI/TaskFolder"


def device() -> str:
    """Return the device that networks run on, as `Engine` calls it."""
    return str(qt.QSettings().value(DEVICE, AUTOMATIC))


def setDevice(name: str) -> None:
    qt.QSettings().setValue(DEVICE, name)


def cacheGigabytes() -> int:
    """Return how much memory the engine may fill with what it has seen in images [GiB]."""
    return int(qt.QSettings().value(CACHE_GIGABYTES, 1))  # a settings file on the disk gives text


def setCacheGigabytes(size: int) -> None:
    qt.QSettings().setValue(CACHE_GIGABYTES, size)


def cacheBytes() -> int:
    """Return the same in bytes."""
    return cacheGigabytes() * GIBIBYTE


def ownSources() -> Sources:
    """Return where the user wants model files to be looked for."""
    return Sources(str(qt.QSettings().value(MIRROR, "")), str(qt.QSettings().value(OFFLINE_FOLDER, "")))


def setOwnSources(sources: Sources) -> None:
    qt.QSettings().setValue(MIRROR, sources.mirror)
    qt.QSettings().setValue(OFFLINE_FOLDER, sources.offline_folder)


def sources() -> Sources:
    """Return where model files are looked for: what is not chosen here, the environment variables say."""
    return ownSources().or_else(Sources.from_environment())


def taskFolder() -> str:
    """Return the folder of in-context tasks."""
    return str(qt.QSettings().value(TASK_FOLDER, "") or user_data_folder() / "tasks")


def setTaskFolder(folder: str) -> None:
    qt.QSettings().setValue(TASK_FOLDER, folder)
