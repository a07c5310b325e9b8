"""The names of Qt, CTK and Slicer's widgets that the project uses, and that a real desktop has.

`desktop_names.json` lists them. The host refuses the product's code every other name, a test compares the list with the
code, and another one compares it with a recording of a real Slicer. After using a new name:

    python3 Testing/Host/desktop_names.py RECORDING [Class.member ...]

adds what the code uses; only names that cannot be told from the code have to be given (the host's error says so).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import FrameType

TESTING = Path(__file__).resolve().parents[1]
PRODUCT = TESTING.parent / "MedSegAI"
LIST = Path(__file__).with_name("desktop_names.json")
OF_EVERY_OBJECT = frozenset({"className", "connect", "delete", "disconnect", "exec_", "inherits", "objectName"})

Classes = dict[str, dict]
"""Class name -> {"bases": [...], "members": {name or signal(types): what it is}}."""


def read_list(file: Path = LIST) -> Classes:
    return json.loads(file.read_text(encoding="utf-8"))


def read_recording(file: Path) -> Classes:
    """Return what a real desktop had, from its recording by introspection."""
    recorded = json.loads(file.read_text(encoding="utf-8"))
    entries = {name: entry for part in ("other", "slicer", "ctk", "qt") for name, entry in recorded[part].items()}
    classes = {name: {"bases": entry.get("bases", []), "members": _members(entry)} for name, entry in entries.items()}
    application = classes.setdefault(recorded["slicer.app"]["class"], {"bases": [], "members": {}})
    for name in recorded["slicer.app"]["names"]:
        application["members"].setdefault(name, "")
    return classes


def _members(entry: dict) -> dict[str, str]:
    members = dict.fromkeys(entry.get("signals", ()), "signal")
    for name in (*entry.get("names", ()), *entry.get("pythonFunctions", ())):
        members[name] = ""
    for group in ("enumKeys", "methods", "props"):
        for name, kind in entry.get(group, {}).items():
            members[name] = " or ".join(kind) if isinstance(kind, list) else str(kind)
    return members


def declared_in(classes: Classes, kind: str, member: str) -> tuple[str, str] | None:
    """Return the class that has a member, and the member as it is listed; a signal is found with or without types."""
    for name in (kind, *classes.get(kind, {}).get("bases", ())):
        for listed in classes.get(name, {}).get("members", ()):
            if listed == member or ("(" not in member and listed.partition("(")[0] == member):
                return name, listed
    return None


def select(recording: Classes, uses: Iterable[tuple[str, str]]) -> Classes:
    """Return the part of a recording that is used; ValueError names what the desktop does not have."""
    selected: Classes = {}
    missing = []
    for kind, member in uses:
        found = (kind, "") if not member and kind in recording else declared_in(recording, kind, member)
        if found is None:
            if member not in OF_EVERY_OBJECT:
                missing.append(f"{kind}.{member}")
            continue
        for name in {kind, found[0]}:
            selected.setdefault(name, {"bases": recording[name]["bases"], "members": {}})
        if found[1]:
            selected[found[0]]["members"][found[1]] = recording[found[0]]["members"][found[1]]
    if missing:
        message = f"The desktop has no {', '.join(sorted(missing))}."
        raise ValueError(message)
    return {
        name: {"bases": entry["bases"], "members": dict(sorted(entry["members"].items()))}
        for name, entry in sorted(selected.items())
    }


@cache
def allowed() -> dict[str, frozenset[str]]:
    """Return the listed names of every class with its bases, signals with and without their types."""
    listed = read_list()

    def own(kind: str) -> list[str]:
        members = listed[kind]["members"] if kind in listed else ()
        return [part for name in members for part in (name, name.partition("(")[0])]

    return {
        kind: frozenset(name for part in (kind, *entry["bases"]) for name in own(part))
        for kind, entry in listed.items()
    }


def refuse_unlisted(thing: object, name: str, frame: FrameType) -> None:
    """Raise AttributeError if the product's code in `frame` uses a name of a desktop's object that is not listed."""
    code = frame.f_code
    if not code.co_filename.startswith(f"{PRODUCT}/") or name in OF_EVERY_OBJECT:
        return
    # Qt itself asks for attributes, too, while the product calls it: those names are not in the code
    if "(" not in name and name not in code.co_names:
        return
    listed, theirs, own = allowed(), [], []
    for kind in type(thing).__mro__:
        (theirs if kind.__module__.startswith(("PySide6.", "Host.")) else own).append(kind)
    if any(name in listed.get(kind.__name__, ()) for kind in theirs) or any(name in vars(kind) for kind in own):
        return
    message = (
        f"{theirs[0].__name__}.{name} is not in desktop_names.json. If a real Slicer has it, run"
        f" python3 Testing/Host/desktop_names.py RECORDING '{theirs[0].__name__}.{name}'"
    )
    raise AttributeError(message)


def main(arguments: list[str]) -> None:
    sys.path.insert(0, str(TESTING))
    from Host.names_in_code import names_in_code

    recording = read_recording(Path(arguments[0]))
    found = names_in_code(recording)
    kept = [(kind, member) for kind, entry in read_list().items() for member in entry["members"]]
    kept = [(kind, member) for kind, member in kept if member.partition("(")[0] in found.words]
    # whose signal it is cannot always be told: it may be that of any class in use that has it
    signals = [(kind, name) for kind, _ in found.uses for name in found.signals if declared_in(recording, kind, name)]
    uses = [*found.uses, *signals, *kept, *(tuple(name.split(".")) for name in arguments[1:])]
    LIST.write_text(json.dumps(select(recording, uses), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
