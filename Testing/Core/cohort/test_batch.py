"""Runs over cohorts from plain values to plain values, as the panel in Slicer asks for them."""

from __future__ import annotations

import json

import pytest
from Core.cohort.conftest import write_ball
from MedSegAICore.cohort.batch import look_ahead, options_from, segment_all
from MedSegAICore.cohort.cluster import LocalPlan, RemotePlan
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import Cancelled, InvalidRequest


@pytest.fixture
def options(balls):
    recipe = {"version": 1, "paradigm": "prompt", "model": "adaptive", "labels": {"ball": 3}}
    (balls.folder / "recipe.json").write_text(json.dumps(recipe))
    return {"output": str(balls.out), "table": str(balls.table), "recipe": str(balls.folder / "recipe.json")}


def test_a_cohort_is_done_and_what_to_look_at_is_told(options, balls):
    (balls.folder / "scan1.nrrd").write_bytes(b"NRRD0004\n")
    told = []
    report = json.loads(json.dumps(segment_all(options, Run(lambda *words: told.append(words)))))
    assert (report["done"], report["kept"], report["failed"]) == (2, 0, 1)
    assert report["time"].endswith(" s")
    ((name, status, reason),) = report["look_at"]
    assert (name, status) == ("p1", "failed")
    assert "The file may be damaged" in reason
    assert any("1 failed" in words for _, words in told)
    assert (balls.out / "index.html").is_file()
    assert segment_all(options, Run())["kept"] == 2


def test_a_look_ahead_tells_states_and_time_and_writes_nothing(options, balls):
    plan = json.loads(json.dumps(look_ahead(options, Run())))
    assert plan["cases"] == [["p0", "new"], ["p1", "new"], ["p2", "new"]]
    assert plan["todo"] == 3
    assert plan["time"].endswith(" s")
    assert plan["measured"].startswith("'p0' took")
    assert not balls.out.exists()
    segment_all(options, Run())
    write_ball(balls.folder / "scan2.nrrd", 8, seed=9)
    assert look_ahead(options, Run())["cases"] == [["p0", "kept"], ["p1", "kept"], ["p2", "changed"]]


def test_a_stopped_run_says_so(options):
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        segment_all(options, Run(cancel=token))


def test_who_works_is_told_by_the_options(tmp_path):
    assert options_from({"output": "out"}).plan() is None
    assert options_from({"output": "out", "workers": 3, "memory": 2}).plan() == LocalPlan(3, 2 << 30)
    plan = options_from({"output": "out", "scheduler": "tls://a:1", "certificates": str(tmp_path)}).plan()
    assert plan == RemotePlan("tls://a:1", tmp_path)
    with pytest.raises(InvalidRequest, match="0 workers"):
        options_from({"output": "out", "workers": 0}).plan()
