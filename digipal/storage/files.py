"""Files that are there whole or not at all, under names that stay where they belong."""

import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

from digipal.errors import StorageError

_LONGEST_NAME = 100
_OWNER_ONLY = 0o600
_UNFINISHED = ".unfinished"
_LOCK = "lock"
SMALLEST_DATABASE_BYTES = 512
"""One page of the smallest size."""


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
    """A new file for its owner alone: it becomes `path`, or is removed when the block fails.

    Until then it lies in a folder of its own beside `path`, locked, so that others can tell one in use from one that
    a killed process left.
    """
    if path.parent not in _cleared:
        clear_unfinished(path.parent)
        _cleared.add(path.parent)
    unfinished, lock = _locked_folder(path.parent)
    try:
        temporary = unfinished / "file"
        create_private(temporary)
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        os.close(lock)


_cleared: set[Path] = set()


def _locked_folder(parent: Path) -> tuple[Path, int]:
    """A new folder, and the descriptor that keeps it locked."""
    while True:
        folder = parent / f".{uuid4().hex}{_UNFINISHED}"
        folder.mkdir(0o700)
        with suppress(FileNotFoundError):  # it was cleared away before it was locked
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
            with suppress(OSError):  # a file system without locks: there, nothing is ever cleared away
                fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():
                return folder, lock
            os.close(lock)


def clear_unfinished(folder: Path) -> None:
    """Remove from the folder what processes that are no more left half-written; what cannot be removed stays."""
    for unfinished in folder.glob(f".{'[0-9a-f]' * 32}{_UNFINISHED}"):
        with suppress(OSError):
            if not any(unfinished.iterdir()):
                unfinished.rmdir()
                continue
            lock = os.open(unfinished / _LOCK, os.O_RDWR)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(unfinished, ignore_errors=True)
            finally:
                os.close(lock)


def create_private(path: Path) -> None:
    """An empty file that its owner alone may read, whatever the umask; FileExistsError if there is one."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    try:
        os.fchmod(descriptor, _OWNER_ONLY)
    finally:
        os.close(descriptor)


def prepare_database(path: Path) -> None:
    """Create the file of a new database, for its owner alone; StorageError for a file that cannot be a database.

    SQLite takes a file of one byte for a new database, and an empty one too: it would throw its -wal file away.
    A file with a journal beside it is left to SQLite, which has something to undo.
    """
    file = os.path.realpath(path)
    try:
        create_private(Path(file))
    except FileExistsError:
        status = os.stat(file)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(f"{path} is a directory") from None
        if not stat.S_ISREG(status.st_mode):
            raise StorageError(f"{path} is not a regular file") from None
        size = status.st_size
        if size == 0 and _size(f"{file}-wal"):
            raise StorageError(
                f"{path} is empty, and {path.name}-wal beside it is not: the file was cut; put a backup in its place, "
                "or remove both to begin anew"
            ) from None
        if 0 < size < SMALLEST_DATABASE_BYTES and not _size(f"{file}-journal"):
            raise StorageError(
                f"{path} is not a database: it holds {size} bytes; remove it, or name another file"
            ) from None


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _sync(path: Path) -> None:
    """Have the disk hold what was written; of a folder, its names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
