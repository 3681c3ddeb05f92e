"""The command line: options in, calls out. What takes long to import waits until a command needs it."""

from perfcli.cli import run as _run  # adds its commands
from perfcli.cli.group import cli

__all__ = ["cli"]

del _run
