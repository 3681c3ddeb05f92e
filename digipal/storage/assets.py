"""Pictures of pets: a folder for each user."""

import os
import re
import stat
from datetime import datetime
from pathlib import Path
from typing import Any

from digipal.errors import AssetNameError
from digipal.storage.files import disk_faults, make_folder, safe_name, write_whole

BACKUPS_FOLDER = "backups"
"""The one folder among the assets that is no user's."""

_PICTURES = {".png", ".jpg", ".jpeg", ".gif"}
_UNSAFE = re.compile(r"[/\\:\x00-\x1f\x7f\ud800-\udfff]")
"""Separators of any system, control characters, and halves of characters."""
_LONGEST_SHOWN = 60


def save_asset(assets_path: Path, user_id: str, filename: str, content: bytes) -> Path:
    """Write a file of the user, whole or not at all, and say where; one of that name is replaced."""
    _refuse_unsafe(filename)
    folder = _folder(assets_path, user_id)
    with disk_faults(f"asset {_shown(filename)} of user {_shown(user_id)} could not be written"):
        make_folder(folder)
        write_whole(folder / filename, content)
    return folder / filename


def list_assets(assets_path: Path, user_id: str) -> list[dict[str, Any]]:
    """The user's pictures by name: filename, path, size in bytes, and when it was modified (naive local time)."""
    folder = _folder(assets_path, user_id)
    if folder.is_symlink() or not folder.is_dir():
        return []
    with disk_faults(f"the assets of user {_shown(user_id)} could not be listed"):
        return [
            {
                "filename": entry.name,
                "path": entry.path,
                "size": entry.stat().st_size,
                "modified": datetime.fromtimestamp(entry.stat().st_mtime),
            }
            for entry in sorted(os.scandir(folder), key=lambda entry: entry.name)
            if Path(entry.name).suffix.lower() in _PICTURES and entry.is_file(follow_symlinks=False)
        ]


def folder_size_bytes(folder: Path) -> int:
    """What the files in the folder and below take, links not followed; 0 without the folder."""
    size_bytes = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                status = os.lstat(os.path.join(parent, name))
            except FileNotFoundError:
                continue  # removed since it was listed
            size_bytes += status.st_size if stat.S_ISREG(status.st_mode) else 0
    return size_bytes


def _folder(assets_path: Path, user_id: str) -> Path:
    name = safe_name(user_id)
    # A user may be called like the folder that is nobody's; "%62" is how safe_name would never write a "b".
    return assets_path / (name if name != BACKUPS_FOLDER else f"%62{name[1:]}")


def _refuse_unsafe(filename: str) -> None:
    if filename in ("", ".", "..") or _UNSAFE.search(filename):
        raise AssetNameError(
            f"{_shown(filename)} is not a plain file name: use one without a path or control characters"
        )


def _shown(name: str) -> str:
    return repr(name if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}…")
