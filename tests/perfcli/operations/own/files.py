"""Files of own operations, made of a source."""

from __future__ import annotations

from perfcli.operations.own.declared import OperationFile, source_digest
from perfcli.operations.own.source_reader import read_operations


def operation_file(source: str, shown: str, path: str = "") -> OperationFile:
    """A source without mistakes, with its operations."""
    operations, mistakes = read_operations(source)
    assert mistakes == ()
    return OperationFile(shown=shown, path=path, digest=source_digest(source), source=source, operations=operations)
