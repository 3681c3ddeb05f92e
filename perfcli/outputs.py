"""What a command leaves behind: each output is checked before the work, and costs itself alone if it fails."""

from __future__ import annotations

import json
import os
import shlex
import stat
import sys
import tempfile
import traceback
from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

from perfcli.errors import ExitCode, PerfError, UsageError
from perfcli.streams import complain, stdout_is_closed
from perfcli.units import format_size

STDOUT: Final = Path("-")
UNFINISHED: Final = ".digipal-perf-"
"""How the names of files begin that are not whole yet."""


def write_document(document: Any, path: Path, *, new: bool = False) -> None:
    """Write plain data as JSON, as `write_text` does.

    Raises:
        PerfError: the file cannot be written.
    """
    write_text(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n", path, new=new)


def write_text(content: str, path: Path, *, new: bool = False) -> None:
    """Write text in UTF-8, in place of what was there; half a character from outside as its code.

    Args:
        new: refuse to replace a file.

    Raises:
        FileExistsError: there is a file, though it was to be a new one.
        PerfError: the file cannot be written.
    """
    encoded = content.encode("utf-8", errors="backslashreplace")
    if path == STDOUT:
        sys.stdout.flush()
        sys.stdout.buffer.write(encoded)
        sys.stdout.buffer.flush()
        return
    with replacing(path, new=new) as file:
        file.write(encoded)


@contextmanager
def replacing(path: Path, *, new: bool = False) -> Iterator[BinaryIO]:
    """A file to write that takes its name when the block ends; if it raises, what was there stays.

    Args:
        new: refuse to replace a file.

    Raises:
        FileExistsError: there is a file, though it was to be a new one.
        PerfError: the file cannot be written.
    """
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as file:  # a pipe or a device, which must not be replaced by a file
                yield file
        else:
            with _unfinished(Path(os.path.realpath(path)), new=new) as file:
                yield file
    except FileExistsError:
        raise
    except OSError as error:
        raise PerfError(f"{path}: cannot be written: {reason_of(error)}") from error


_unfinished_files: set[Path] = set()


@contextmanager
def _unfinished(path: Path, *, new: bool) -> Iterator[BinaryIO]:
    """Write beside the place, under a name that nobody can foresee, then give the file its name."""
    descriptor, name = tempfile.mkstemp(prefix=UNFINISHED, dir=path.parent)
    unfinished = Path(name)
    _unfinished_files.add(unfinished)
    try:
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fchmod(descriptor, _mode_of(path))
            os.fsync(descriptor)
        if new:
            _give_name(unfinished, path)
        else:
            unfinished.replace(path)
        _sync_folder(path.parent)
    finally:
        unfinished.unlink(missing_ok=True)
        _unfinished_files.discard(unfinished)


def remove_unfinished() -> None:
    """Remove the files that are being written, as this process is about to leave."""
    for file in list(_unfinished_files):
        with suppress(OSError):
            file.unlink()


def _sync_folder(folder: Path) -> None:
    """Have the new name outlive a loss of power, on systems that can do so."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _mode_of(path: Path) -> int:
    """The permissions of the file that is replaced, else those of any new file."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _give_name(unfinished: Path, path: Path) -> None:
    """Give a finished file a name that no other file has."""
    try:
        path.hardlink_to(unfinished)
    except FileExistsError:
        raise
    except OSError:
        # a file system without links
        if path.exists():
            raise FileExistsError(path) from None
        unfinished.rename(path)


def reason_of(error: Exception) -> str:
    """Why a file cannot be read or written, without its name."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


_KINDS: Final = {
    ".yaml": "a scenario",
    ".yml": "a scenario",
    ".json": "a JSON file",
    ".toml": "a TOML file",
    ".py": "a program",
    ".db": "a database",
}
"""Files that no report of another format has a reason to replace."""


class Outputs:
    """What a command writes and shows: an output that fails is reported on stderr, and the others go on.

    Args:
        quiet: do not list the files that were written.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._failed: dict[str, str] = {}
        self._written: dict[Path, None] = {}
        self._quiet = quiet

    @contextmanager
    def attempt(self, name: str, path: Path | None = None) -> Iterator[None]:
        """Make one output in the block; a later success under the same name makes up for a failure.

        Args:
            path: the file that the block writes.
        """
        try:
            yield
        except (PerfError, OSError) as error:
            self.fail(name, error.message if isinstance(error, PerfError) else f"{name}: {reason_of(error)}")
        except Exception:
            # a defect of this tool, but not one that may cost a finished run
            self.fail(name, f"{name}: {traceback.format_exc()}")
        else:
            self._failed.pop(name, None)
            if path is not None:
                self.wrote(path)

    def wrote(self, path: Path) -> None:
        """Remember a file for the list of those that were written."""
        self._written[path] = None

    def list_written(self) -> None:
        """Print a line on stderr for each file that was written; stdout and pipes are no files."""
        for path in {} if self._quiet else self._written:
            if path != STDOUT and path.is_file():
                complain(f"wrote {path} ({format_size(path.stat().st_size)})")

    def fail(self, name: str, message: str) -> None:
        """Report that an output is lost."""
        if self._failed.get(name) != message:
            complain(f"Error: {message}")
        self._failed[name] = message

    def exit_code(self, code: int) -> int:
        """The exit code of what was found; that of a failed output only in place of a pass."""
        return ExitCode.INTERNAL if self._failed and code == ExitCode.PASS else code


def check_outputs(
    outputs: Mapping[str, Path], inputs: Iterable[Path] = (), *, appended: Mapping[str, Path] | None = None
) -> None:
    """See that documents can be written, each to a file of its own, before there is one to lose.

    Args:
        outputs: where each goes, by the option that says so.
        inputs: files that the command reads, which none of them may replace; `-` is stdin.
        appended: the same of outputs that may fail, by the variable that says so.

    Raises:
        UsageError: one cannot be written, or would replace an input or another output.
    """
    for option, path in outputs.items():
        _check_writable(path, option)
    read = {identity: path for path in inputs if (identity := _identity(path, 0))}
    taken: dict[Hashable, tuple[str, Path]] = {}
    redirected = {"stdout": STDOUT} if _identity_of(_status_of(1), None) and STDOUT not in outputs.values() else {}
    for option, path in {**outputs, **(appended or {}), **redirected}.items():
        identity = _identity(path, 1)
        if identity in read:
            raise UsageError(
                f"{option} {path} would replace {read[identity]}, which this command reads",
                hint="give the output another name",
            )
        other, first = taken.setdefault(identity, (option, path)) if identity else (option, path)
        if other != option:
            where = "stdout" if first == STDOUT else first
            raise UsageError(f"{other} and {option} both write to {where}", hint="give each its own file")
    for option, path in outputs.items():
        _check_kind(path, option)


def _check_kind(path: Path, option: str) -> None:
    """Refuse to replace a file of another kind: in `--json a.yaml b.yaml`, a scenario was meant to be run."""
    kind = _KINDS.get(path.suffix.lower())
    is_report = option.startswith("--") and " " not in option
    if kind and is_report and option != f"--{path.suffix.lower()[1:]}" and path.is_file() and path.stat().st_size:
        raise UsageError(
            f"{option} {path}: it would replace {kind} of that name",
            hint=f"{option} takes the file to write; put {path} before it to read it",
        )


def check_folder(folder: Path, option: str) -> None:
    """See that files can be written into a folder, which is made if there is none.

    Raises:
        UsageError: it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _try_to_write_in(folder)
    except FileExistsError as error:
        raise UsageError(f"{option} {folder}: not a directory", hint="name a directory, or a new one") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{option} {folder}: cannot write there: {reason_of(error)}") from error


def _check_writable(path: Path, option: str) -> None:
    if path == STDOUT:
        if stdout_is_closed():
            raise UsageError(f"{option} {path}: stdout is closed", hint="name a file, or leave stdout open")
        return
    try:
        if path.is_dir():
            raise UsageError(f"{option} {path}: is a directory", hint=f"name a file in it: {option} {path / 'FILE'}")
        if path.exists() and not os.access(path, os.W_OK):
            raise UsageError(
                f"{option} {path}: is write-protected", hint="name another file, or change its permissions"
            )
        if not path.exists() or path.is_file():
            place = Path(os.path.realpath(path))
            _try_to_write_in(place.parent)
            with suppress(FileNotFoundError):
                os.stat(place)  # raises if the name is too long, or a link leads to itself
    except FileNotFoundError as error:
        missing = Path(os.path.realpath(path)).parent
        if missing.is_dir():  # /proc is one
            raise UsageError(
                f"{option} {path}: cannot be written: no file can be created in {missing}", hint="name another file"
            ) from error
        raise UsageError(
            f"{option} {path}: the directory {missing} does not exist",
            hint=f"create it: mkdir -p {shlex.quote(str(missing))}",
        ) from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{option} {path}: cannot be written: {reason_of(error)}") from error


def _try_to_write_in(folder: Path) -> None:
    """Make a file there and remove it, as permissions alone do not tell of a read-only file system."""
    descriptor, unfinished = tempfile.mkstemp(prefix=UNFINISHED, dir=folder)
    os.close(descriptor)
    os.unlink(unfinished)


def _identity(path: Path, standard_stream: int) -> Hashable:
    """What two paths have in common that lead to one file, by links, `./` or another case.

    None for what all can share: the null device, and a stdin that is no file.
    """
    if path == STDOUT:
        return _identity_of(_status_of(standard_stream), None if standard_stream == 0 else STDOUT)
    try:
        status = path.stat()
    except (OSError, ValueError):
        return os.path.realpath(path)
    is_shared = os.path.realpath(path) == os.devnull
    return None if is_shared else (status.st_dev, status.st_ino)


def _status_of(descriptor: int) -> os.stat_result | None:
    try:
        return os.fstat(descriptor)
    except OSError:
        return None


def _identity_of(status: os.stat_result | None, otherwise: Hashable) -> Hashable:
    return (status.st_dev, status.st_ino) if status and stat.S_ISREG(status.st_mode) else otherwise
