"""`python -m perfcli.agent CONTROL LINE DIRECTORY… -- MODULE ARGUMENT…`: a supervisor, and below it an engine process.

The supervisor imports nothing that an engine process needs: it is small, and forks within milliseconds of its start.
"""

from __future__ import annotations

import sys
from importlib import import_module

from perfcli.agent.subreaper import supervise


def main(arguments: list[str]) -> None:
    """Supervise `MODULE.main(ARGUMENTS)`."""
    end = arguments.index("--")
    control, line, *directories = arguments[:end]
    module, *rest = arguments[end + 1 :]
    supervise(int(control), int(line), directories, lambda: import_module(module).main(rest))


if __name__ == "__main__":
    main(sys.argv[1:])
