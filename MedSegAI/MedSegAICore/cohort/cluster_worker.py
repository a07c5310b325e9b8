"""The cases on a cluster of Dask, each of which does as many at once as it has workers."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import closing, contextmanager, suppress
from queue import Empty, Queue
from typing import Any

from ..engine.run import Run
from ..errors import ClusterLost, ClusterRefused, WorkerLost
from .attempt import Outcome, failed
from .case_work import CaseJob
from .cluster import GPU, LocalPlan, RemotePlan, dask, local_client, remote_client, workers_with_gpu
from .cluster_task import do_on_worker, versions_here
from .cohort import Cohort

GLANCE = 0.2
"""How often the wish to stop is looked for [s]."""

COUNT_AGAIN = 2.0
"""How old the number of workers may be [s]: while the scheduler is asked for it, a worker waits."""

STOPPED = "The scheduler has stopped."


class ClusterWorker:
    """Gives cases to the workers of a cluster, one for each at a time.

    Parameters
    ----------
    client
        Of the cluster.
    needs_gpu
        Whether only workers with the label `GPU` are used.
    task
        What runs on a worker.
    """

    def __init__(self, client: Any, *, needs_gpu: bool = False, task: Callable[..., Outcome] = do_on_worker) -> None:
        self._client = client
        self._needs_gpu = needs_gpu
        self._task = task
        self._jobs: dict[Any, CaseJob] = {}
        self._ended: Queue[Any] = Queue()
        self._count, self._counted = 1, -math.inf

    @property
    def slots(self) -> int:
        """How many workers there are, at least one: those that ended are started again."""
        if time.monotonic() - self._counted > COUNT_AGAIN:
            with _lost_if_it_does_not_answer():
                workers = workers_with_gpu(self._client) if self._needs_gpu else self._client.nthreads()
            self._count, self._counted = max(1, len(workers)), time.monotonic()
        return self._count

    def submit(self, job: CaseJob) -> None:
        """Take a case."""
        resources = {GPU: 1} if self._needs_gpu else None
        with _lost_if_it_does_not_answer():
            name = f"case-{uuid.uuid4()}"
            future = self._client.submit(self._task, job, versions_here(), key=name, pure=False, resources=resources)
        self._jobs[future] = job
        future.add_done_callback(self._ended.put)

    def next_outcome(self, run: Run) -> Outcome:
        """Return what came of a case that has ended.

        Raises
        ------
        ClusterLost
            The scheduler has stopped.
        Cancelled
            The run was stopped.
        """
        while True:
            run.check()
            if self._client.status != "running":
                raise ClusterLost(STOPPED)
            with suppress(Empty):
                future = self._ended.get(timeout=GLANCE)
                return self._outcome(future, self._jobs.pop(future))

    def close(self) -> None:
        """Take back what has not ended."""
        with suppress(Exception):  # a scheduler that is gone has forgotten it anyway
            self._client.cancel(list(self._jobs), force=True)

    def _outcome(self, future: Any, job: CaseJob) -> Outcome:
        if future.status == "finished":
            outcome: Outcome = future.result()
            return outcome
        error = future.exception() if future.status == "error" else None
        if isinstance(error, dask().KilledWorker):
            message = "The process that worked on this case ended, again and again."
            return failed(job, WorkerLost(message))
        if error is None:
            message = "The scheduler has forgotten what it was asked to do."
            raise ClusterLost(message)
        message = f"A worker could not even begin ({type(error).__name__}: {error})."
        raise ClusterRefused(message, "Install the same version of MedSegAI on every computer.")


@contextmanager
def _lost_if_it_does_not_answer() -> Iterator[None]:
    try:
        yield
    except (OSError, TimeoutError, CancelledError) as error:
        raise ClusterLost(STOPPED) from error


@contextmanager
def cluster_of(plan: LocalPlan | RemotePlan, cohort: Cohort) -> Iterator[ClusterWorker]:
    """Give what does the cases of a cohort on a cluster, which is there as long as the block.

    Raises
    ------
    ClusterRefused, ClusterLost, PackageMissing
        The cluster cannot be used.
    """
    if isinstance(plan, LocalPlan):
        with local_client(plan) as client, closing(ClusterWorker(client)) as worker:
            yield worker
        return
    needs_gpu = cohort.device.startswith("cuda")
    client_of = remote_client(plan, cohort.folder.absolute(), needs_gpu=needs_gpu)
    with client_of as client, closing(ClusterWorker(client, needs_gpu=needs_gpu)) as worker:
        yield worker
