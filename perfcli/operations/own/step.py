"""Steps of own operations: a model for each, whose settings are the parameters of the function."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from pydantic import Field, SerializerFunctionWrapHandler, create_model, model_serializer
from pydantic.fields import FieldInfo

from perfcli.operations.base import IN_PROCESS, Effects, StepSettings
from perfcli.operations.own.declared import CounterUnit, DeclaredOperation, OperationFile
from perfcli.operations.own.parameter_reader import python_type

if TYPE_CHECKING:
    from perfcli.operations.binding import EmbeddedVu, ToolVu
    from perfcli.operations.call import Call


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


_FIELD: Final = "own_"
"""How the fields of parameters begin: a parameter may be called as an attribute of any step, such as `label`."""
_ONLY_IN_PROCESS: Final = ("engine", "storage", "pet")


class OwnStep(StepSettings):
    """A step of an own operation."""

    right_when: ClassVar[str] = "it returns, and none of its checks failed"
    declared: ClassVar[DeclaredOperation]

    @property
    def arguments(self) -> dict[str, Any]:
        """What the function is called with, beside its context."""
        return {parameter.name: getattr(self, _FIELD + parameter.name) for parameter in self.declared.parameters}

    @property
    def counters(self) -> Mapping[str, CounterUnit]:
        """What it counts beside its times, by name, with units."""
        return self.declared.counters

    @property
    def tool(self) -> str:
        """Only the function knows."""
        return ""

    @property
    def effects(self) -> Effects:
        """What its source shows; what it wrote is known at run time only."""
        declared = self.declared
        reaches_engine = declared.may_use("engine", "storage", "call_tool")
        writes = declared.may_use("wrote")
        return Effects(writes_fields=writes, fields=declared.writes, may_do_anything=reaches_engine)

    def bind_embedded(self, vu: EmbeddedVu, place: int) -> Call:
        """A call of the function."""
        return vu.own(self.declared.name, self.arguments, place)

    def bind_mcp(self, vu: ToolVu, place: int) -> Call:
        """A call of the function."""
        return vu.own(self.declared.name, self.arguments, place)

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key.removeprefix(_FIELD): value for key, value in handler(self).items()}

    @classmethod
    def why_not_on(cls, target: str) -> str:
        """Why it cannot run on a target; "" if it can."""
        name, declared = cls.declared.name, cls.declared
        if IN_PROCESS[target]:
            needs_tools = "call_tool" in declared.uses
            return f"{name} uses ctx.call_tool, which needs target: mcp" if needs_tools else ""
        if not declared.is_async:
            return f"{name} is a plain function: on target {target}, write async def and await ctx.call_tool(...)"
        used = next((member for member in _ONLY_IN_PROCESS if member in declared.uses), "")
        offered = f"which target {target} does not offer: call tools with ctx.call_tool"
        return f"{name} uses ctx.{used}, {offered}" if used else ""


def step_models(file: OperationFile) -> Mapping[str, type[OwnStep]]:
    """The models of the steps that a file's operations make, by name; equal declarations share theirs."""
    return _step_models(json.dumps([each.model_dump(mode="json") for each in file.operations]))


@lru_cache(maxsize=64)
def _step_models(operations: str) -> Mapping[str, type[OwnStep]]:
    declared = map(DeclaredOperation.model_validate, json.loads(operations))
    return {each.name: _step_model(each) for each in declared}


def _step_model(declared: DeclaredOperation) -> type[OwnStep]:
    fields: dict[str, Any] = {"operation": (Literal[declared.name], declared.name), **dict(_fields(declared))}
    model = create_model(f"Own_{declared.name}", __base__=OwnStep, __doc__=declared.doc, **fields)
    model.declared = declared
    model.needs_pet = declared.may_use("pet", "user", "wrote")
    model.targets = tuple(target for target in IN_PROCESS if not model.why_not_on(target))
    return model


def _fields(declared: DeclaredOperation) -> Iterator[tuple[str, tuple[Any, FieldInfo]]]:
    for parameter in declared.parameters:
        default: Any = ... if parameter.required else parameter.default
        field = Field(default=default, alias=parameter.name, description=parameter.description or None)
        yield _FIELD + parameter.name, (python_type(parameter.type), field)
