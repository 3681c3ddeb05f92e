"""The command `digipal-perf`, and `python -m perfcli`: the one place where the process ends."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

    from perfcli.pool.template import Template

FORKING = ("run", "capacity", "crash", "profile", "scaling")
"""Commands whose engine processes share one template; `ab` and `selftest` make their own."""

if __name__ == "__main__" and not sys.flags.safe_path and not __file__.startswith(os.path.join(sys.path[0], "perfcli")):
    # `python -m perfcli` looks into the current directory first, whose files may be anybody's
    del sys.path[0]


def main() -> None:
    """Run the command line and exit with its code."""
    import gc
    import signal

    # modules are no garbage: to look for some while they load takes a tenth of the time (`Context.engine` enables it)
    gc.disable()
    # pydantic would look for plugins in the metadata of every installed package
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # before anything slow is imported: an early Ctrl-C leaves quietly, as there is nothing to report yet
    _leave_on_signals(os._exit)
    template = _early_template(sys.argv[1:])
    from perfcli import streams

    streams.protect()
    try:
        code = exit_code_of(sys.argv[1:], template)
    finally:
        if template:
            template.close()
    if failure := streams.stdout_failure():
        streams.complain(f"Error: stdout: {failure}: not all of the output was printed")
        code = code or 1
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # while Python leaves, a late signal must not replace the exit code
        signal.signal(number, signal.SIG_IGN)
    _leave(code)


def _leave(code: int) -> NoReturn:
    """Exit without taking every object apart, which takes 50 ms; as usual if a debugger or profiler waits for that."""
    if sys.gettrace() or sys.getprofile():
        sys.exit(code)
    import atexit

    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _leave_on_signals(leave: Callable[[int], NoReturn]) -> None:
    import signal

    signal.signal(signal.SIGINT, lambda *_: leave(130))
    signal.signal(signal.SIGTERM, lambda *_: leave(143))
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: leave(129))


def _early_template(arguments: list[str]) -> Template | None:
    """What a command forks its engine processes from, so that it loads while the tool does; None for those without."""
    if arguments[:1] not in [[command] for command in FORKING] or {"-h", "--help"}.intersection(arguments):
        return None
    from perfcli.agent.private_memory import can_be_private

    if not can_be_private():
        return None
    from perfcli.pool.template import Template

    template = Template()
    from perfcli.pool import cleanup

    _leave_on_signals(cleanup.abandon)
    return template


def exit_code_of(arguments: list[str], template: Template | None = None) -> int:
    """Run a command, print its error if it ends in one, and return its exit code."""
    import click

    from perfcli.cli import cli
    from perfcli.errors import ExitCode, PerfError, describe_error
    from perfcli.streams import complain

    try:
        result = cli.main(arguments, prog_name="digipal-perf", standalone_mode=False, obj=template)
    except click.ClickException as error:
        message = io.StringIO()
        error.show(message)
        complain(message.getvalue().rstrip("\n"))
        return error.exit_code
    except OSError as error:
        complain(f"Error: {describe_error(error)}")
        return ExitCode.INTERNAL
    except PerfError as error:
        complain(f"Error: {error.message}" + (f"\nHint: {error.hint}" if error.hint else ""))
        return error.exit_code
    return int(result or ExitCode.PASS)


if __name__ == "__main__":
    main()
