"""What the tests of the tool share: scenarios made in a line, and a result that lacks nothing."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from copy import deepcopy
from enum import Enum
from itertools import count
from typing import Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from perfcli.agent.private_memory import can_be_private
from perfcli.plan import ExecutionPlan, plan_run
from perfcli.pool.processes import LocalPool, forked
from perfcli.results import RunResult
from perfcli.scenario.models import Scenario

MakePlan = Callable[..., ExecutionPlan]


KEYS = {"percentiles": "p75", "failures": "timeout"}
"""Keys of tables of a result that metrics look up; of the others any will do."""


def filled(kind: Any, numbers: Iterator[int], field: str = "") -> Any:
    """A value of a type in which everything is present, and every number is another one."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return filled(arguments[0], numbers, field)
    if origin is Literal:
        return arguments[0]
    if origin is list:
        return [filled(arguments[0], numbers)]
    if origin is tuple:
        return [filled(each, numbers) for each in arguments]
    if origin is dict:
        key = next(numbers) if arguments[0] is int else KEYS.get(field, "status")
        return {key: filled(arguments[1], numbers)}
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {name: filled(each.annotation, numbers, name) for name, each in kind.model_fields.items()}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind)).value
    return {int: next(numbers), float: next(numbers) + 0.5, str: "status", bool: True}.get(kind, {})


@pytest.fixture(scope="session")
def whole_document() -> dict[str, Any]:
    """A result as its file holds it, in which everything was measured: two phases, and one operation in each.

    All tests share it, so none changes it.
    """
    fields = filled(RunResult, count(1_000))
    fields["commit"] = ""
    fields["total"]["service_time"]["max_ns"] += 1  # else its histogram would be latency's
    fields["phases"].append(filled(RunResult.model_fields["phases"].annotation, count(2_000_000))[0] | {"name": "two"})
    return fields


@pytest.fixture
def full_document(whole_document: dict[str, Any]) -> dict[str, Any]:
    """The whole document, to be changed."""
    return deepcopy(whole_document)


@pytest.fixture(scope="session")
def make_plan() -> MakePlan:
    """A plan: `flow` and any other keys of a scenario; without `load` or `phases`, 20 iterations of one vu."""

    def make(flow: list[Any], *, seed: int = 1, load: dict[str, Any] | None = None, **keys: Any) -> ExecutionPlan:
        load = {"executor": "shared-iterations", "iterations": 20, **(load or {})}
        if load["executor"] not in ("shared-iterations", "per-vu-iterations"):
            del load["iterations"]
        timing = {} if "phases" in keys else {"load": load}
        return plan_run(Scenario.model_validate({"name": "test", **timing, "flow": flow, **keys}), seed)

    return make


@pytest.fixture(autouse=True)
def _nothing_starves_runs_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests run beside, and what a run measures must not depend on them."""
    monkeypatch.setattr("perfcli.measurement.measurement.starvation", lambda before, after: "")


@pytest.fixture
def forked_engines(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs fork their engine processes, as the command `run` has it: each saves the imports of an interpreter."""
    if can_be_private():
        template = request.getfixturevalue("template")
        template.restart_if_ended()
        monkeypatch.setattr("perfcli.run.one_run.LocalPool", lambda engine: LocalPool(engine, forked(template)))
