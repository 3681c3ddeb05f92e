"""An engine whose backups are listed, have files, and hold no data."""

from __future__ import annotations

import json
from pathlib import Path

from digipal.storage.storage_manager import StorageManager as Sound

NOTHING = json.dumps({"user": None, "pets": [], "interactions": [], "care_actions": []})


class StorageManager(Sound):
    def create_backup(self, user_id: str, backup_type: str = "manual", pet_id: str | None = None) -> bool:
        if not super().create_backup(user_id, backup_type, pet_id):
            return False
        newest = self.get_backups(user_id, limit=1)[0]
        Path(newest["file_path"]).write_text(NOTHING, encoding="utf-8")
        self.db.execute_update("UPDATE backups SET backup_data = ? WHERE id = ?", (NOTHING, newest["id"]))
        return True
