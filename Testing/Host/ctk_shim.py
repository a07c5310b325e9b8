"""The widgets of `ctk` that the project uses.

As in Slicer they have properties and few methods: `slider.maximum = 3`, there is no `setMaximum`; and none takes a text
when it is made.
"""

from __future__ import annotations

from Host import qt_shim as qt
from Host.pythonqt import plain_property

HEADER_HEIGHT = 24


def number_of(part: str, name: str, kind: type = float) -> qt.Property:
    """Return a property that is one of a widget inside."""
    return qt.Property(
        kind,
        lambda self: kind(getattr(getattr(self, part), name)),
        lambda self, value: setattr(getattr(self, part), name, value),
    )


class ctkCollapsibleButton(qt.QAbstractButton):
    """A header that hides and shows what its layout holds."""

    contentsCollapsed = qt.Signal(bool)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._collapsed = False
        self.setContentsMargins(0, HEADER_HEIGHT, 0, 0)
        self.setSizePolicy(qt.QSizePolicy.Preferred, qt.QSizePolicy.Maximum)
        self.clicked.connect(lambda: self._setCollapsed(not self._collapsed))

    def _setCollapsed(self, collapsed):
        if collapsed == self._collapsed:
            return
        self._collapsed = collapsed
        for child in self.children():
            if isinstance(child, qt.QWidget):
                child.setVisible(not collapsed)
        self.setMaximumHeight(HEADER_HEIGHT if collapsed else 16777215)  # QWIDGETSIZE_MAX
        self.updateGeometry()
        self.update()
        self.contentsCollapsed.emit(collapsed)

    collapsed = qt.Property(bool, lambda self: self._collapsed, _setCollapsed)

    def sizeHint(self):
        layout = None if self._collapsed else self.layout()
        header = qt.QSize(60, HEADER_HEIGHT)
        return header if layout is None else layout.totalSizeHint().expandedTo(header)

    minimumSizeHint = sizeHint

    def paintEvent(self, _event):
        painter = qt.QPainter(self)
        painter.fillRect(0, 0, self.width, HEADER_HEIGHT, self.palette.button())
        sign = "▸" if self._collapsed else "▾"
        painter.drawText(6, 0, self.width, HEADER_HEIGHT, qt.Qt.AlignVCenter, f"{sign} {self.text}")
        painter.end()


class ctkCollapsibleGroupBox(qt.QGroupBox):
    """A group box whose contents can be hidden."""

    def __init__(self, parent=None):
        super().__init__(parent)
        self._collapsed = False

    def _setCollapsed(self, collapsed):
        self._collapsed = collapsed
        for child in self.children():
            if isinstance(child, qt.QWidget):
                child.setVisible(not collapsed)
        self.setMaximumHeight(HEADER_HEIGHT if collapsed else 16777215)  # QWIDGETSIZE_MAX

    collapsed = qt.Property(bool, lambda self: self._collapsed, _setCollapsed)


class ctkDoubleSpinBox(qt.QWidget):
    """A spin box for numbers."""

    valueChanged = qt.Signal(float)
    editingFinished = qt.Signal()

    def __init__(self, parent=None):
        super().__init__(parent)
        self._box = qt.QDoubleSpinBox()
        layout = qt.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._box)
        self._box.valueChanged.connect(self.valueChanged.emit)
        self._box.editingFinished.connect(self.editingFinished.emit)

    value, minimum, maximum, singleStep = (
        number_of("_box", name) for name in ("value", "minimum", "maximum", "singleStep")
    )
    decimals = number_of("_box", "decimals", int)
    prefix, suffix = number_of("_box", "prefix", str), number_of("_box", "suffix", str)

    def setValue(self, value):
        self._box.value = value


class ctkSliderWidget(qt.QWidget):
    """A slider with its number beside it."""

    valueChanged = qt.Signal(float)
    valueIsChanging = qt.Signal(float)
    STEPS = 1000

    def __init__(self, parent=None):
        super().__init__(parent)
        self._tracking, self._pageStep, self._tickInterval, self._spinBoxVisible = True, 10.0, 0.0, True
        self._slider, self._box = qt.QSlider(qt.Qt.Horizontal), qt.QDoubleSpinBox()
        self._slider.setRange(0, self.STEPS)
        layout = qt.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._slider)
        layout.addWidget(self._box)
        self._slider.sliderMoved.connect(self._dragged)
        self._slider.sliderReleased.connect(lambda: self._tracking or self._changed(self.value))
        self._box.valueChanged.connect(self._changed)

    value, minimum, maximum, singleStep = (
        number_of("_box", name) for name in ("value", "minimum", "maximum", "singleStep")
    )
    decimals = number_of("_box", "decimals", int)
    prefix, suffix = number_of("_box", "prefix", str), number_of("_box", "suffix", str)
    tracking = plain_property(bool, "_tracking")
    pageStep = plain_property(float, "_pageStep")
    tickInterval = plain_property(float, "_tickInterval")
    spinBoxVisible = qt.Property(bool, lambda self: self._spinBoxVisible, lambda self, on: self.setSpinBoxVisible(on))

    def setValue(self, value):
        self._box.value = value

    def setDecimals(self, decimals):
        self._box.decimals = decimals

    def setSpinBoxVisible(self, visible):
        self._spinBoxVisible = visible
        self._box.setVisible(visible)

    def reset(self):
        self._box.value = self._box.minimum

    def _dragged(self, step):
        self._box.value = self.minimum + step / self.STEPS * (self.maximum - self.minimum)

    def _changed(self, value):
        span = self.maximum - self.minimum
        if not self._slider.isSliderDown():
            self._slider.value = round((value - self.minimum) / span * self.STEPS) if span else 0
        if self._slider.isSliderDown() and not self._tracking:
            self.valueIsChanging.emit(value)
        else:
            self.valueChanged.emit(value)


class ctkRangeWidget(qt.QWidget):
    """Two numbers, the first not larger than the second."""

    valuesChanged = qt.Signal(float, float)
    minimumValueChanged = qt.Signal(float)
    maximumValueChanged = qt.Signal(float)
    rangeChanged = qt.Signal(float, float)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._low, self._high = qt.QDoubleSpinBox(), qt.QDoubleSpinBox()
        layout = qt.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._low)
        layout.addWidget(self._high)
        self._low.valueChanged.connect(self.setMinimumValue)
        self._high.valueChanged.connect(self.setMaximumValue)
        self._values = (0.0, 99.0)
        self.setRange(*self._values)
        self.setValues(0.0, 99.0)

    def setRange(self, low, high):
        for box in (self._low, self._high):
            box.setRange(low, high)
        self.rangeChanged.emit(low, high)

    def setValues(self, low, high):
        for box, value in ((self._low, low), (self._high, high)):
            box.blockSignals(True)
            box.value = value
            box.blockSignals(False)
        before, self._values = self._values, (self._low.value, self._high.value)
        signals = (self.minimumValueChanged, self.maximumValueChanged)
        for old, new, signal in zip(before, self._values, signals, strict=True):
            if old != new:
                signal.emit(new)
        if before != self._values:
            self.valuesChanged.emit(*self._values)

    def setMinimumValue(self, value):
        self.setValues(value, max(value, self._high.value))

    def setMaximumValue(self, value):
        self.setValues(min(value, self._low.value), value)

    def _setBoth(self, name, value):
        setattr(self._low, name, value)
        setattr(self._high, name, value)

    minimumValue = qt.Property(float, lambda self: self._low.value, setMinimumValue)
    maximumValue = qt.Property(float, lambda self: self._high.value, setMaximumValue)
    minimum = qt.Property(float, lambda self: self._low.minimum, lambda self, v: self.setRange(v, self._low.maximum))
    maximum = qt.Property(float, lambda self: self._low.maximum, lambda self, v: self.setRange(self._low.minimum, v))
    singleStep = qt.Property(float, lambda self: self._low.singleStep, lambda self, v: self._setBoth("singleStep", v))
    decimals = qt.Property(int, lambda self: self._low.decimals, lambda self, v: self._setBoth("decimals", v))
    suffix = qt.Property(str, lambda self: self._low.suffix, lambda self, v: self._setBoth("suffix", v))


class ctkPathLineEdit(qt.QWidget):
    """The path of a file."""

    Files, Dirs, Readable, Writable = 2, 1, 16, 32
    currentPathChanged = qt.Signal(str)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._filters, self._nameFilters, self._settingKey, self._browse = 0, [], "", True
        self._line = qt.QLineEdit()
        layout = qt.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._line)
        self._line.textChanged.connect(self.currentPathChanged.emit)

    currentPath = number_of("_line", "text", str)
    filters = plain_property(int, "_filters")
    nameFilters = plain_property("QStringList", "_nameFilters")
    settingKey = plain_property(str, "_settingKey")
    showBrowseButton = plain_property(bool, "_browse")

    def setCurrentPath(self, path):
        self._line.text = path

    def addCurrentPathToHistory(self):
        """Keep nothing: the history is not shown here."""


class ctkComboBox(qt.QComboBox):
    """A list that can show a text while nothing is chosen."""

    def __init__(self, parent=None):
        super().__init__(parent)
        self._defaultText = ""

    defaultText = plain_property(str, "_defaultText")


class ctkMenuButton(qt.QPushButton):
    """A button with a menu behind its arrow."""


WIDGETS = (
    ctkCollapsibleButton,
    ctkCollapsibleGroupBox,
    ctkComboBox,
    ctkDoubleSpinBox,
    ctkMenuButton,
    ctkPathLineEdit,
    ctkRangeWidget,
    ctkSliderWidget,
)
