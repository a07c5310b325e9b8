"""MedSegAI's core: pure Python, importable anywhere, without Slicer, Qt or VTK.

Opening it costs nothing: a name below is imported when it is first used, and networks when a model is.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_NAMES = {
    "engine.engine": ("Engine",),
    "engine.run": ("CancelToken",),
    "errors": (
        "BundleRefused",
        "Cancelled",
        "ClusterLost",
        "ClusterRefused",
        "DeviceUnavailable",
        "DownloadFailed",
        "EngineFault",
        "EngineLost",
        "EngineUnavailable",
        "FolderBusy",
        "GeometryMismatch",
        "InvalidCatalogue",
        "InvalidDataset",
        "InvalidImage",
        "InvalidManifest",
        "InvalidRequest",
        "InvalidSupport",
        "InvalidSupportModel",
        "InvalidSupportSet",
        "LicenceNotAccepted",
        "MedSegAIError",
        "NoPositivePrompt",
        "NoRoom",
        "NodeRemoved",
        "NonLinearTransform",
        "OutOfDeviceMemory",
        "PackageMissing",
        "PromptOutsideImage",
        "RecordsDamaged",
        "SamplingFailed",
        "SettingsDiffer",
        "ShearedGeometry",
        "UnknownModel",
        "UnsupportedPrompt",
        "WeightsAltered",
        "WeightsAmbiguous",
        "WeightsBusy",
        "WeightsCorrupt",
        "WeightsInUse",
        "WeightsMismatch",
        "WeightsMissing",
        "WeightsUnsafe",
        "WeightsUnwritable",
        "WorkerLost",
    ),
    "geometry": ("VolumeGeometry",),
    "models.licences": ("accept_licence", "withdraw_licence"),
    "prompts": ("BoxPrompt", "LassoPrompt", "MaskPrompt", "PointPrompt", "ScribblePrompt", "SlicePlane"),
    "recipe": ("Recipe",),
    "fewshot.examples": ("Example",),
    "fewshot.fit": ("FitReport", "FitRequest"),
    "request": (
        "CleanUp",
        "ContextOptions",
        "DiffusionTask",
        "FewShotTask",
        "InContextTask",
        "IntensityWindow",
        "PromptTask",
        "SamplingOptions",
        "SegmentationRequest",
        "SliceScope",
        "VolumeScope",
    ),
    "result": ("Provenance", "SegmentationResult", "Structure"),
    "support": ("Support",),
    "volume": ("ImageVolume", "VolumePatch"),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        message = f"module '{__name__}' has no attribute '{name}'"
        raise AttributeError(message)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
