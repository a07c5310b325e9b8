"""Filling lists, tables and combo boxes without telling those who listen to the user."""

from __future__ import annotations

import qt

SWATCH = 12
"""Size of a structure's colour in a list [pixels]."""


class RowFiller:
    """Fills trees with rows of texts, and leaves alone what is shown already.

    A tree that is filled again loses the user's selection and place.
    """

    def __init__(self):
        self._shown = {}

    def fill(self, tree, rows, look=None):
        """Show rows of texts in a tree, if they are not there already; return the new items.

        Parameters
        ----------
        tree
            The `QTreeWidget`.
        rows
            Tuples of texts.
        look
            What else the rows look like: another one fills the tree anew.
        """
        state = (list(rows), look)
        if self._shown.get(tree.objectName) == state:
            return []
        self._shown[tree.objectName] = state
        tree.clear()
        items = [qt.QTreeWidgetItem() for _row in rows]
        for item, texts in zip(items, rows, strict=True):
            for column, text in enumerate(texts):
                item.setText(column, text)
            tree.addTopLevelItem(item)
        fitColumns(tree)
        return items


def fitColumns(tree):
    """Make every column of a tree as wide as its texts."""
    for column in range(tree.columnCount):
        tree.resizeColumnToContents(column)


def currentRow(tree):
    """Return the number of the selected row of a tree; -1 without one."""
    item = tree.currentItem()
    return -1 if item is None else tree.indexOfTopLevelItem(item)


def swatch(color):
    """Return a colour (red, green, blue in [0, 1]) as an icon."""
    pixmap = qt.QPixmap(SWATCH, SWATCH)
    pixmap.fill(qt.QColor.fromRgbF(*color))
    return qt.QIcon(pixmap)


def refill(comboBox, titles):
    """Offer other choices."""
    wasBlocked = comboBox.blockSignals(True)
    comboBox.clear()
    comboBox.addItems(titles)
    comboBox.blockSignals(wasBlocked)


def setIndex(comboBox, index):
    """Show a choice."""
    wasBlocked = comboBox.blockSignals(True)
    comboBox.currentIndex = index
    comboBox.blockSignals(wasBlocked)
