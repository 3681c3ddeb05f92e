"""What a scenario can hold: its keys, operations, faults and metrics, and the scenarios that are shipped."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Final

from perfcli.operations import Context
from perfcli.operations.own.syntax_tree import MEMBERS
from perfcli.plan import plan_run
from perfcli.report.markdown_tables import metrics_table, table
from perfcli.scenario.key_tables import fault_tables, operation_tables, section_tables
from perfcli.scenario.library import shipped_scenarios
from perfcli.scenario.loader import load_scenario
from perfcli.scenario.models import Scenario

_KEYS: Final = """# Scenario keys

Look up any key of a scenario file: its type, default and limits. [Scenario files](../scenarios.md) shows how keys work
together; an [editor](../command-line.md#completion-in-editors) completes them. Steps of a `flow` are in
[operations](operations.md), `faults` in [faults](faults.md).

"""
_OPERATIONS: Final = """# Operations

Look up what a step of a `flow` does, its settings, and which answers count as right. An answer that is not right is a
failure, however fast it came; the check is not timed.

"""
_CONTEXT: Final = """## The context of your own operations

[Your own operation](../operations.md) gets a context as its first argument, a new one in each call. Its step takes the
settings of every step, and the parameters of its function.

"""
_FAULTS: Final = """# Faults

Look up what a fault does, its settings, and what it needs. [Faults](../faults.md) shows how to use them.

"""
_METRICS: Final = """# Metrics

Find a metric for a [threshold](../scenarios.md#thresholds), for `trend --metric` or for a dashboard, and how it is
computed. `digipal-perf explain METRIC` shows more. A threshold of a phase can name what has the *scope* phase;
`OPERATION.` goes before what has the scope operation. *Window* marks those that take `for` and `within`. *On time*
marks those that a [starved run](../methodology.md#verdict) does not judge; `partly`: it does not if only timeouts and
busy errors decide.

"""
_SHIPPED: Final = """# Shipped scenarios

Run any of these by its name, from any directory, or all with a tag: `quick` is what a merge waits for. `digipal-perf
plan NAME` shows what one would run.

"""


def keys() -> str:
    """The keys of scenario files."""
    return _KEYS + section_tables()


def operations() -> str:
    """The steps of a flow, and the context of own operations."""
    rows = []
    for member in MEMBERS:
        found = inspect.getattr_static(Context, member)
        function = found.fget if isinstance(found, property) else found
        signature = "" if function is not found else _signature(function)
        rows.append([f"`ctx.{member}{signature}`", (inspect.getdoc(function) or "").replace("\n", " ")])
    return f"{_OPERATIONS}{operation_tables()}\n{_CONTEXT}{table(('member', 'meaning'), rows)}"


def _signature(function: Callable[..., object]) -> str:
    parameters = list(inspect.signature(function).parameters.values())[1:]
    return str(inspect.Signature([each.replace(annotation=inspect.Parameter.empty) for each in parameters]))


def faults() -> str:
    """What can go wrong."""
    return _FAULTS + fault_tables()


def metrics() -> str:
    """What is measured."""
    return _METRICS + metrics_table("../methodology.md")


def shipped() -> str:
    """The scenarios that come with the tool."""
    scenarios = [load_scenario(path) for path in shipped_scenarios()]
    rules = [_expressions(each) for each in scenarios]
    counts = Counter(chain.from_iterable(rules))
    common = [expr for expr, count in counts.items() if count > len(scenarios) / 2]
    rows = [
        [f"`{each.name}`", ", ".join(each.tags), each.description, plan_run(each, 0).describe(), _listed(own)]
        for each, own in zip(scenarios, ([expr for expr in each if expr not in common] for each in rules), strict=True)
    ]
    columns = ("name", "tags", "what it tries", "what it runs", "what must hold, of its own")
    return f"{_SHIPPED}Most also demand {_listed(common)}.\n\n{table(columns, rows)}"


def _expressions(scenario: Scenario) -> list[str]:
    rules = [*scenario.judged_thresholds, *(rule for phase in scenario.phases for rule in phase.judged_thresholds)]
    return [str(rule.expr) for rule in rules if rule.strict]


def _listed(expressions: Iterable[str]) -> str:
    return ", ".join(f"`{expr}`" for expr in expressions)
