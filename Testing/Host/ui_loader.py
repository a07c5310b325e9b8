"""Forms made in Qt Designer, with the widgets of ctk and Slicer in them."""

from __future__ import annotations

from xml.etree import ElementTree

from Host import pythonqt
from Host import qt_shim as qt
from PySide6 import QtUiTools

pythonqt.present(QtUiTools)


class QUiLoader(QtUiTools.QUiLoader):
    """Builds a form as the desktop does, and refuses widgets that nobody has."""

    kinds: dict[str, type] = {}
    """The widgets of ctk and Slicer, by name."""

    def __init__(self, parent=None):
        super().__init__(parent)
        self._made = []

    def load(self, device, parent=None):
        form = ElementTree.fromstring(device.readAll().data())  # noqa: S314 a file of the project
        self._refuse_unknown(form)
        connections = form.find("connections")
        if connections is not None:
            form.remove(connections)
        buffer = qt.QBuffer()
        buffer.setData(ElementTree.tostring(form))
        buffer.open(qt.QIODevice.ReadOnly)
        widget = super().load(buffer, parent)
        for connection in () if connections is None else connections:
            _connect(widget, **{part.tag: part.text for part in connection})
        return widget

    def createWidget(self, class_name, parent=None, name=""):
        kind = self.kinds.get(class_name)
        widget = kind(parent) if kind is not None else super().createWidget(class_name, parent, name)
        widget.objectName = name
        self._made.append(widget)
        return widget

    def _refuse_unknown(self, form: ElementTree.Element) -> None:
        used = {widget.get("class") for widget in form.iter("widget")}
        unknown = used - {*self.availableWidgets(), *self.kinds, "Line"}
        if unknown:
            message = f"No such widgets in the host: {', '.join(sorted(unknown))}."
            raise ValueError(message)


def _connect(root, sender: str, signal: str, receiver: str, slot: str, hints=None) -> None:
    sender, receiver = (
        root if root.objectName == name else root.findChild(qt.QObject, name) for name in (sender, receiver)
    )
    sender.connect(signal, getattr(receiver, slot.partition("(")[0]))
