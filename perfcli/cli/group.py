"""The command `digipal-perf` itself, which the modules beside this one add their commands to."""

from __future__ import annotations

from typing import Final

import click

from perfcli import __version__

EPILOG: Final = """\b
Exit codes: 0 pass · 1 the engine died or hung · 2 usage or invalid scenario · 3 a threshold failed ·
4 the run is invalid · 5 regression · 130 interrupted (143 by SIGTERM)"""


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="digipal-perf")
def cli() -> None:
    """Load tests for the DigiPal engine that are honest enough to block a merge.

    \b
    Examples:
      digipal-perf run pet_creation         one shipped scenario, by name
      digipal-perf run my.yaml --json r.json
      digipal-perf run --tag quick          what a merge waits for
    """
