"""Suggestions for a misspelt executor or operation, which also let the mistakes below it be reported."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from difflib import get_close_matches

from perfcli.executors import EXECUTORS, LOAD_MODELS
from perfcli.operations import step_models
from perfcli.scenario.node import Node


def take_operation_as_meant(step: Node | None) -> None:
    """Put the nearest operation in the place of an unknown one; leave a step that is near to none."""
    if step is None:
        return
    written = step.child("operation")
    if written is not None:
        written.value = _nearest(written.value, step_models()) or written.value
    elif isinstance(step.value, dict):
        step.value = {_nearest(key, step_models()) or key: settings for key, settings in step.value.items()}
    else:
        step.value = _nearest(step.value, step_models()) or step.value


def take_executor_as_meant(load: Node | None) -> bool:
    """Put the nearest executor in the place of an unknown one, else the one that takes most of the keys.

    Returns:
        Whether one was near; if not, the keys that only other executors take are dropped.
    """
    if load is None or not isinstance(load.value, dict):
        return False
    keys = load.value.keys()
    written = load.value.get("executor") or Node(None, load.location, load.key_location)
    near = _nearest(written.value, EXECUTORS)
    executor = near or max(EXECUTORS, key=lambda name: len(LOAD_MODELS[name].model_fields.keys() & keys))
    elsewhere = {key for model in LOAD_MODELS.values() for key in model.model_fields}
    dropped = elsewhere - LOAD_MODELS[executor].model_fields.keys() if not near else set()
    load.value = {key: child for key, child in load.value.items() if key not in dropped}
    load.value["executor"] = replace(written, value=executor)
    return bool(near)


def _nearest(value: object, known: Iterable[str]) -> str:
    near = get_close_matches(value[:80], list(known), n=1, cutoff=0.6) if isinstance(value, str) else []
    return near[0] if near else ""
