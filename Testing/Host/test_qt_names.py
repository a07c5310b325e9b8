"""What the user interface asks of Qt exists in Slicer's Python, as recorded in a real desktop."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

GUI = Path(__file__).resolve().parents[2] / "MedSegAI" / "MedSegAILib" / "gui"
GIVEN_TO_EVERY_OBJECT = {"connect", "disconnect", "exec_"}


@pytest.fixture(scope="module")
def recorded(shared) -> dict:
    """Class name -> entry of the recording."""
    listed = json.loads((shared / "facts" / "qt_api.json").read_text(encoding="utf-8"))
    return {name: entry for part in ("other", "slicer", "ctk", "qt") for name, entry in listed[part].items()}


def names_of(recorded: dict, kind: str) -> set[str]:
    found = set(GIVEN_TO_EVERY_OBJECT)
    for part in (kind, *recorded[kind].get("bases", ())):
        for group in ("props", "methods", "enumKeys", "names", "pythonFunctions"):
            found.update(recorded.get(part, {}).get(group) or ())
        found.update(signal.split("(")[0] for signal in recorded.get(part, {}).get("signals", ()))
    return found


def trees() -> list[ast.AST]:
    return [ast.parse(file.read_text(encoding="utf-8")) for file in GUI.glob("*.py")]


def nodes(kind: type) -> list:
    return [node for tree in trees() for node in ast.walk(tree) if isinstance(node, kind)]


def test_every_class_of_qt_is_in_slicer(recorded) -> None:
    used = {node.attr for node in nodes(ast.Attribute) if isinstance(node.value, ast.Name) and node.value.id == "qt"}

    assert used
    assert used <= recorded.keys()


def test_every_static_name_of_a_qt_class_is_in_slicer(recorded) -> None:
    used = {
        (node.value.attr, node.attr)
        for node in nodes(ast.Attribute)
        if isinstance(node.value, ast.Attribute)
        and isinstance(node.value.value, ast.Name)
        and node.value.value.id == "qt"
    }

    assert used
    assert not [(kind, name) for kind, name in used if name not in names_of(recorded, kind)]


def test_every_connected_signal_is_in_slicer_with_its_arguments(recorded) -> None:
    signals = {signal for entry in recorded.values() for signal in entry.get("signals", ())}
    used = {
        node.args[0].value
        for node in nodes(ast.Call)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "connect"
    }

    assert used
    assert used <= signals


@pytest.mark.parametrize(("variable", "kind"), [("_process", "QProcess"), ("timer", "QTimer"), ("loop", "QEventLoop")])
def test_every_method_of_an_object_is_in_slicer(recorded, variable, kind) -> None:
    used = {node.attr for node in nodes(ast.Attribute) if ast.unparse(node.value).split(".")[-1] == variable}

    assert used
    assert used <= names_of(recorded, kind)
