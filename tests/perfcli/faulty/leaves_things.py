"""An engine that leaves a thread, a connection and a file behind, prints, and logs an error that nobody sees."""

from __future__ import annotations

import logging
import sqlite3
import threading
from pathlib import Path

from digipal.storage.storage_manager import StorageManager as Sound

_CONNECTIONS: list[sqlite3.Connection] = []


class StorageManager(Sound):
    def close(self) -> None:
        super().close()
        threading.Thread(target=threading.Event().wait, name="left behind", daemon=True).start()
        connection = sqlite3.connect(self.db_path, check_same_thread=False)
        connection.execute("SELECT COUNT(*) FROM users").fetchone()
        _CONNECTIONS.append(connection)
        Path("stray.txt").write_text("left behind", encoding="utf-8")
        logging.getLogger("digipal.storage").error("swallowed: %s", "a failure")
        print("debug: closed")
