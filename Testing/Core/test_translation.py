"""What users read in Slicer: sentences go through Slicer's translation call, and every control says what it does."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("MedSegAILib/gui", "MedSegAILib/mrml", "MedSegAIEffects", ".")
FORMS = sorted((ROOT / "Resources" / "UI").glob("*.ui"))
TRANSLATES = {"_", "translate"}
FOR_DEVELOPERS = {"logging"}
"""What is called with words that only developers read."""
WITHOUT_TOOLTIP = {"QWidget", "qMRMLWidget", "QLabel"}
"""Widgets that do nothing; labels say what they are."""


def files_of_the_desktop() -> list[Path]:
    return sorted(file for folder in FOLDERS for file in (ROOT / "MedSegAI" / folder).glob("*.py"))


def untranslated(source: str) -> list[str]:
    """Return the sentences in Python code that go through no translation call."""
    return list(_sentences(ast.parse(source)))


def _sentences(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Call) and _called(node.func) in TRANSLATES | FOR_DEVELOPERS:
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring
    if isinstance(node, ast.ClassDef) and any(_called(base) == "Enum" for base in node.bases):
        return  # its values are for the code
    text = _text(node)
    if text is not None:
        if re.search(r"[a-z]{2,}\W* [a-z]{2,}", text):
            yield text
        return
    for child in ast.iter_child_nodes(node):
        yield from _sentences(child)


def _called(function: ast.expr) -> str:
    """Return a name, or for a method the name of what it belongs to."""
    if isinstance(function, ast.Attribute):
        return _called(function.value)
    return function.id if isinstance(function, ast.Name) else ""


def _text(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "X" for part in node.values)
    return None


@pytest.mark.parametrize("file", files_of_the_desktop(), ids=lambda file: file.relative_to(ROOT).as_posix())
def test_sentences_go_through_slicers_translation(file) -> None:
    assert untranslated(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("raise E('This is wrong.')", ["This is wrong."]),
        ("say(f'{name} has no voxels.')", ["X has no voxels."]),
        ("say(_('This is right.').format(name=name))", []),
        ("logging.info('For the log only: %s', error)", []),
        ("def f():\n    'Return a sentence.'", []),
        ("class State(Enum):\n    READY = 'ready to use'", []),
        ("KEY = 'MedSegAI.Number'", []),
    ],
)
def test_a_sentence_without_translation_is_seen(source, found) -> None:
    assert untranslated(source) == found


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_every_control_of_a_form_has_a_tooltip(form) -> None:
    tree = ElementTree.parse(form)  # noqa: S314 a file of the project
    widgets = [widget for widget in tree.iter("widget") if widget.get("class") not in WITHOUT_TOOLTIP]
    silent = [widget.get("name") for widget in widgets if widget.find("property[@name='toolTip']") is None]

    assert len(widgets) > 5
    assert silent == []
