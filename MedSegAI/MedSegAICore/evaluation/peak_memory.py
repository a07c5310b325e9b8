"""The most memory that the process takes while something runs.

Measured is the resident memory of the whole process, images and libraries included; memory of a graphics card is not.
Linux can forget the highest value so far, so that of one call is exact. macOS and Windows cannot: there it is the
highest value since the process began, which is never below that of the call.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_FORGET_THE_PEAK = "5"


class PeakMemory:
    """Measures a `with` block.

    Attributes
    ----------
    megabytes
        Highest resident memory of the process [MB, 10^6 bytes]; 0 before the block has ended.
    is_exact
        Whether that is the highest value of the block alone, and not of all that the process did before.
    """

    def __init__(self) -> None:
        self.megabytes = 0.0
        self.is_exact = False

    def __enter__(self) -> PeakMemory:
        self.is_exact = forget_peak()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.megabytes = peak_bytes() / 1e6


def forget_peak() -> bool:
    """Let the highest value start again from the present one; tell whether the system can do that."""
    if not _CLEAR.exists():
        return False
    try:
        _CLEAR.write_text(_FORGET_THE_PEAK)
    except OSError:  # some sandboxes forbid it
        return False
    return True


def peak_bytes() -> int:
    """Return the highest resident memory of this process so far, or since `forget_peak` [bytes]."""
    if sys.platform == "win32":
        return _peak_on_windows()
    if _STATUS.is_file():  # unlike ru_maxrss, it does not start from the memory of the process that forked this one
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    class _Counters(ctypes.Structure):
        """PROCESS_MEMORY_COUNTERS of the Windows API."""

        _fields_ = [
            ("cb", wintypes.DWORD),
            ("PageFaultCount", wintypes.DWORD),
            ("PeakWorkingSetSize", ctypes.c_size_t),
            ("WorkingSetSize", ctypes.c_size_t),
            ("QuotaPeakPagedPoolUsage", ctypes.c_size_t),
            ("QuotaPagedPoolUsage", ctypes.c_size_t),
            ("QuotaPeakNonPagedPoolUsage", ctypes.c_size_t),
            ("QuotaNonPagedPoolUsage", ctypes.c_size_t),
            ("PagefileUsage", ctypes.c_size_t),
            ("PeakPagefileUsage", ctypes.c_size_t),
        ]

    def _peak_on_windows() -> int:
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.GetCurrentProcess.restype = wintypes.HANDLE
        kernel.K32GetProcessMemoryInfo.argtypes = (wintypes.HANDLE, ctypes.POINTER(_Counters), wintypes.DWORD)
        counters = _Counters(cb=ctypes.sizeof(_Counters))
        if not kernel.K32GetProcessMemoryInfo(kernel.GetCurrentProcess(), ctypes.byref(counters), counters.cb):
            raise ctypes.WinError(ctypes.get_last_error())
        return int(counters.PeakWorkingSetSize)
