"""How much memory is free, on the computer and on its devices."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .cache import GIBIBYTE

UNKNOWN = 8 * GIBIBYTE
"""What is assumed where the system does not tell [bytes]."""

_LINUX = Path("/proc/meminfo")


def free_bytes(device: str) -> int:
    """Return the memory that programs can still take on a device of `plan_device` [bytes]."""
    if device.startswith("cuda"):
        return _free_of_graphics_card(device)
    return _free_of_computer()  # the Apple GPU shares it


def _free_of_graphics_card(device: str) -> int:
    import torch

    try:
        return int(torch.cuda.mem_get_info(device)[0])
    except (AssertionError, RuntimeError):  # a driver that does not tell, or a build of torch without CUDA
        return UNKNOWN


def _free_of_computer() -> int:
    if _LINUX.is_file():
        lines = dict(line.split(":", 1) for line in _LINUX.read_text(encoding="ascii").splitlines() if ":" in line)
        if "MemAvailable" in lines:
            return int(lines["MemAvailable"].split()[0]) * 1024
    if sys.platform == "win32":
        return _free_on_windows()
    if "SC_PHYS_PAGES" in os.sysconf_names:  # macOS fills its memory on purpose: half of it can be had
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    return UNKNOWN


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    class _Status(ctypes.Structure):
        """MEMORYSTATUSEX of the Windows API."""

        _fields_ = [
            ("dwLength", wintypes.DWORD),
            ("dwMemoryLoad", wintypes.DWORD),
            ("ullTotalPhys", ctypes.c_ulonglong),
            ("ullAvailPhys", ctypes.c_ulonglong),
            ("ullTotalPageFile", ctypes.c_ulonglong),
            ("ullAvailPageFile", ctypes.c_ulonglong),
            ("ullTotalVirtual", ctypes.c_ulonglong),
            ("ullAvailVirtual", ctypes.c_ulonglong),
            ("ullAvailExtendedVirtual", ctypes.c_ulonglong),
        ]

    def _free_on_windows() -> int:
        status = _Status(dwLength=ctypes.sizeof(_Status))
        if not ctypes.WinDLL("kernel32", use_last_error=True).GlobalMemoryStatusEx(ctypes.byref(status)):
            return UNKNOWN
        return int(status.ullAvailPhys)
