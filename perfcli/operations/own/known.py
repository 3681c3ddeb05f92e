"""The own operations of the scenario that is being read: its steps, thresholds and mistakes are understood by them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from perfcli.operations.own.step import OwnStep, step_models

if TYPE_CHECKING:
    from perfcli.operations.own.declared import CounterUnit, OperationFile


@dataclass(frozen=True)
class KnownOperations:
    """What the files of a scenario declare, by name."""

    models: Mapping[str, type[OwnStep]] = field(default_factory=dict)
    counters: Mapping[str, CounterUnit] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)
    """File and line of each operation, as people read it."""


_NONE: Final = KnownOperations()
_known: ContextVar[KnownOperations] = ContextVar("own operations", default=_NONE)


def known_operations() -> KnownOperations:
    """Those of the scenario that is being read; none outside of `knowing`."""
    return _known.get()


@contextmanager
def knowing(files: Iterable[OperationFile]) -> Iterator[None]:
    """Understand a scenario that names these files; if two declare one name, the first one counts."""
    models: dict[str, type[OwnStep]] = {}
    places: dict[str, str] = {}
    for file in files:
        models = {**step_models(file), **models}
        places = {**{each.name: f"{file.shown}:{each.line}" for each in file.operations}, **places}
    counters = {name: unit for model in models.values() for name, unit in model.declared.counters.items()}
    token = _known.set(KnownOperations(models, counters, places) if models else _NONE)
    try:
        yield
    finally:
        _known.reset(token)
