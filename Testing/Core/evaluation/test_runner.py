"""Questions put one by one: failures stay, a stop is clean, a killed run goes on."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import questions
from fakes.questions import SETTINGS, Numbers, exact, late, refuses_five
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import Cancelled, InvalidImage, InvalidRequest, SettingsDiffer, WeightsMissing
from MedSegAICore.evaluation.records import RecordFile
from MedSegAICore.evaluation.runner import run_evaluation
from MedSegAICore.evaluation.work import WorkItem


@pytest.fixture
def path(tmp_path):
    return tmp_path / "records.jsonl"


def evaluated(path, methods, protocol=None, run=None, **options):
    return run_evaluation(protocol or Numbers(), methods, RecordFile(path, SETTINGS), run or Run(), **options)


def test_every_question_is_put_to_every_method_in_order(path):
    records = evaluated(path, {"exact": exact, "late": late})
    assert [record.method for record in records] == ["exact"] * 6 + ["late"] * 6
    assert [record.item for record in records] == [*Numbers().items()] * 2
    assert [record.values["dice"] for record in records] == [1.0] * 6 + [0.5] * 6


def test_a_method_that_raises_is_a_failure_with_its_reason_and_stays(path):
    records = evaluated(path, {"m": refuses_five})
    failed = [record for record in records if record.failure]
    assert [(record.item.subject, record.item.label) for record in failed] == [("s0", "right"), ("s1", "left")]
    assert failed[0].failure == "ArithmeticError: no answer to five"
    assert failed[0].values == {"dice": 0.0, "hd95": 100.0}
    assert len(records) == 6


def test_the_time_of_a_method_is_that_of_its_calls(path):
    class SlowToJudge(Numbers):
        def evaluate(self, item, method, run):
            time.sleep(0.05)
            return super().evaluate(item, method, run)

    slow = evaluated(path, {"late": late}, SlowToJudge(2))
    assert all(0.03 <= record.seconds < 0.05 for record in slow)
    assert all(record.peak_memory_mb > 10 for record in slow)


def test_time_and_memory_of_readers_are_not_a_number(path):
    (record, _) = evaluated(path, {"exact": exact}, Numbers(2), timed=False)
    assert record.seconds != record.seconds
    assert record.peak_memory_mb != record.peak_memory_mb


def test_an_image_that_cannot_be_read_is_not_the_failure_of_a_method(path):
    class Broken(Numbers):
        def items(self):
            return [*super().items(), WorkItem("drawn", "unreadable", "left")]

    with pytest.raises(InvalidImage):
        evaluated(path, {"exact": exact}, Broken())
    assert len(RecordFile(path, SETTINGS).records) == 6


def test_a_method_that_cannot_run_here_ends_the_evaluation(path):
    def no_weights(wanted):
        message = "There are no weights."
        raise WeightsMissing(message)

    with pytest.raises(WeightsMissing):
        evaluated(path, {"m": no_weights})
    assert not RecordFile(path, SETTINGS).records


def test_a_question_put_twice_is_refused_by_name(path):
    class Twice(Numbers):
        def items(self):
            return [WorkItem("drawn", "s0", "left")] * 2

    with pytest.raises(InvalidRequest, match="asks twice: drawn, s0, left"):
        evaluated(path, {"exact": exact}, Twice())


def test_a_stop_is_clean_and_the_same_call_goes_on(path):
    cancel, asked = CancelToken(), []

    def stops_after_three(wanted):
        asked.append(wanted)
        if len(asked) == 3:
            cancel.cancel()
        return wanted

    with pytest.raises(Cancelled):
        evaluated(path, {"m": stops_after_three}, run=Run(cancel=cancel))
    assert len(RecordFile(path, SETTINGS).records) == 3
    assert len(evaluated(path, {"m": stops_after_three})) == 6
    assert len(asked) == 6


def test_a_stop_within_an_answer_leaves_no_record_of_it(path):
    def stopped(wanted):
        message = "The run was cancelled."
        raise Cancelled(message)

    with pytest.raises(Cancelled):
        evaluated(path, {"m": stopped})
    assert not RecordFile(path, SETTINGS).records


def test_progress_rises_to_one_and_names_the_question(path):
    seen = []
    evaluated(path, {"exact": exact}, run=Run(lambda fraction, message: seen.append((fraction, message))))
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert (0.0, "exact: drawn, s0, right") in seen


def test_a_finished_run_asks_nothing_again(path):
    first = evaluated(path, {"exact": exact})

    def must_not_be_called(wanted):
        raise AssertionError

    assert evaluated(path, {"exact": must_not_be_called}) == first


def without_time(records):
    return [replace(record, seconds=0.0, peak_memory_mb=0.0) for record in records]


def test_a_killed_run_resumes_and_ends_in_the_same_table(tmp_path):
    whole, killed = tmp_path / "whole.jsonl", tmp_path / "killed.jsonl"
    command = [sys.executable, str(Path(questions.__file__))]
    running = subprocess.Popen([*command, str(killed)])
    deadline = time.monotonic() + 60
    while not killed.exists() or killed.read_bytes().count(b"\n") < 50:  # in the middle of the second method
        assert time.monotonic() < deadline
        time.sleep(0.005)
    running.kill()
    running.wait()
    methods = {"exact": exact, "late": late}
    present = RecordFile(killed, SETTINGS).records
    assert 49 <= len(present) < 80
    resumed = run_evaluation(Numbers(40), methods, RecordFile(killed, SETTINGS), Run())
    assert RecordFile(killed, SETTINGS).records[: len(present)] == present
    in_one_go = run_evaluation(Numbers(40), methods, RecordFile(whole, SETTINGS), Run())
    assert without_time(resumed) == without_time(in_one_go)


def test_a_run_with_another_seed_does_not_go_on(path):
    evaluated(path, {"exact": exact})
    with pytest.raises(SettingsDiffer, match="another seed"):
        RecordFile(path, SETTINGS | {"seed": 1})
