"""Cohorts on a scheduler that somebody has started: what is refused, and what happens when it stops."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from Core.cohort.conftest import make_balls, results_of
from fakes import cohort_tasks
from MedSegAICore.cohort import cluster
from MedSegAICore.cohort.case_work import CaseJob
from MedSegAICore.cohort.cluster import CERTIFICATES, RemotePlan, check_workers, is_here, remote_client, security_of
from MedSegAICore.cohort.cluster_task import difference_of, do_on_worker, versions_here
from MedSegAICore.cohort.cluster_worker import ClusterWorker, cluster_of
from MedSegAICore.cohort.cohort_recipe import recipe_of_task
from MedSegAICore.cohort.runner import run_cohort
from MedSegAICore.engine.run import Run
from MedSegAICore.errors import ClusterLost, ClusterRefused, PackageMissing
from MedSegAICore.request import PromptTask

distributed = pytest.importorskip("distributed")


class Site:
    """A scheduler and one worker, each a program of its own, with certificates."""

    def __init__(self, folder: Path, project: Path) -> None:
        self.folder = folder
        self.running: list[subprocess.Popen] = []
        self.port = 0
        paths = os.pathsep.join(str(project / name) for name in ("MedSegAI", "Testing"))
        self.environment = {**os.environ, "PYTHONPATH": paths}
        made = distributed.Security.temporary()
        for name, text in zip(CERTIFICATES, (made.tls_ca_file, made.tls_client_cert, made.tls_client_key), strict=True):
            (folder / name).write_text(text)

    @property
    def plan(self) -> RemotePlan:
        return RemotePlan(f"tls://127.0.0.1:{self.port}", self.folder)

    def start(self) -> None:
        file = self.folder / "scheduler.json"
        file.unlink(missing_ok=True)
        self._program("scheduler", "--port", self.port, "--no-dashboard", "--scheduler-file", file)
        while not file.is_file() or not file.read_text().endswith("}"):
            time.sleep(0.05)
        self.port = int(json.loads(file.read_text())["address"].rpartition(":")[2])
        self._program("worker", self.plan.address, "--nthreads", 1, "--no-dashboard", "--no-nanny")

    def stop(self) -> None:
        for program in self.running:
            program.kill()
            program.wait()
        self.running.clear()

    def _program(self, name: str, *arguments) -> None:
        files = [
            part
            for key, file in zip(("ca-file", "cert", "key"), CERTIFICATES, strict=True)
            for part in (f"--tls-{key}", self.folder / file)
        ]
        line = [sys.executable, "-m", f"distributed.cli.dask_{name}", *arguments, "--host", "127.0.0.1", *files]
        line[5:5] = ["--protocol", "tls"] if name == "scheduler" else []
        quiet = subprocess.DEVNULL
        environment = {**self.environment, "DASK_TEMPORARY_DIRECTORY": str(self.folder)}
        self.running.append(subprocess.Popen(list(map(str, line)), env=environment, stdout=quiet, stderr=quiet))


@pytest.fixture
def site(tmp_path, project):
    folder = tmp_path / "site"
    folder.mkdir()
    made = Site(folder, project)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def many(tmp_path):
    return make_balls(tmp_path / "data", 4)


@pytest.mark.slow
def test_a_scheduler_that_stops_is_named_and_the_same_goes_on_once_it_is_back(site, many, tmp_path):
    many.run(folder=tmp_path / "undisturbed")
    many.out.mkdir()

    def stop(fraction, message):
        if fraction > 0:
            site.stop()

    lost = pytest.raises(ClusterLost, match="it goes on where it was")
    with remote_client(site.plan, many.out, needs_gpu=False) as client, lost:
        many.run(Run(stop), lambda: closing(ClusterWorker(client, task=cohort_tasks.slow)))
    done = len(list(many.out.glob("*.provenance.json")))
    assert 1 <= done < 4
    site.start()
    with remote_client(site.plan, many.out, needs_gpu=False) as client:
        found = many.run(worker=lambda: closing(ClusterWorker(client, task=cohort_tasks.quick)))
    assert list(found.values()).count("kept") == done
    assert results_of(many.out) == results_of(tmp_path / "undisturbed")


def test_a_worker_segments_with_the_models_of_the_project(site, many):
    recipe = recipe_of_task(PromptTask((), "adaptive"))
    cohort = many.cohort(recipe=recipe, cases=many.cases()[:2])
    reports = run_cohort(cohort, Run(), lambda: cluster_of(site.plan, cohort))
    assert [report.status for report in reports] == ["done", "done"]
    assert {report.record.model for report in reports} == {"adaptive"}


def test_workers_without_a_gpu_or_without_the_folder_are_refused(site, many):
    refused(site.plan, many.folder, "No worker of the scheduler has a GPU", needs_gpu=True)
    refused(site.plan, many.folder / "nowhere", "does not see the folder")


def refused(plan, folder, said, error=ClusterRefused, *, needs_gpu=False):
    with pytest.raises(error, match=said), remote_client(plan, folder, needs_gpu=needs_gpu):
        pass


def test_certificates_of_somebody_else_do_not_get_in(site, many, tmp_path):
    made = distributed.Security.temporary()
    for name, text in zip(CERTIFICATES, (made.tls_ca_file, made.tls_client_cert, made.tls_client_key), strict=True):
        (tmp_path / name).write_text(text)
    refused(RemotePlan(site.plan.address, tmp_path), many.folder, "cannot be reached", ClusterLost)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("tcp://10.0.0.7:8786", "is on another computer and does not use TLS"),
        ("tcp://localhost.example.org:8786", "does not use TLS"),
        ("ws://127.0.0.1:8786", "does not use TLS"),
        ("10.0.0.7:8786", "does not use TLS"),
        ("tls://10.0.0.7:8786", "TLS needs a folder with ca.pem"),
    ],
)
def test_what_is_not_safe_is_refused(address, said, tmp_path):
    with pytest.raises(ClusterRefused, match=said):
        security_of(RemotePlan(address), distributed)
    with pytest.raises(ClusterRefused):
        security_of(RemotePlan(address, tmp_path), distributed)


def test_a_scheduler_on_this_computer_needs_no_certificates():
    assert security_of(RemotePlan("tcp://127.0.0.1:8786"), distributed) is None
    assert security_of(RemotePlan("tcp://[::1]:8786"), distributed) is None
    assert is_here("localhost")


class Workers:
    """Stands for the client of a cluster with one worker, or with none."""

    def __init__(self, versions):
        self.versions = versions

    def wait_for_workers(self, _number, **_options):
        if not self.versions:
            raise TimeoutError

    def run(self, function, *_arguments):
        return {"w1": self.versions if function is versions_here else True}


def test_a_scheduler_without_workers_or_with_other_versions_is_named():
    with pytest.raises(ClusterRefused, match="has no worker"):
        check_workers(Workers({}), Path(), needs_gpu=False)
    with pytest.raises(ClusterRefused, match=r"The worker w1 has other versions: .*medsegai 9\.9 instead of"):
        check_workers(Workers({"medsegai": "9.9"}), Path(), needs_gpu=False)
    check_workers(Workers(versions_here()), Path(), needs_gpu=False)


def test_a_worker_that_joins_with_other_versions_does_nothing(balls):
    job = CaseJob(balls.cases()[0], balls.cohort().recipe, balls.out, ("seg.nrrd",))
    outcome = do_on_worker(job, {"medsegai": "9.9"})
    assert outcome.ends_the_run
    assert outcome.error["type"] == "ClusterRefused"
    assert difference_of({"a": "1", "b": "2"}, {"a": "1", "b": "3"}) == "b 2 instead of 3"


def test_the_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(PackageMissing, match="distributed"):
        cluster.dask()
