"""A small cache: the least recently used goes first, and nothing stays for ever."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any


class MemoryCache:
    """At most `max_size` values, each for `ttl_seconds` after it was put; `clock` gives seconds. Thread-safe."""

    def __init__(
        self, max_size: int = 1000, ttl_seconds: float = 3600, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.max_size = max_size
        self.ttl_seconds = ttl_seconds
        self._clock = clock
        self._entries: OrderedDict[str, tuple[float, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> Any:
        """The value, which becomes the most recently used; None when it is absent or too old."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            expires, value = entry
            if self._clock() >= expires:
                del self._entries[key]
                return None
            self._entries.move_to_end(key)
            return value

    def put(self, key: str, value: Any) -> None:
        """Keep the value, as the most recently used."""
        with self._lock:
            self._entries[key] = (self._clock() + self.ttl_seconds, value)
            self._entries.move_to_end(key)
            while len(self._entries) > self.max_size:
                self._entries.popitem(last=False)

    def remove(self, key: str) -> bool:
        """Drop the value; whether there was one."""
        with self._lock:
            return self._entries.pop(key, None) is not None

    def clear(self) -> None:
        """Drop every value."""
        with self._lock:
            self._entries.clear()

    def size(self) -> int:
        """How many values are kept, those too old but not yet met included."""
        with self._lock:
            return len(self._entries)

    def shutdown(self) -> None:
        """Drop every value; the cache owns nothing else."""
        self.clear()
