"""Reading from code that runs in Slicer which names of Qt, CTK and Slicer's widgets it uses."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from Host.desktop_names import PRODUCT, TESTING, Classes, declared_in

FORMS = PRODUCT.parent / "Resources" / "UI"
LIBRARIES = {"qt", "ctk"}
KNOWN = {
    "slicer.app": "qSlicerApplication",
    "scriptedEffect": "qSlicerSegmentEditorScriptedEffect",
    "viewWidget": "qMRMLSliceWidget",
    "sliceWidget": "qMRMLSliceWidget",
}
"""What these words always mean in Slicer's code."""


@dataclass
class Found:
    """What code uses: (class, member), an empty member for the class alone, and what PythonQt would not take."""

    uses: set[tuple[str, str]] = field(default_factory=set)
    signals: set[str] = field(default_factory=set)
    mistakes: list[str] = field(default_factory=list)
    words: set[str] = field(default_factory=set)


def files_for_the_desktop() -> list[Path]:
    """Return what runs in Slicer: the product but its core, and what drives it there."""
    product = [PRODUCT, *(PRODUCT / "MedSegAILib" / part for part in ("gui", "mrml")), PRODUCT / "MedSegAIEffects"]
    host = TESTING / "Host"
    drivers = [host / f"{name}.py" for name in ("driver", "mouse", "nodes", "picture", "waiting")]
    scenarios = [TESTING / "Slicer", TESTING / "Effects", TESTING / "ConformanceEffects"]
    files = [file for folder in (*product, *scenarios) for file in folder.glob("*.py")]
    return sorted(file for file in (*files, *drivers) if not file.name.startswith(("test_", "conftest")))


def names_in_code(classes: Classes, files: list[Path] | None = None) -> Found:
    """Read all files that run in Slicer; `classes` tells what methods return."""
    found, forms = Found(), widgets_of_forms()
    found.uses.update((kind, "") for kind in forms.values())
    for file in files_for_the_desktop() if files is None else files:
        Reader(file.name, classes, forms, found).read(file.read_text(encoding="utf-8"))
    return found


def widgets_of_forms() -> dict[str, str]:
    """Return the class of every named widget in the project's forms."""
    widgets = {}
    for file in FORMS.glob("*.ui"):
        for widget in ElementTree.parse(file).iter("widget"):  # noqa: S314 a file of the project
            widgets[widget.get("name")] = widget.get("class")
    return widgets


class Reader(ast.NodeVisitor):
    """Reads one file; follows the classes of variables, attributes, widgets of forms and what methods return."""

    def __init__(self, file: str, classes: Classes, forms: dict[str, str], found: Found) -> None:
        self._file, self._classes, self._forms, self._found = file, classes, forms, found
        self._variables: dict[str, str] = {}

    def read(self, source: str) -> None:
        tree, found = ast.parse(source), self._found
        for self._found in (Found(), found):  # an attribute may be used above the place where it is set
            self.visit(tree)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        outer, self._variables = self._variables, dict(self._variables)
        for _ in range(2):
            for part in ast.walk(node):
                self._follow(part)
        self.generic_visit(node)
        attributes = {name: kind for name, kind in self._variables.items() if "." in name}
        self._variables = {**outer, **attributes}

    def _follow(self, node: ast.AST) -> None:
        if isinstance(node, ast.arg) and node.annotation is not None:
            self._note(node.arg, self._class_in(node.annotation))
        for target, value in _assignments(node):
            self._note(ast.unparse(target), self._class_of(value))

    def _note(self, name: str, kind: str | None) -> None:
        if kind is not None:
            self._variables[name] = kind

    def _class_in(self, annotation: ast.AST) -> str | None:
        is_ours = isinstance(annotation, ast.Attribute) and ast.unparse(annotation.value) in LIBRARIES
        return annotation.attr if is_ours else None

    def _class_of(self, node: ast.AST) -> str | None:
        """Return the class of the object that an expression gives; None if it cannot be told."""
        text = ast.unparse(node)
        if text in self._variables or text in KNOWN:
            return self._variables.get(text) or KNOWN[text]
        if isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value).rpartition(".")[2].lstrip("_")
            return self._forms.get(node.attr) if owner == "ui" else KNOWN.get(node.attr)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            return self._static(node.func) or self._returned(node.func)
        return None

    def _static(self, node: ast.AST) -> str | None:
        """Return the class that an expression names: qt.X, slicer.qX, or qX of another module."""
        if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
            return None
        return node.attr if node.value.id in LIBRARIES or node.attr.startswith(("qMRML", "qSlicer")) else None

    def _returned(self, function: ast.Attribute) -> str | None:
        owner = self._static(function.value) or self._class_of(function.value)
        declared = owner and declared_in(self._classes, owner, function.attr)
        if not declared:
            return None
        kind = self._classes[declared[0]]["members"][declared[1]].rpartition("-> ")[2].rstrip("*")
        return kind if kind in self._classes else None

    def _with(self, kind: str, member: str) -> str:
        """Return `kind`, or a class below it if only that has the member: methods say less than what they return."""
        below = [name for name, entry in self._classes.items() if kind in entry["bases"]]
        return next((name for name in (kind, *below) if declared_in(self._classes, name, member)), kind)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._found.words.add(node.attr)
        if (kind := self._static(node)) is not None:
            self._found.uses.add((kind, ""))
        elif (owner := self._static(node.value) or self._class_of(node.value)) is not None:
            self._found.uses.add((self._with(owner, node.attr), node.attr))
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        self._read_signal(node)
        is_theirs = self._static(node.func) or (
            isinstance(node.func, ast.Attribute) and (self._class_of(node.func.value) or self._static(node.func.value))
        )
        if is_theirs and node.keywords:
            self._found.mistakes.append(f"{self._file}:{node.lineno} names an argument: PythonQt takes none by name")
        if ast.unparse(node.func) in {"isinstance", "issubclass"} and self._static(node.args[1]):
            self._found.mistakes.append(f"{self._file}:{node.lineno} asks for a class: PythonQt's have no bases")
        self.generic_visit(node)

    def _read_signal(self, node: ast.Call) -> None:
        is_signal = isinstance(node.func, ast.Attribute) and node.func.attr in {"connect", "disconnect"}
        if not is_signal or not node.args or not isinstance(node.args[0], ast.Constant):
            return
        signature, owner = node.args[0].value, self._class_of(node.func.value)
        self._found.signals.add(signature)
        self._found.words.add(signature.partition("(")[0])
        if owner is not None:
            self._found.uses.add((owner, signature))


def _assignments(node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Yield what is assigned to what, the parts of tuples one by one."""
    if isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
        yield node.target, node.value
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                yield from zip(target.elts, node.value.elts, strict=False)
            else:
                yield target, node.value
