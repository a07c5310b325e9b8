"""What is learned from is drawn once: by several processes as by one, and a stopped drawing goes on."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import Cancelled, WeightsMismatch
from MedSegAICore.training import bank_files
from MedSegAICore.training.bank_files import BankPlan, filled_bank
from MedSegAICore.training.context_tasks import ContextTask
from MedSegAICore.training.task_bank import TaskBank


class Squares:
    """Draws tasks of bright squares."""

    def ask(self, chance):
        masks = np.zeros((3, 24, 24), np.bool_)
        for mask, (row, column) in zip(masks, chance.integers(1, 12, (3, 2)), strict=True):
            mask[row : row + 7, column : column + 5] = True
        return ContextTask(masks.astype(np.float32), masks)


def plan_of(count=10, **changes) -> BankPlan:
    return BankPlan(
        **{"bank": TaskBank, "asker": Squares, "described": {"source": "squares"}, "count": count, "seed": 5} | changes
    )


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(bank_files, "SHARD", 4)


@pytest.fixture
def in_this_process(monkeypatch):
    """Draw here, so that a test can see and stop it."""

    class Here:
        def __init__(self, *_arguments):
            pass

        def submit(self, function, *arguments):
            from concurrent.futures import Future

            done = Future()
            done.set_result(function(*arguments))
            return done

        def shutdown(self, **_how):
            pass

    monkeypatch.setattr(bank_files, "ProcessPoolExecutor", Here)


def same(one, other):
    return np.array_equal(one.images, other.images) and np.array_equal(one.masks, other.masks)


def test_two_processes_draw_what_one_draws(tmp_path, small_shards):
    one = filled_bank(tmp_path / "one", plan_of(), 1, Run())
    two = filled_bank(tmp_path / "two", plan_of(), 2, Run())
    assert len(one) == len(two) == 10
    assert all(same(one.task(number), two.task(number)) for number in range(10))
    assert len({one.task(number).masks.tobytes() for number in range(10)}) > 5


def test_a_stopped_drawing_keeps_its_files_and_goes_on(tmp_path, small_shards, in_this_process):
    whole = filled_bank(tmp_path / "whole", plan_of(), 1, Run())
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        filled_bank(tmp_path / "stopped", plan_of(), 1, Run(cancel=token))
    kept = sorted((tmp_path / "stopped").glob("*.npz"))
    assert kept
    kept[-1].unlink()
    times = [file.stat().st_mtime_ns for file in kept[:-1]]
    again = filled_bank(tmp_path / "stopped", plan_of(), 1, Run())
    assert [file.stat().st_mtime_ns for file in kept[:-1]] == times
    assert all(same(whole.task(number), again.task(number)) for number in range(10))


@pytest.mark.parametrize("changes", [{"seed": 6}, {"count": 11}, {"described": {"source": "other"}}])
def test_questions_of_other_settings_are_refused(tmp_path, in_this_process, changes):
    filled_bank(tmp_path, plan_of(), 1, Run())
    with pytest.raises(WeightsMismatch, match="other settings"):
        filled_bank(tmp_path, plan_of(**changes), 1, Run())
