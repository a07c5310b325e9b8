"""PySide6's classes with the manners of PythonQt, which is what Slicer's scripts see as `qt`.

- A property is an attribute: `label.text`, not `label.text()`; a read-only one and an unknown one refuse a value.
- `widget.connect("clicked(bool)", action)` cuts off the arguments that the action does not ask for.
- `exec_` and `processEvents` keep Python's lock, see `Host.event_loop`.

The classes themselves are changed, so that objects that Qt makes (children of a loaded .ui file, buttons of a dialog)
behave like those that a script makes. Where PythonQt goes wrong without a word, this raises.
"""

from __future__ import annotations

import inspect
import sys
from functools import partial
from weakref import WeakKeyDictionary

import shiboken6
from Host.desktop_names import refuse_unlisted
from PySide6 import QtCore

qobjectConnect, qobjectDisconnect = QtCore.QObject.connect, QtCore.QObject.disconnect
connections: WeakKeyDictionary[QtCore.QObject, list] = WeakKeyDictionary()
"""What `disconnect` needs: sender -> [(signal name, action, what Qt calls)]."""

SLOTS = (
    lambda action: lambda: action(),
    lambda action: lambda first: action(first),
    lambda action: lambda first, second: action(first, second),
    lambda action: lambda first, second, third: action(first, second, third),
)
"""What Qt calls, by the number of arguments: PySide6 passes as many as it counts here."""

HIDDEN_PROPERTIES = {"singleShot"}
"""Properties that a function of the same name hides in PythonQt too."""


def present(module) -> dict[str, object]:
    """Return the public names of a PySide6 module, its QObject classes with PythonQt's manners."""
    names = {name: getattr(module, name) for name in dir(module) if not name.startswith("_")}
    for kind in names.values():
        if inspect.isclass(kind) and issubclass(kind, QtCore.QObject):
            _change(kind)
    return names


def plain_property(kind, name: str, changed: str | None = None) -> QtCore.Property:
    """Return a property for a widget of the host that keeps its value in an attribute, and tells by a signal."""

    def write(self, value) -> None:
        if value == getattr(self, name):
            return
        setattr(self, name, value)
        if changed is not None:
            getattr(self, changed).emit(value)

    return QtCore.Property(kind, lambda self: getattr(self, name), write)


def _change(kind: type) -> None:
    meta = kind.staticMetaObject
    for index in range(meta.propertyCount()):
        name = meta.property(index).name()
        is_new = index >= meta.propertyOffset() or name in vars(kind)
        if is_new and name not in HIDDEN_PROPERTIES:
            setattr(kind, name, _attribute(kind, name))
    # every class has slots of its own: what is changed in QObject does not reach the others
    kind.__setattr__ = _set_attribute
    if "__getattribute__" in vars(kind):
        kind.__getattribute__ = _finding_connect(kind.__getattribute__)
    kind.className = lambda self: self.metaObject().className()
    if kind is QtCore.QObject:
        kind.name = property(lambda self: self.objectName)


def _finding_connect(own):
    """Let `connect` and `disconnect` be those below: PySide6 looks for its own past what a class says.

    Properties that classes in Python add are also read here; their lists are tuples, like those of the others.
    """

    def getattribute(self, name: str):
        if name[0] != "_":
            refuse_unlisted(self, name, sys._getframe(1))
        if name in ("connect", "disconnect"):
            return partial(_connect if name == "connect" else _disconnect, self)
        value = own(self, name)
        if isinstance(value, list) and isinstance(inspect.getattr_static(type(self), name, None), QtCore.Property):
            return tuple(value)
        return value

    return getattribute


def _attribute(kind: type, name: str) -> property:
    """Return what reads the property `name`."""
    getter = next((vars(part)[name] for part in kind.__mro__ if name in vars(part)), None)
    getter = getter.fget if isinstance(getter, property) else getter

    def read(self):
        # the getter first: it does not come back here where Qt asks Python for an overridden one
        if callable(getter):
            value = getter(self)
        else:
            meta = self.metaObject()
            value = meta.property(meta.indexOfProperty(name)).read(self)
        return tuple(value) if isinstance(value, list) else value

    return property(read)


def _set_attribute(self, name: str, value) -> None:
    """Write a property; refuse new attributes of objects that the desktop has in C++."""
    refuse_unlisted(self, name, sys._getframe(1))
    meta, kind = self.metaObject(), type(self)
    found = meta.property(meta.indexOfProperty(name))
    if not found.isValid() or name in HIDDEN_PROPERTIES:
        if isinstance(value, QtCore.QObject) and value.objectName == name:
            return  # PySide6 hangs the children of a form on it by their names, PythonQt does not
        if isinstance(value, QtCore.SignalInstance):
            shiboken6.Object.__setattr__(self, name, value)  # PySide6 keeps a signal where it was first asked for
            return
        if name[0] != "_" and (kind.__module__.startswith(("PySide6.", "Host."))):
            message = f"{kind.__name__} has no property {name}: new attributes on C++ objects are not allowed."
            raise AttributeError(message)
        shiboken6.Object.__setattr__(self, name, value)
    elif not found.isWritable():
        message = f"{name} of {kind.__name__} is read-only."
        raise AttributeError(message)
    elif not found.write(self, list(value) if isinstance(value, tuple) else value):
        message = f"{name} of {kind.__name__} is a {found.typeName()}, not a {type(value).__name__}."
        raise ValueError(message)


def _connect(sender, *arguments):
    """Connect a signal, given by its C++ signature, to a callable; everything else is PySide6's own business."""
    if not _is_by_signature(arguments):
        return qobjectConnect(*arguments)
    signature, action = arguments
    refuse_unlisted(sender, signature, sys._getframe(1))
    signal, count = find_signal(sender, signature)
    slot = SLOTS[min(count, required_arguments(action))](action)
    connections.setdefault(sender, []).append((signature, action, slot))
    signal.connect(slot)
    return True


def _disconnect(sender, *arguments):
    """Undo `connect` with the same signature and action; False if there is no such connection."""
    if not _is_by_signature(arguments):
        return qobjectDisconnect(*arguments)
    for entry in connections.get(sender, []):
        if entry[:2] == arguments:
            connections[sender].remove(entry)
            find_signal(sender, entry[0])[0].disconnect(entry[2])
            return True
    return False


def _is_by_signature(arguments: tuple) -> bool:
    return len(arguments) == 2 and isinstance(arguments[0], str) and not arguments[0][:1].isdigit()


def find_signal(sender: QtCore.QObject, signature: str):
    """Return the signal of a C++ signature and its number of arguments; AttributeError if there is none."""
    name, _, rest = signature.partition("(")
    types = [part.strip() for part in rest.rstrip(")").split(",") if part.strip()]
    meta = sender.metaObject()
    methods = [meta.method(index) for index in range(meta.methodCount())]
    same = [m for m in methods if m.name().data().decode() == name and m.methodType() == m.MethodType.Signal]
    fitting = [[part.data().decode() for part in m.parameterTypes()] for m in same]
    fitting = [kinds for kinds in fitting if len(kinds) == len(types)]
    if not rest.endswith(")") or not fitting:
        message = f"{type(sender).__name__} has no signal {signature}."
        raise AttributeError(message)
    # the widgets of the host have no types of their own for nodes: what does not fit exactly is taken as the first
    chosen = types if types in fitting else fitting[0]
    return (getattr(sender, name)[tuple(chosen)] if len(same) > 1 else getattr(sender, name)), len(types)


def required_arguments(action) -> int:
    """Count the arguments without default; PythonQt does not fill the others."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(action).parameters.values()
    if any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters):
        return len(parameters) + 99
    return sum(parameter.kind in kinds and parameter.default is parameter.empty for parameter in parameters)
