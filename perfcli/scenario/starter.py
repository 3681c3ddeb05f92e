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
  ai: {{latency: 5ms}}          # the simulated AI answers after this long

setup:
  pets: 10                      # 10 users, each with a hatched pet

load:                           # when iterations start
  executor: constant-vus        # four users, each as fast as its answers arrive ...
  vus: 4
  duration: 2s
  warmup: 200ms                 # runs first, and is not measured
  think_time: 1ms               # pause after each iteration
  # ... or a fixed number of iterations a second, however long each takes:
  #   executor: constant-arrival-rate
  #   rate: 50/s
  #   duration: 10s

flow:                           # with weights, each iteration draws one step; without, it runs all in order
  - load_pet: {{weight: 5}}
  - save_pet: {{weight: 2}}
  - interact:
      weight: 2
      texts: [Come and eat, What a good pet, Time to sleep]
  - care: {{weight: 1, actions: [meat, rest], accept_refusal: true}}

thresholds:                     # what must hold: a threshold that fails gives exit code 3
  - success_rate >= 99%         # of all operations
  - load_pet.latency.p95 < 100ms      # of one of them
  - interact.latency.mean < 500ms
  - lost_writes == 0            # the database holds every acknowledged write
  - db_errors == 0
  - {{expr: memory.growth < 50MB, strict: false}} # reported, not counted
"""
_WITH_OPERATIONS: Final = """\
# yaml-language-server: $schema=./{schema}
# Check it: digipal-perf validate {name}.yaml    Run it: digipal-perf run {name}.yaml
# Your operations: digipal-perf explain --scenario {name}.yaml

name: {name}  # in tables, results and on the command line
description: Four people rename their pets and look at them
tags: [mine]                    # digipal-perf run DIRECTORY --tag mine
operations: [{source}]  # Python, beside this file; only run executes it

setup:
  pets: 10                      # 10 users, each with a hatched pet

load:
  executor: constant-vus        # four users, each as fast as its answers arrive
  vus: 4
  duration: 2s
  warmup: 200ms                 # runs first, and is not measured
  think_time: 1ms               # pause after each iteration

flow:                           # each iteration draws one step, by weight
  - rename: {{weight: 1, length: 12}}   # the parameters of your function are settings
  - look_up: {{weight: 3}}
  - load_pet: {{weight: 3}}       # mix yours with built-in operations

thresholds:
  - success_rate >= 99%
  - rename.latency.p95 < 100ms  # times what `with ctx.timed():` holds
  - rename.letters_per_op == 12 # a counter of yours, per operation
  - lost_writes == 0            # the database holds what ctx.wrote reported
"""
_OPERATIONS: Final = '''\
# The operations of {name}.yaml. Check them: digipal-perf validate {name}.yaml, which executes none of this code.
# Each function with @operation is a step for flows. Its first parameter is the context of one call. The others are
# settings: give each a plain type (int, float, str, bool, Literal, list) and, if you like, a default.

from perfcli.operations import Context, operation


@operation(counters={{"letters": "count"}})  # for thresholds and reports: rename.letters, rename.letters_per_op
def rename(ctx: Context, length: int = 8) -> None:
    """Give the pet a new name.

    Args:
        length: letters of the name
    """
    pet = ctx.pet()  # a copy of this user's pet; nothing before timed() is timed
    pet.name = ctx.text(length)  # ctx.text and ctx.random draw from the seed
    with ctx.timed():  # at most once a call; without it the whole function is timed
        ok = ctx.storage.save_pet(pet)  # ctx.engine is the engine, ctx.storage its storage
    ctx.check(ok, "save_pet returned False")  # a failed check or an exception fails the operation
    ctx.count("letters", length)
    ctx.wrote(name=pet.name)  # the run looks for it in the database later


@operation
def look_up(ctx: Context) -> None:
    """Load the pet of the user from the database."""
    ctx.check(ctx.storage.load_pet(ctx.user), "no pet is stored")
'''


def write_starter(
    reference: str, inputs: Iterable[Path] = (), *, force: bool = False, operations: bool = False
) -> list[Path]:
    """Write a scenario, and the JSON Schema that editors complete it by beside it.

    Args:
        reference: the scenario's name, or its file.
        inputs: files that must not be replaced.
        force: also in the place of a file that is there.
        operations: with own operations, in a file beside it.

    Returns:
        The scenario's file, that of its operations, and the schema's, which is written anew if it is there.

    Raises:
        UsageError: it is no name, or one of a shipped scenario, or the file is there or cannot be written.
    """
    from perfcli.scenario.schema import scenario_schema

    path = Path(os.path.expanduser(reference.removesuffix(_SUFFIX)) + _SUFFIX)
    _check_name(path.stem)
    schema = path.with_name(SCHEMA_FILE)
    source = path.with_name(f"{path.stem}_operations.py")
    check_outputs({"init": path, "the schema": schema, **({"the operations": source} if operations else {})}, inputs)
    names = {"name": path.stem, "schema": SCHEMA_FILE, "source": source.name}
    texts = {path: _STARTER.format(**names)}
    if operations:
        texts = {path: _WITH_OPERATIONS.format(**names), source: _OPERATIONS.format(**names)}
    for there in texts:
        if not force and there.exists():
            raise _is_there(there)
    for new, text in texts.items():
        _write(new, text, force=force)
    _write(schema, json.dumps(scenario_schema(), indent=2, ensure_ascii=False) + "\n", force=True)
    return [*texts, schema]


def _check_name(name: str) -> None:
    if not re.fullmatch(NAME_PATTERN, name):
        raise UsageError(
            f"{name!r:.80} is not a name for a scenario",
            hint="use up to 64 letters, digits, _ and -, starting with a letter, e.g. my_session",
        )
    if name in {path.stem for path in shipped_scenarios()}:
        raise UsageError(
            f"{name} is the name of a shipped scenario",
            hint=f"choose another name; to change the shipped one, write extends: {name} in your file",
        )


def _write(path: Path, text: str, *, force: bool) -> None:
    try:
        write_text(text, path, new=not force)
    except FileExistsError:
        raise _is_there(path) from None


def _is_there(path: Path) -> UsageError:
    return UsageError(f"{path} already exists", hint="choose another name, or replace it with --force")
