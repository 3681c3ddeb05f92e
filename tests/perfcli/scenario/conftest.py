"""A scenario that is right, and a way to write one that is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from perfcli.scenario.loader import ScenarioFileError, load_scenario
from perfcli.scenario.overrides import Override

VALID = """\
name: database_under_load
description: Concurrent reads and writes on a populated database
tags: [scalability, quick]
engine:
  ai: {latency: 50ms, jitter: 5ms, error_rate: 0%}     # the simulated AI
setup:
  pets: 50
load:
  executor: shared-iterations
  vus: 5
  iterations: 2000
  warmup: 2s
flow:                          # a mix: each iteration draws one by weight
  - load_pet: {weight: 8}
  - save_pet: {weight: 2}
thresholds:
  - load_pet.latency.mean < 100ms
  - load_pet.latency.max < 500ms
  - success_rate >= 95%
  - lost_writes == 0
  - {expr: "memory.growth < 50MB", abort_on_fail: true}
"""


@pytest.fixture
def valid() -> str:
    """The example of the design."""
    return VALID


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str | bytes], Path]:
    """Write a scenario file into the working directory, as s.yaml."""
    monkeypatch.chdir(tmp_path)

    def write(content: str | bytes) -> Path:
        path = Path("s.yaml")
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def mistakes(written: Callable[[str | bytes], Path]) -> Callable[..., list[str]]:
    """The problems of a scenario file, as they are told; none when it loads."""

    def told(content: str | bytes, *overrides: Override) -> list[str]:
        path = written(content)
        try:
            load_scenario(path, overrides)
        except ScenarioFileError as error:
            return str(error).split("\n")
        return []

    return told
