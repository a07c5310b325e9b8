"""The command for cohorts, asked to stop and killed: the same command again goes on."""

from __future__ import annotations

import os
import signal

import pytest
from CLI.conftest import started
from Core.cohort.conftest import results_of


def wait_for(running, words):
    while words not in running.stdout.readline():
        assert running.poll() is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_stop_keeps_what_is_done(script, process, line, balls, undisturbed, number):
    running = started(script, *line)
    wait_for(running, "1 of 4, about")
    running.send_signal(number)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 1
    assert said.startswith("The run was cancelled.")
    done = len(list(balls.out.glob("*.provenance.json")))
    assert 1 <= done < 4
    assert not list((balls.out / ".cohort" / "staging").iterdir())
    again = process(*line)
    assert f"4 cases: {4 - done} done, {done} kept, 0 failed." in again.stdout
    assert results_of(balls.out) == undisturbed


@pytest.mark.parametrize("words", ["p1: Segmenting", "p1: Finishing", "2 of 4, about"])
def test_a_killed_run_leaves_no_half_file_and_loses_one_case_at_most(script, process, line, balls, undisturbed, words):
    running = started(script, *line)
    wait_for(running, words)
    os.kill(running.pid, signal.SIGKILL)
    running.communicate(timeout=60)
    ended = {"p1": 1, "2 o": 2}.get(words[:3], 0)
    done = {file.name.split(".")[0] for file in balls.out.glob("*.provenance.json")}
    assert {f"p{number}" for number in range(ended)} <= done
    for name in done:
        for ending in (".seg.nrrd", ".png"):
            assert (balls.out / f"{name}{ending}").read_bytes() == undisturbed[f"{name}{ending}"]
    again = process(*line)
    assert again.returncode == 0, again.stderr
    assert f"4 cases: {4 - len(done)} done, {len(done)} kept, 0 failed." in again.stdout
    assert results_of(balls.out) == undisturbed


@pytest.mark.slow
def test_the_workers_of_a_killed_run_end_with_it(script, process, line, balls, undisturbed):
    psutil = pytest.importorskip("psutil")
    pytest.importorskip("distributed")
    running = started(script, *line, "--workers", 2, "--memory", 1)
    wait_for(running, "1 of 4, about")
    workers = psutil.Process(running.pid).children(recursive=True)
    assert len(workers) >= 2
    os.kill(running.pid, signal.SIGKILL)
    running.communicate(timeout=60)
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert not alive
    again = process(*line)
    assert again.returncode == 0, again.stderr
    assert results_of(balls.out) == undisturbed


def test_a_second_run_in_the_folder_of_a_first_refuses_by_name(script, process, line, balls, undisturbed):
    running = started(script, *line)
    wait_for(running, "p0: ")
    second = process(*line)
    assert second.returncode == 1
    assert second.stderr.startswith(f"Another cohort run works in '{balls.out}'.")
    running.communicate(timeout=60)
    assert running.returncode == 0
    assert results_of(balls.out) == undisturbed
