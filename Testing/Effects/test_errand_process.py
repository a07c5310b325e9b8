"""A function in a process of its own, as the application sees it: progress, a cancel, an end."""

from __future__ import annotations

import time

import pytest
from MedSegAICore.engine.run import CancelToken
from MedSegAICore.errors import Cancelled, WeightsMissing
from MedSegAILib.gui.errand import Errand, errandAndWait


@pytest.fixture(autouse=True)
def fakes(desktop, monkeypatch, project):
    monkeypatch.setenv("PYTHONPATH", str(project / "Testing"))


class Heard:
    """What an errand has told."""

    def __init__(self, function: str) -> None:
        self.results, self.errors, self.told = [], [], []
        self.errand = Errand(
            function, {}, self.results.append, self.errors.append, lambda *words: self.told.append(words)
        )

    @property
    def ended(self) -> bool:
        return bool(self.results or self.errors)


def test_progress_is_told_in_between(wait) -> None:
    heard = Heard("fakes.errands:tell")
    wait(lambda: heard.ended, 30)

    assert heard.results == ["told"]
    assert heard.told[0] == (0.0, "step 0")
    assert len(heard.told) > 2


@pytest.mark.parametrize("function", ["fakes.errands:obey", "fakes.errands:ignore"])
def test_a_cancel_ends_it_soon_whether_the_function_listens_or_not(wait, function) -> None:
    heard = Heard(function)
    wait(lambda: heard.told, 30)
    begin = time.monotonic()

    heard.errand.cancel()
    wait(lambda: heard.ended, 30)

    assert [type(error) for error in heard.errors] == [Cancelled]
    assert time.monotonic() - begin < 3
    heard.errand.cancel()


def test_whoever_waits_gets_the_result_or_the_error() -> None:
    assert errandAndWait("fakes.errands:tell", {}) == "told"
    with pytest.raises(WeightsMissing):
        errandAndWait("fakes.errands:refuse", {})


def test_whoever_waits_can_cancel() -> None:
    cancel = CancelToken()
    with pytest.raises(Cancelled):
        errandAndWait("fakes.errands:obey", {}, lambda *_: cancel.cancel(), cancel)
