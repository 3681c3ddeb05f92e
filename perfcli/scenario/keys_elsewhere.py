"""Keys of another section or of another load tester, and what to write for them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from perfcli.executors import LOAD_MODELS
from perfcli.faults import fault_models

_OF_A_LOAD: Final = {
    # the executor that k6 takes where one of these stands alone
    "stages": "ramping-vus",
    "iterations": "shared-iterations",
    "rate": "constant-arrival-rate",
    "start_rate": "ramping-arrival-rate",
    "start_vus": "ramping-vus",
}
_TOP_ELSEWHERE: Final = {
    **dict.fromkeys(("scenarios", "stage"), "write phases: [{name: …, load: …, flow: …}]"),
    **dict.fromkeys(("steps", "tasks", "requests", "actions", "operations"), "write the steps under flow"),
    **dict.fromkeys(("wait_time", "pacing", "think", "pause"), "write load: {…, think_time: 1s}"),
    **dict.fromkeys(
        ("options", "config", "execution", "thread_group"),
        "write load: {executor: constant-vus, vus: N, duration: 30s}",
    ),
    **dict.fromkeys(("run_time", "hold_for", "hold"), "write load: {…, duration: 30s}"),
    **dict.fromkeys(("concurrency", "threads", "clients", "virtual_users"), "write load: {…, vus: N}"),
    **dict.fromkeys(("limits", "assertions", "ensure", "checks", "pass_fail"), "write limits under thresholds"),
    **dict.fromkeys(("pets", "users_count"), "write setup: {pets: N}"),
    **dict.fromkeys(
        ("ramp_up", "rampup", "spawn_rate", "hatch_rate"), "write a ramp as load: {executor: ramping-vus, …}"
    ),
    **dict.fromkeys(("ai", "latency"), "write engine: {ai: {latency: 50ms}}"),
    "schema_version": "this is a result: digipal-perf report shows it",
    "processes": "write pool: {processes: N}",
    "workers": "write load: {…, vus: N} for virtual users, or pool: {processes: N} for engine processes",
}
_LOAD_ELSEWHERE: Final = {
    "time_unit": "write the unit into the rate, rate: 100/s",
    **dict.fromkeys(("pre_allocated_vus", "max_vus", "users", "threads", "concurrency"), "write vus: N"),
    **dict.fromkeys(("ramp_up", "spawn_rate"), "write executor: ramping-vus, with stages"),
    "graceful_ramp_down": "write graceful_stop: 1s",
    "start_time": "write start_after: 1s",
    "exec": "each phase has its own flow: write phases: [{name: …, load: …, flow: …}]",
}


_OF_AN_EXPRESSION: Final = frozenset(
    ("metric", "threshold", "condition", "operator", "op", "value", "limit", "min", "max", "target")
)


def key_elsewhere(section: Sequence[str | int], key: str) -> str:
    """What to write for a key that belongs to another section, or to another tool; "" if nothing is known of it."""
    name = in_snake_case(key)
    if section and section[-1] in LOAD_MODELS:
        return _unknown(_LOAD_ELSEWHERE.get(name, ""))
    if len(section) > 1 and section[-2] == "thresholds":
        return _unknown("write expr: latency.p99 < 100ms" if name in _OF_AN_EXPRESSION else "")
    if section and section[0] == "faults":
        fault = fault_models().get(str(section[-1]))
        return fault.no_keys.get(name, "") if fault else ""
    if section and (section[0] != "phases" or len(section) > 2):
        return ""
    if name == "executor":
        return "belongs to a load: write load: {executor: …, …}"
    if any(name in model.model_fields for model in LOAD_MODELS.values()):
        executor = _OF_A_LOAD.get(name, "constant-vus")
        return f"belongs to a load: write load: {{executor: {executor}, {name}: …}}"
    return _unknown(_TOP_ELSEWHERE.get(name, ""))


def _unknown(remedy: str) -> str:
    return f"unknown key: {remedy}" if remedy else ""


def in_snake_case(key: str) -> str:
    """A key such as `startVUs` as scenario files spell it, start_vus."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|[ -]", "_", key[:80]).lower()
