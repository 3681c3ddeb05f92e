"""An engine's sources. Their digest is the version that every engine has, wherever it comes from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path, PurePath
from typing import Final

PACKAGE: Final = "digipal"


def installed_in() -> Path | None:
    """The directory that `import digipal` takes the engine from; it is looked for, not imported."""
    spec = find_spec(PACKAGE)
    return Path(spec.origin).parents[1] if spec and spec.origin else None


def source_digest(package: Path) -> str:
    """The digest of the Python files in a package's directory, as `digest_of` gives it."""
    files = (file for file in package.rglob("*.py") if file.is_file())
    return digest_of((file.relative_to(package), file.read_bytes()) for file in files)


def digest_of(sources: Iterable[tuple[PurePath, bytes]]) -> str:
    """The digest of Python files by their paths within the package: 12 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=6)
    for path, content in sorted(sources):
        digest.update(f"{path}\0".encode(errors="surrogateescape") + content)
    return digest.hexdigest()


def assets_of(database: Path) -> Path:
    """The directory that an engine is told to keep its assets in."""
    return database.parent / "assets"
