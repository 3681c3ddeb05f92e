"""Files that are there whole or not at all, under names that stay where they belong."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

from digipal.errors import StorageError

_LONGEST_NAME = 100
_OWNER_ONLY = 0o600


def safe_name(text: str) -> str:
    """A file name for any text, never the same for two: what could lead elsewhere is percent-encoded.

    Of a text too long for a file name the beginning is kept and the rest stands as its SHA-256.
    """
    name = quote(text, safe="", errors="surrogatepass") or "%"
    if name.startswith("."):
        name = f"%2E{name[1:]}"
    if len(name) <= _LONGEST_NAME:
        return name
    digest = sha256(text.encode(errors="surrogatepass")).hexdigest()
    return f"{name[: _LONGEST_NAME - len(digest)]}~{digest}"


@contextmanager
def disk_faults(doing: str) -> Iterator[None]:
    """A block in which the file system's errors become StorageErrors that say what was being done."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{doing}: {error}") from error


def make_folder(folder: Path) -> None:
    """Make the folder and those above it; OSError when something else, or a link, stands in its place."""
    folder.mkdir(parents=True, exist_ok=True)
    if folder.is_symlink():
        raise NotADirectoryError(f"{folder} is a link; what is stored there would lie elsewhere")


def write_whole(path: Path, content: bytes) -> None:
    """Write the file or leave what was there before; on disk when this returns."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new file beside `path`, for its owner alone: it becomes `path`, or is removed when the block fails."""
    temporary = path.with_name(f".{uuid4().hex}.tmp")
    try:
        temporary.touch(_OWNER_ONLY, exist_ok=False)
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    except BaseException:
        for leftover in path.parent.glob(f"{temporary.name}*"):
            with suppress(OSError):
                leftover.unlink()
        raise


def _sync(path: Path) -> None:
    """Have the disk hold what was written; of a folder, its names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
