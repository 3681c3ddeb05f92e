"""The counters that `@operation(counters={...})` declares."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from typing import Final

from perfcli.figures import METRICS, is_statistic
from perfcli.operations.own.declared import COUNTER_UNITS, PER_OPERATION, CounterUnit
from perfcli.operations.own.syntax_tree import SyntaxTree
from perfcli.thresholds import did_you_mean

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_FORM: Final = 'write counters={"letters": "count"}'


def counters_of(decorator: ast.expr, source: SyntaxTree) -> dict[str, CounterUnit]:
    """Each counter with its unit; what is wrong with one is noted, and the counter left out."""
    counters: dict[str, CounterUnit] = {}
    if not isinstance(decorator, ast.Call):
        return counters
    for argument in decorator.args:
        source.mistake(argument, f"@operation takes keywords only: {_FORM}")
    for keyword in decorator.keywords:
        if keyword.arg == "counters":
            _add(keyword.value, counters, source)
        else:
            written = keyword.arg or "**"
            meant = did_you_mean([written], ["counters"])
            source.mistake(keyword.value, f"@operation has no {written!r:.60}{meant}: {_FORM}")
    return counters


def _add(node: ast.expr, counters: dict[str, CounterUnit], source: SyntaxTree) -> None:
    if not isinstance(node, ast.Dict):
        source.mistake(node, f"counters is not a literal dict: {_FORM}")
        return
    for key, value in zip(node.keys, node.values, strict=True):
        name = key.value if isinstance(key, ast.Constant) else None
        unit = COUNTER_UNITS.get(str(value.value)) if isinstance(value, ast.Constant) else None
        if key is None or not isinstance(name, str):
            source.mistake(key or value, f"the name of a counter is a text: {_FORM}")
        elif wrong := _misfit(name, counters):
            source.mistake(key, wrong)
        elif unit is None:
            source.mistake(value, f"the unit of {name!r} is one of {', '.join(map(repr, COUNTER_UNITS))}")
        else:
            counters[name] = unit


def _misfit(name: str, others: Collection[str]) -> str:
    """Why a counter cannot be called so; "" if it can."""
    if not _NAME.fullmatch(name):
        return f"{name!r:.60} cannot name a counter: use lower-case letters, digits and _, 40 at most"
    if name in others:
        return f"the counter {name!r} is declared twice"
    figures = {name, name + PER_OPERATION}
    other = next((each for each in others if figures & {each, each + PER_OPERATION}), "")
    if other:
        return f"the counters {other!r} and {name!r} would share a figure: rename one"
    # memory is taken too, as thresholds know memory.peak
    metrics = {*METRICS, *(metric.partition(".")[0] for metric in METRICS)}
    if clash := sorted(figures & metrics):
        return f"{clash[0]!r} is a metric: call the counter something else"
    return f"{name!r} is a statistic: call the counter something else" if is_statistic(name) else ""
