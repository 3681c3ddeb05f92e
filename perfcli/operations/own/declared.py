"""What a file of own operations declares: known from its source, and carried by the plan to every process."""

from __future__ import annotations

import hashlib
import re
from itertools import takewhile
from typing import Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

CounterUnit = Literal["count", "size", "duration"]
COUNTER_UNITS: Final[dict[str, CounterUnit]] = {"count": "count", "size": "size", "duration": "duration"}
PER_OPERATION: Final = "_per_op"
"""What the mean of a counter is called after its sum."""


class Mistake(NamedTuple):
    """What is wrong with a source, and where; line and column count from 1."""

    line: int
    column: int
    message: str


class _Declaration(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    name: str
    line: int = Field(description="where its name stands, from 1")
    column: int


class Parameter(_Declaration):
    """A keyword parameter of an operation: a setting of its steps."""

    type: str = Field(description="as parameter_reader spells it, e.g. int, list[str] or Literal['a', 'b'] | None")
    required: bool
    default: Any = Field(default=None, description="None also if it is required")
    description: str = Field(default="", description="its text in the docstring")


class DeclaredOperation(_Declaration):
    """A function that is decorated with @operation."""

    doc: str = Field(description="its docstring, without indentation; empty if it has none")
    parameters: tuple[Parameter, ...]
    counters: dict[str, CounterUnit]
    is_async: bool
    uses: tuple[str, ...] = Field(default=(), description="members of the context it may use, sorted; *: any")

    writes: tuple[str, ...] = Field(default=(), description="fields of the pet that it names in ctx.wrote, sorted")

    def may_use(self, *members: str) -> bool:
        """Whether the function names one of these members of its context, or hands the context on."""
        return not {*members, "*"}.isdisjoint(self.uses)

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return self.doc.partition("\n")[0].strip()

    @property
    def details(self) -> str:
        """The paragraphs that follow, up to the first heading such as "Args:"."""
        paragraphs = (" ".join(paragraph.split()) for paragraph in self.doc.partition("\n")[2].split("\n\n"))
        return "\n".join(takewhile(lambda text: not re.match(r"\w+:(\s|$)", text), filter(None, paragraphs)))


class OperationFile(BaseModel):
    """A source with its operations. The copy in the plan is the one that runs, whatever the file holds by then."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    shown: str = Field(description="as the scenario writes it: my_operations.py, package.module")
    path: str = Field(description="where it was read; part of no digest")
    digest: str
    source: str
    operations: tuple[DeclaredOperation, ...]


def source_digest(source: str) -> str:
    """The digest of a source with "\\n" as line ends: 32 hex digits."""
    return hashlib.sha256(source.encode()).hexdigest()[:32]
