"""The command line: options in, calls out. What takes long to import waits until a command needs it."""

# each adds its commands
from perfcli.cli import ab as _ab
from perfcli.cli import authoring as _authoring
from perfcli.cli import baseline as _baseline
from perfcli.cli import history as _history
from perfcli.cli import profile as _profile
from perfcli.cli import report as _report
from perfcli.cli import run as _run
from perfcli.cli.envvars import name_variables
from perfcli.cli.group import cli

__all__ = ["cli"]

name_variables(cli)  # once all commands are there

del _ab, _authoring, _baseline, _history, _profile, _report, _run, name_variables
