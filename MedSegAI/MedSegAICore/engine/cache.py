"""A cache that knows how many bytes it holds."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

GIBIBYTE = 1 << 30


class ByteBoundedCache:
    """Keep the values that were used last, as long as they fit; safe across threads.

    Parameters
    ----------
    limit_bytes
        Most bytes to hold. A value that is larger by itself is not kept.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._size_bytes = 0
        self._entries: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def size_bytes(self) -> int:
        """Bytes held now."""
        with self._lock:
            return self._size_bytes

    def get(self, key: Hashable) -> Any:
        """Return the value put under `key` and mark it as used, or None if it is not there."""
        with self._lock:
            if key not in self._entries:
                return None
            self._entries.move_to_end(key)
            return self._entries[key][0]

    def put(self, key: Hashable, value: Any, size_bytes: int) -> None:
        """Keep `value` of `size_bytes` under `key`; values unused for longest make room for it."""
        with self._lock:
            self._drop(key)
            if size_bytes > self._limit_bytes:
                return
            while self._size_bytes + size_bytes > self._limit_bytes:
                self._drop(next(iter(self._entries)))
            self._entries[key] = (value, size_bytes)
            self._size_bytes += size_bytes

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self._size_bytes = 0

    def _drop(self, key: Hashable) -> None:
        _, size_bytes = self._entries.pop(key, (None, 0))
        self._size_bytes -= size_bytes
