"""What the product asks of Qt, CTK and Slicer's widgets exists in a real desktop."""

from __future__ import annotations

from pathlib import Path

import pytest
import qt
from Host.desktop_names import declared_in, read_list, read_recording, select
from Host.names_in_code import names_in_code


@pytest.fixture(scope="module")
def listed():
    return read_list()


@pytest.fixture(scope="module")
def found(listed):
    return names_in_code(listed)


@pytest.fixture
def read(tmp_path, listed):
    """Read a few lines of code as if they were the product's."""

    def read(source: str):
        file = tmp_path / "code.py"
        file.write_text(source)
        return names_in_code(listed, [file])

    return read


def test_every_name_in_the_code_is_listed(listed, found) -> None:
    assert len(found.uses) > 50
    select(listed, found.uses)  # ValueError names what is missing


def test_every_signal_in_the_code_is_listed(listed, found) -> None:
    signals = {name for entry in listed.values() for name, kind in entry["members"].items() if kind == "signal"}

    assert found.signals
    assert found.signals <= signals


def test_the_code_does_nothing_that_pythonqt_does_not_take(found) -> None:
    assert found.mistakes == []


def test_nothing_is_listed_that_the_code_does_not_use(listed, found) -> None:
    members = {name.partition("(")[0] for entry in listed.values() for name in entry["members"]}

    assert members <= found.words


def test_the_list_is_what_a_real_desktop_has(listed, shared) -> None:
    recording = read_recording(shared / "facts" / "qt_api.json")
    uses = [(kind, member) for kind, entry in listed.items() for member in ("", *entry["members"])]

    assert select(recording, uses) == listed


@pytest.mark.parametrize(
    ("source", "use"),
    [
        ("import qt\nqt.QTimer.singleShoot(0, f)", ("QTimer", "singleShoot")),
        ("import qt\ndef f():\n    timer = qt.QTimer()\n    timer.begin()", ("QTimer", "begin")),
        ("import qt\nclass A:\n def f(s):\n  s.t.begin()\n def g(s):\n  s.t = qt.QTimer()", ("QTimer", "begin")),
        ("import qt\ndef f(timer: qt.QTimer):\n    timer.begin()", ("QTimer", "begin")),
        ("import qt\nqt.QTimer().connect('timeout(int)', f)", ("QTimer", "timeout(int)")),
        ("def f(viewWidget):\n    viewWidget.sliceView().paint()", ("qMRMLSliceView", "paint")),
        ("import slicer\nslicer.app.layoutManger()", ("qSlicerApplication", "layoutManger")),
        ("import slicer\nw = slicer.qMRMLNodeComboBoxx()", ("qMRMLNodeComboBoxx", "")),
        (
            "class E:\n    def f(self):\n        self.scriptedEffect.save()",
            ("qSlicerSegmentEditorScriptedEffect", "save"),
        ),
    ],
)
def test_a_wrong_name_is_seen(read, listed, source, use) -> None:
    assert use in read(source).uses
    with pytest.raises(ValueError, match=use[0]):
        select(listed, [use])


@pytest.mark.parametrize(
    "source",
    ["import qt\nqt.QLabel(text='x')", "import qt\nisinstance(x, qt.QLabel)", "import qt\nqt.QTimer().start(msec=3)"],
)
def test_what_pythonqt_does_not_take_is_seen(read, source) -> None:
    assert read(source).mistakes


def test_the_host_refuses_the_product_a_name_that_is_not_listed(monkeypatch) -> None:
    from Host import desktop_names

    monkeypatch.setattr(desktop_names, "PRODUCT", Path(__file__).parent)
    timer = qt.QTimer()

    assert declared_in(read_list(), "QTimer", "start")
    timer.start(1000)
    for use in (lambda: timer.intervalAsDuration(), lambda: timer.connect("objectNameChanged(QString)", print)):
        with pytest.raises(AttributeError, match=r"desktop_names\.json"):
            use()
