"""What goes wrong during a load: each fault with its settings, how it is inflicted and what must be seen."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator

from perfcli.executors.fields import with_tag
from perfcli.executors.one_of import OneOf
from perfcli.faults.base import DEFAULT_STEADY_STATE, FaultSettings, Lift, Place, Seen


@cache
def fault_models() -> Mapping[str, type[FaultSettings]]:
    """The faults by name; imported when one is asked for, as most scenarios have none."""
    from perfcli.faults.disk import DiskError, DiskFull, DiskSlow
    from perfcli.faults.inside import Ai, Clock, Cut
    from perfcli.faults.signals import Kill, Pause
    from perfcli.faults.transactions import Lock, Reader

    models = (Lock, Reader, Pause, Kill, DiskFull, DiskError, DiskSlow, Ai, Clock, Cut)
    return {model.model_fields["fault"].default: model for model in models}


def spread_fault(item: Any) -> Any:
    """`- lock: {at: 3s, for: 2s}` as the models read it.

    Raises:
        ValueError: the item is not one fault with its settings.
        ValidationError: these hold the key `fault`.
    """
    if isinstance(item, BaseModel) or (isinstance(item, dict) and "fault" in item):
        return item
    if not isinstance(item, dict) or len(item) != 1:
        raise ValueError("expected one fault with its settings, e.g. lock: {at: 3s, for: 2s}")
    fault, settings = next(iter(item.items()))
    if fault not in fault_models():
        return {"fault": fault}
    if not isinstance(settings, dict):
        raise ValueError(f"{fault} has no time: write {fault}: {fault_models()[fault].example}")
    return with_tag("fault", fault, settings)


Fault = Annotated[FaultSettings, OneOf("fault", fault_models), BeforeValidator(spread_fault)]
"""A fault of a scenario: told apart by its key."""

__all__ = ["DEFAULT_STEADY_STATE", "Fault", "FaultSettings", "Lift", "Place", "Seen", "fault_models", "spread_fault"]
