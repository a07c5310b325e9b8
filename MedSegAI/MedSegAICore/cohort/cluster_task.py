"""What runs on a worker of a cluster: one case, with an engine that keeps its model from case to case."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version_tuple

from .. import __version__
from ..engine.engine import Engine
from ..engine.run import Run
from ..errors import ClusterRefused
from .attempt import Outcome, attempt, failed
from .case_work import CaseJob

LIBRARIES = ("numpy", "scipy", "SimpleITK", "torch", "monai", "distributed", "highdicom")
_one_at_a_time = threading.Lock()


def do_on_worker(job: CaseJob, versions: Mapping[str, str]) -> Outcome:
    """Try a case on this worker.

    Parameters
    ----------
    job
        The case.
    versions
        Those of the computer that the run was started on; with others nothing is done.
    """
    if difference := difference_of(versions_here(), versions):
        message = f"A worker has other versions than the computer that started the run: {difference}."
        return failed(job, ClusterRefused(message), ends_the_run=True)
    with _one_at_a_time:  # an engine runs one request at a time, also where a worker has several threads
        return attempt(job, _engine(job.device, job.weights), Run())


@cache
def versions_here() -> dict[str, str]:
    """Return the versions of what results depend on, also of what is not loaded."""
    found = {"medsegai": __version__, "python": ".".join(python_version_tuple()[:2])}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def difference_of(there: Mapping[str, str], here: Mapping[str, str]) -> str:
    """Return in words which versions differ; "" if none does."""
    names = sorted(name for name in {*there, *here} if there.get(name) != here.get(name))
    return ", ".join(f"{name} {there.get(name, 'missing')} instead of {here.get(name, 'none')}" for name in names)


def sees_folder(folder: Path) -> bool:
    """Tell whether this worker sees the output folder of a run."""
    return folder.is_dir()


@cache
def _engine(device: str, weights: tuple[tuple[str, Path], ...]) -> Engine:
    return Engine(device, dict(weights))
