"""The command `digipal-perf`, and `python -m perfcli`: the one place where the process ends."""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Run the command line and exit with its code."""
    # before anything slow is imported: an early Ctrl-C leaves quietly, as there is nothing to report yet
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            # closed by the caller (>&-): what is said has nowhere to go, the exit code still counts
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    sys.exit(_exit_code(sys.argv[1:]))


def _exit_code(arguments: list[str]) -> int:
    import click

    from perfcli.cli import cli
    from perfcli.errors import ExitCode, PerfError

    try:
        result = cli.main(arguments, prog_name="digipal-perf", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:
        # the reader of a pipe has left; Python must not fail once more when it flushes at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.INTERNAL
    except OSError as error:
        click.echo(f"Error: {error}", err=True)
        return ExitCode.INTERNAL
    except PerfError as error:
        click.echo(f"Error: {error.message}" + (f"\nHint: {error.hint}" if error.hint else ""), err=True)
        return error.exit_code
    return int(result or ExitCode.PASS)


if __name__ == "__main__":
    main()
