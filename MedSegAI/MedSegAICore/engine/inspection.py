"""What this computer offers to networks, as plain values that travel between processes."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .device import probe_hardware
from .threads import physical_cores

_NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")


@dataclass(frozen=True)
class Device:
    """A device that networks can run on.

    Parameters
    ----------
    name
        What `Engine` calls it: `cpu`, `mps`, `cuda:0`...
    title
        What people call it.
    memory_bytes
        Its memory [bytes]; 0 if unknown.
    """

    name: str
    title: str
    memory_bytes: int = 0


@dataclass(frozen=True)
class Inspection:
    """What was found.

    Parameters
    ----------
    torch_version
        Version of torch that was imported, or "" if it was not.
    torch_error
        Why it was not.
    torch_is_for_cuda
        Whether this build of torch can use NVIDIA GPUs at all.
    has_nvidia_driver
        Whether the driver of an NVIDIA GPU is installed.
    devices
        The processor first, then every GPU that torch can use.
    """

    torch_version: str
    torch_error: str
    torch_is_for_cuda: bool
    has_nvidia_driver: bool
    devices: tuple[Device, ...]

    @property
    def gpus(self) -> tuple[Device, ...]:
        """The devices that are not the processor."""
        return tuple(device for device in self.devices if device.name != "cpu")

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Inspection:
        """Return the inspection that `inspect_computer` described."""
        return cls(**{**fields, "devices": tuple(Device(**device) for device in fields["devices"])})


def inspect_computer() -> dict[str, Any]:
    """Return an `Inspection` as plain values. Imports torch, which takes seconds."""
    processor = Device("cpu", f"Processor, {physical_cores()} cores", memory_bytes())
    driver = bool(shutil.which("nvidia-smi")) or _NVIDIA_DRIVER.exists()
    try:
        import torch
    except Exception as error:  # noqa: BLE001  a damaged installation fails in any way: that is what was asked
        reason = "" if isinstance(error, ModuleNotFoundError) and error.name == "torch" else str(error)
        return asdict(Inspection("", reason, False, driver, (processor,)))
    devices = (processor, *_gpus(torch))
    return asdict(Inspection(str(torch.__version__), "", torch.version.cuda is not None, driver, devices))


def _gpus(torch: Any) -> list[Device]:
    hardware = probe_hardware()
    found = [
        Device(f"cuda:{number}", name, int(torch.cuda.get_device_properties(number).total_memory))
        for number, (name, _) in enumerate(hardware.cuda)
    ]
    return [*found, *([Device("mps", "Apple GPU")] if hardware.mps else [])]


def memory_bytes() -> int:
    """Return the memory of this computer [bytes]; 0 if unknown."""
    if sys.platform == "win32" or "SC_PHYS_PAGES" not in os.sysconf_names:
        return 0
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
