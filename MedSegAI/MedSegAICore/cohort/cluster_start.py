"""How the processes of a cluster on this computer start, and what Dask does in them beside the cases."""

from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any

METHOD = "forkserver" if sys.platform == "linux" else "spawn"
"""One process opens the libraries and is copied for each worker, where the system can do that safely."""

LIBRARIES = ["distributed", "MedSegAICore.cohort.cluster_task"]
"""What that process opens. PyTorch is not among them: whatever has threads of its own must not be copied."""

PACKAGES = Path(__file__).resolve().parents[2]
ITK_THREADS = "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"

MOST_DEATHS = 1
"""A case during which more workers end is not tried again."""

WITHOUT_WATCHING = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "500ms",
    "distributed.admin.system-monitor.interval": "2s",
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.scheduler.active-memory-manager.start": False,
    "distributed.diagnostics.nvml": False,
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
}
"""What Dask watches and tells for its dashboard, which nobody opens here: it takes time from the cores that segment."""


def local_settings(threads: int) -> dict[str, Any]:
    """Return Dask's settings for processes whose cases wait rather than swap.

    Parameters
    ----------
    threads
        Of each process; what the user has set for all programs stays.
    """
    pinned = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", ITK_THREADS), str(max(1, threads)))
    pinned["OPENBLAS_NUM_THREADS"] = "1"
    variables = {name: os.environ.get(name, value) for name, value in pinned.items()}
    # the process that is copied looks for packages only here, in most versions of Python
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, (str(PACKAGES), os.environ.get("PYTHONPATH"))))
    return {
        "distributed.nanny.pre-spawn-environ": variables,
        "distributed.scheduler.allowed-failures": MOST_DEATHS,
        "distributed.worker.multiprocessing-method": METHOD,
        "distributed.worker.memory.target": False,
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.pause": 0.8,
        "distributed.worker.memory.terminate": 0.95,
        **WITHOUT_WATCHING,
    }


def preload_once() -> None:
    """Have what workers need opened once for all of them, where they are copies; call it with `local_settings` set."""
    if METHOD == "forkserver":
        from distributed.utils import get_mp_context

        # at its first call Dask names what it wants opened, and would replace our names
        get_mp_context()  # type: ignore[no-untyped-call]
        multiprocessing.get_context(METHOD).set_forkserver_preload(LIBRARIES)
