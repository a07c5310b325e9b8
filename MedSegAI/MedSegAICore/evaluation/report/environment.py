"""Where and with what an evaluation ran."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

from ...engine.inspection import inspect_computer, memory_bytes
from ...engine.provenance import versions_in_use
from ...engine.threads import physical_cores, threads_in_use
from ..peak_memory import forget_peak

_PROCESSOR_FILE = Path("/proc/cpuinfo")


def environment() -> dict[str, str]:
    """Return date, versions and hardware, in words by name; graphics cards only where torch was used."""
    memory = memory_bytes()
    found = {
        "Date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "Versions": ", ".join(f"{name} {version}" for name, version in versions_in_use().items()),
        "System": f"{platform.system()} {platform.release()}",
        "Processor": f"{processor_name()}, {physical_cores()} cores, {threads_in_use()} threads used",
        "Memory": f"{memory / 2**30:.0f} GiB" if memory else "unknown",
        "Graphics card": _graphics_cards(),
    }
    exact = "of the process during the answer" if forget_peak() else "of the process since it began, an upper bound"
    return found | {"Memory measured": f"highest resident memory {exact}; memory of graphics cards is not counted"}


def processor_name() -> str:
    """Return what the maker calls the processor, or its kind where the system does not say."""
    if _PROCESSOR_FILE.is_file():
        lines = _PROCESSOR_FILE.read_text(encoding="utf-8", errors="replace").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    elif sys.platform == "darwin":
        asked = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        names = [subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()]  # noqa: S603
    else:
        names = [os.environ.get("PROCESSOR_IDENTIFIER", "")]
    return next((name for name in names if name), platform.machine())


def _graphics_cards() -> str:
    if "torch" not in sys.modules:
        return "not used"
    titles = [device["title"] for device in inspect_computer()["devices"] if device["name"] != "cpu"]
    return ", ".join(titles) or "none"
