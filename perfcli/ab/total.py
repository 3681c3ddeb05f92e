"""What one engine did in all pairs of a comparison."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from perfcli.ab.result import EngineSide
from perfcli.ab.side import Side

_MOST_LEFT: Final = 3


@dataclass(slots=True)
class Total:
    """The sum over its processes."""

    name: str
    problem: str = ""
    """Why it could not go on."""

    _versions: list[str] = field(default_factory=list)
    _operations: int = 0
    _errors: Counter[str] = field(default_factory=Counter)
    _examples: dict[str, str] = field(default_factory=dict)
    _left_running: list[str] = field(default_factory=list)
    _lost_writes: int = 0
    _lost: list[str] = field(default_factory=list)

    def add(self, side: Side) -> None:
        """Take in one process."""
        if side.version and side.version not in self._versions:
            self._versions.append(side.version)
        self._operations += side.operations
        self._errors.update(side.errors)
        self._examples = side.examples | self._examples
        self._left_running += side.left_running()
        self._lost_writes += side.lost_writes
        self._lost = self._lost or side.lost

    @property
    def unsteady(self) -> str:
        """That its processes were not all of the same sources, in words; "" where they were."""
        versions = " and ".join(self._versions)
        return f"the sources of {self.name} changed meanwhile: {versions}" if len(self._versions) > 1 else ""

    def whole(self) -> EngineSide:
        """As reports read it."""
        return EngineSide(
            name=self.name,
            version=self._versions[-1] if self._versions else "",
            operations=self._operations,
            errors=dict(self._errors.most_common()),
            error_examples={kind: example for kind, example in self._examples.items() if example},
            left_running=self._left_running[:_MOST_LEFT],
            lost_writes=self._lost_writes,
            lost_examples=self._lost,
            problem=self.problem,
        )
