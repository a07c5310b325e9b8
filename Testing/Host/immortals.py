"""None, True and False never end from Python 3.12 on; PySide6 relies on that with older Pythons, too, and crashes them.

Each signal and each method without a result gives back a reference that it never took; after some thousand calls the
interpreter finds that nobody uses None any more. So they get more references than anybody can give back.
"""

from __future__ import annotations

import ctypes
import sys

ENOUGH = 1 << 30


def keep_immortals() -> None:
    """Do in an older Python what 3.12 does by itself."""
    if sys.version_info < (3, 12):
        for thing in (None, True, False):
            ctypes.c_ssize_t.from_address(id(thing)).value += ENOUGH
