"""Clusters of Dask: several processes of this computer, or a scheduler with workers on others.

Dask schedules, watches and restarts; this module starts it or connects to it, and refuses what is not safe. Whoever can
reach a scheduler can run any code on its workers: away from this computer TLS with certificates of both sides is
required, and on this one the processes speak TLS with certificates that live as long as the run.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..engine.threads import physical_cores
from ..errors import ClusterLost, ClusterRefused, PackageMissing
from .cluster_start import local_settings, preload_once
from .cluster_task import difference_of, sees_folder, versions_here

GPU = "GPU"
"""Label of workers that have one; they are started with `--resources GPU=1`."""

CERTIFICATES = ("ca.pem", "cert.pem", "key.pem")
PACKAGES = "Install it (pip install distributed cryptography), or use one worker."

PATIENCE = 30
"""How long the first worker is waited for [s]."""


@dataclass(frozen=True)
class LocalPlan:
    """Processes of this computer.

    Parameters
    ----------
    workers
        How many.
    memory_bytes
        What each may use; 0 takes an equal share of all there is.
    """

    workers: int
    memory_bytes: int = 0


@dataclass(frozen=True)
class RemotePlan:
    """A scheduler that is there already.

    Parameters
    ----------
    address
        `tls://host:port`, or `tcp://` on this computer.
    certificates
        Folder with `ca.pem`, `cert.pem` and `key.pem`, for TLS.
    """

    address: str
    certificates: Path | None = None


def dask() -> Any:
    """Return the package `distributed`; raise `PackageMissing` if it is not installed."""
    try:
        import distributed
    except ImportError as error:
        message = f"For several workers, the Python package distributed is needed ({error})."
        raise PackageMissing(message, PACKAGES) from error
    return distributed


@contextmanager
def local_client(plan: LocalPlan) -> Iterator[Any]:
    """Give a client of processes that end with the block.

    Raises
    ------
    ClusterRefused
        The workers would need more memory than there is.
    PackageMissing
        Dask is not installed.
    """
    distributed = dask()
    from dask import config

    memory = memory_per_worker(plan, distributed.system.MEMORY_LIMIT)
    with config.set(local_settings(physical_cores() // plan.workers)):
        preload_once()
        cluster = distributed.LocalCluster(
            n_workers=plan.workers,
            threads_per_worker=1,
            processes=True,
            memory_limit=memory,
            security=temporary_certificates(distributed),
            scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},  # a port that nobody else has
            silence_logs=logging.CRITICAL,
            resources={GPU: 1},
        )
        with cluster, distributed.Client(cluster, set_as_default=False) as client:
            yield client


def memory_per_worker(plan: LocalPlan, available: int) -> int:
    """Return what each worker may use [bytes]; raise `ClusterRefused` if all together use more than there is."""
    share = available // plan.workers
    if plan.memory_bytes > share:
        needed, there = (value / 2**30 for value in (plan.memory_bytes * plan.workers, available))
        message = f"{plan.workers} workers would use {needed:.1f} GiB of memory, and there are {there:.1f} GiB."
        raise ClusterRefused(message, "Use fewer workers, or give each less memory.")
    return plan.memory_bytes or share


def temporary_certificates(distributed: Any) -> Any:
    """Return certificates that nobody else on this computer has."""
    try:
        return distributed.Security.temporary()
    except ImportError as error:
        message = f"For several workers, the Python package cryptography is needed ({error})."
        raise PackageMissing(message, PACKAGES) from error


@contextmanager
def remote_client(plan: RemotePlan, folder: Path, *, needs_gpu: bool) -> Iterator[Any]:
    """Give a client of a scheduler whose workers can do the work.

    Parameters
    ----------
    plan
        Where it is.
    folder
        The output folder, which every worker must see.
    needs_gpu
        Whether only workers with the label `GPU` count.

    Raises
    ------
    ClusterRefused
        It is not safe, or its workers have other versions, do not see the folder or have no GPU.
    ClusterLost
        It cannot be reached.
    """
    distributed = dask()
    security = security_of(plan, distributed)
    try:
        client = distributed.Client(plan.address, security=security, timeout=10, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        message = f"The scheduler '{plan.address}' cannot be reached ({error})."
        raise ClusterLost(message, "Start it, or correct the address or the certificates.") from error
    with client:
        check_workers(client, folder, needs_gpu=needs_gpu)
        yield client


def security_of(plan: RemotePlan, distributed: Any) -> Any:
    """Return the certificates for a scheduler; raise `ClusterRefused` if there are none and it is elsewhere."""
    parts = urlsplit(plan.address)
    if parts.scheme == "tcp" and is_here(parts.hostname or ""):
        return None
    if parts.scheme != "tls":
        message = f"The scheduler '{plan.address}' is on another computer and does not use TLS."
        raise ClusterRefused(
            message, "Start it with certificates; give tls://host:port and --certificates (their folder)."
        )
    files = [plan.certificates / name for name in CERTIFICATES] if plan.certificates else []
    if not files or not all(file.is_file() for file in files):
        message = f"TLS needs a folder with {', '.join(CERTIFICATES)}."
        raise ClusterRefused(message, "Give the folder of the certificates (--certificates).")
    authority, certificate, key = map(str, files)
    return distributed.Security(
        tls_ca_file=authority, tls_client_cert=certificate, tls_client_key=key, require_encryption=True
    )


def is_here(host: str) -> bool:
    """Tell whether a host is this computer, by its loopback address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_workers(client: Any, folder: Path, *, needs_gpu: bool) -> None:
    """Raise `ClusterRefused` unless every worker can do the work."""
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError as error:
        message = "The scheduler has no worker."
        raise ClusterRefused(message, "Start one with: dask worker ADDRESS --nthreads 1.") from error
    try:
        versions, sees = client.run(versions_here), client.run(sees_folder, folder)
    except Exception as error:
        message = f"A worker cannot run MedSegAI ({type(error).__name__}: {error})."
        raise ClusterRefused(message, "Install the same version of MedSegAI on every computer.") from error
    for worker, found in versions.items():
        if difference := difference_of(found, versions_here()):
            message = f"The worker {worker} has other versions: {difference}."
            raise ClusterRefused(message, "Install the same versions on every computer.")
        if not sees[worker]:
            message = f"The worker {worker} does not see the folder '{folder}'."
            raise ClusterRefused(message, "Put images and results onto a disk that all computers have at one place.")
    if needs_gpu and not workers_with_gpu(client):
        message = "No worker of the scheduler has a GPU."
        raise ClusterRefused(message, "Start workers that have one with: --resources GPU=1, or use --device cpu.")


def workers_with_gpu(client: Any) -> list[str]:
    """Return the addresses of the workers that are labelled as having a GPU."""
    workers = client.scheduler_info(n_workers=-1)["workers"]
    return [address for address, worker in workers.items() if worker["resources"].get(GPU, 0) > 0]
