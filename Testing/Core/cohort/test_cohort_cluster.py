"""Cohorts on a real cluster of Dask: workers die, and the results are those of an undisturbed run."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import closing
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from Core.cohort.conftest import make_balls, results_of
from fakes import cohort_tasks
from MedSegAICore.cohort.cluster import LocalPlan, local_client, memory_per_worker
from MedSegAICore.cohort.cluster_worker import ClusterWorker
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import Cancelled, ClusterRefused, NoRoom

pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def client():
    """Two processes, once for all tests of this file."""
    with local_client(LocalPlan(2, 1 << 30)) as made:
        yield made


@pytest.fixture
def many(tmp_path):
    return make_balls(tmp_path / "data", 6)


@pytest.fixture
def undisturbed(many, tmp_path):
    many.run(folder=tmp_path / "undisturbed")
    return results_of(tmp_path / "undisturbed")


def on(client, task):
    return lambda: closing(ClusterWorker(client, task=task))


def test_two_workers_give_the_same_results_as_none(client, many, undisturbed):
    assert set(many.run(worker=on(client, cohort_tasks.quick)).values()) == {"done"}
    assert results_of(many.out) == undisturbed
    assert set(many.run(worker=on(client, cohort_tasks.quick)).values()) == {"kept"}


def test_a_worker_that_is_killed_mid_run_loses_nothing(client, many, undisturbed):
    victims = list(client.run(os.getpid).values())

    def kill(fraction, message):
        if fraction > 0 and victims:
            os.kill(victims.pop(), signal.SIGKILL)
            victims.clear()

    assert set(many.run(Run(kill), on(client, cohort_tasks.slow)).values()) == {"done"}
    assert not victims
    assert results_of(many.out) == undisturbed


def test_a_worker_that_is_killed_while_it_writes_leaves_no_draft(client, many, undisturbed):
    assert set(many.run(worker=on(client, cohort_tasks.torn)).values()) == {"done"}
    assert (many.out / ".cohort" / "torn").exists()
    assert not list((many.out / ".cohort" / "staging").iterdir())
    assert results_of(many.out) == undisturbed


def test_a_full_disk_that_a_worker_meets_ends_the_run_and_it_goes_on_with_room(client, many, undisturbed):
    with pytest.raises(NoRoom, match="goes on where it was"):
        many.run(worker=on(client, cohort_tasks.full))
    assert not list(many.out.glob("*.failure.json"))
    time.sleep(2 * cohort_tasks.STEP)  # what was running beside it ends by itself, whole
    assert set(many.run(worker=on(client, cohort_tasks.quick)).values()) <= {"done", "kept"}
    assert results_of(many.out) == undisturbed


def test_a_case_that_ends_its_workers_is_set_aside_and_the_rest_goes_on(client, many, undisturbed):
    found = many.run(worker=on(client, cohort_tasks.deadly))
    assert found.pop("p1") == "failed"
    assert set(found.values()) == {"done"}
    failure = json.loads((many.out / "p1.failure.json").read_text())
    assert failure["error"]["type"] == "WorkerLost"
    many.run(worker=on(client, cohort_tasks.quick), retry=True)
    assert results_of(many.out) == undisturbed


def test_a_stopped_run_takes_back_its_cases_and_goes_on_later(client, many, undisturbed):
    token = CancelToken()

    def stop(fraction, message):
        if fraction > 0:
            token.cancel()

    with pytest.raises(Cancelled):
        many.run(Run(stop, token), on(client, cohort_tasks.slow))
    assert 1 <= len(list(many.out.glob("*.provenance.json"))) < 6
    time.sleep(2 * cohort_tasks.STEP)  # what was running there ends by itself, whole
    assert set(many.run(worker=on(client, cohort_tasks.quick)).values()) <= {"done", "kept"}
    assert results_of(many.out) == undisturbed


def test_never_more_cases_are_given_away_than_there_are_workers(client, many):
    most = []

    class Watched(ClusterWorker):
        def next_outcome(self, run):
            most.append(len(self._jobs))
            return super().next_outcome(run)

    client.wait_for_workers(2, timeout=60)  # those that other tests have ended are started again
    many.run(worker=lambda: closing(Watched(client, task=cohort_tasks.quick)))
    assert max(most) == 2


def test_workers_have_one_thread_and_a_limit(client):
    assert set(client.run(os.environ.get, "OPENBLAS_NUM_THREADS").values()) == {"1"}
    assert set(client.run(os.environ.get, "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS").values()) < {"1", "2", "3", "4"}
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    assert {worker["nthreads"] for worker in workers} == {1}
    assert {worker["memory_limit"] for worker in workers} == {1 << 30}
    assert client.scheduler.address.startswith("tls://127.0.0.1:")


def test_nothing_is_told_to_browsers(client):
    port = client.scheduler_info()["services"]["dashboard"]
    for page in ("status", "health", "info/main/workers.html"):
        with pytest.raises(HTTPError, match="404"):
            urlopen(f"http://127.0.0.1:{port}/{page}")


def test_workers_that_would_swap_are_refused():
    assert memory_per_worker(LocalPlan(2), 8 << 30) == 4 << 30
    with pytest.raises(ClusterRefused, match=r"4 workers would use 16\.0 GiB"):
        memory_per_worker(LocalPlan(4, 4 << 30), 8 << 30)


@pytest.mark.slow
def test_a_case_without_end_to_its_hunger_is_set_aside_and_the_rest_goes_on(many, undisturbed):
    with local_client(LocalPlan(2, 400 << 20)) as client:
        found = many.run(worker=on(client, cohort_tasks.hungry))
    assert found.pop("p1") == "failed"
    assert set(found.values()) == {"done"}
