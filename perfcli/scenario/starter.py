"""The scenario that `digipal-perf init` begins with: commented, valid, and over in two seconds."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from perfcli.errors import UsageError
from perfcli.operations.base import NAME_PATTERN
from perfcli.outputs import check_outputs, write_text
from perfcli.scenario.library import shipped_scenarios

SCHEMA_FILE: Final = "digipal-perf.schema.json"
_SUFFIX: Final = ".yaml"
_STARTER: Final = """\
# yaml-language-server: $schema=./{schema}
# Check it: digipal-perf validate {name}.yaml    Run it: digipal-perf run {name}.yaml
# Every key: digipal-perf schema --markdown    Every metric and operation: digipal-perf explain

name: {name}  # in tables, results and on the command line
description: Four people talk to their pets and look after them
tags: [mine]                    # digipal-perf run DIRECTORY --tag mine

engine:
  ai: {{latency: 5ms}}          # the simulated AI answers after so long

setup:
  pets: 10                      # users with a hatched pet each, made before the load

load:                           # when iterations start
  executor: constant-vus        # four users, each as fast as they get answers ...
  vus: 4
  duration: 2s
  warmup: 200ms                 # runs first, and is in no figure
  think_time: 1ms               # pause after each iteration
  # ... or so many requests a second, however long each takes:
  #   executor: constant-arrival-rate
  #   rate: 50/s
  #   duration: 10s

flow:                           # all have a weight: each iteration draws one; without weights, all in order
  - load_pet: {{weight: 5}}
  - save_pet: {{weight: 2}}
  - interact:
      weight: 2
      texts: [Come and eat, What a good pet, Time to sleep]
  - care: {{weight: 1, actions: [meat, rest], accept_refusal: true}}

thresholds:                     # what must hold: one that does not makes exit code 3
  - success_rate >= 99%         # of all operations
  - load_pet.latency.p95 < 100ms      # of one of them
  - interact.latency.mean < 500ms
  - lost_writes == 0            # what the engine acknowledged is what its database holds
  - db_errors == 0
  - {{expr: memory.growth < 50MB, strict: false}} # shown, and not counted
"""


def write_starter(reference: str, inputs: Iterable[Path] = (), *, force: bool = False) -> tuple[Path, Path]:
    """Write a scenario, and the JSON Schema that editors complete it by beside it.

    Args:
        reference: the scenario's name, or its file.
        inputs: files that must not be replaced.
        force: also in the place of a file that is there.

    Returns:
        The scenario's file, and the schema's, which is written anew where it is there.

    Raises:
        UsageError: it is no name, or one of a shipped scenario, or the file is there or cannot be written.
    """
    from perfcli.scenario.schema import scenario_schema

    path = Path(os.path.expanduser(reference.removesuffix(_SUFFIX)) + _SUFFIX)
    _check_name(path.stem)
    schema = path.with_name(SCHEMA_FILE)
    check_outputs({"init": path, "the schema": schema}, inputs)
    _write(path, _STARTER.format(name=path.stem, schema=SCHEMA_FILE), force=force)
    _write(schema, json.dumps(scenario_schema(), indent=2, ensure_ascii=False) + "\n", force=True)
    return path, schema


def _check_name(name: str) -> None:
    if not re.fullmatch(NAME_PATTERN, name):
        raise UsageError(
            f"{name!r:.80} is no name for a scenario",
            hint="a name has up to 64 letters, digits, _ and -, and begins with a letter, as in my_session",
        )
    if name in {path.stem for path in shipped_scenarios()}:
        raise UsageError(
            f"{name} is the name of a shipped scenario",
            hint=f"choose another name; to change a shipped one, write extends: {name} in a file of yours",
        )


def _write(path: Path, text: str, *, force: bool) -> None:
    try:
        write_text(text, path, new=not force)
    except FileExistsError:
        raise UsageError(f"{path} is there already", hint="choose another name, or replace it with --force") from None
