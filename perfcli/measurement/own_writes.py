"""What own operations reported with `ctx.wrote`, held against the pets that are stored in the end.

A call loads a pet, changes it and stores it whole. So a value is certainly replaced only by an acknowledged call that
began after the value's own call had ended, and that no other call on the same pet overlapped: one that did may have
loaded the pet before, and stored it after. Every other value may be the last. What this accuses is lost under every
order of overlapping calls.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from perfcli.operations.own.journal import Page

HORIZON_NS: Final = 1_000_000_000
"""How long after the newest call an older one may become known."""

_MOST_VALUES: Final = 1_000

Stored = Mapping[str, Sequence[Mapping[str, Any]]]
"""The fields of the live pets stored, by user."""


class OwnFindings(NamedTuple):
    """What the stored pets say, counted in values of fields."""

    acknowledged: int = 0
    checked: int = 0
    unchecked: int = 0
    """Of pets on which a call failed, was given up or overlapped too many others: nothing can be said."""
    lost: tuple[str, ...] = ()
    """Each value that must be stored, and is not, in words."""


@dataclass(slots=True)
class _Call:
    begin_ns: int
    end_ns: float
    fields: Mapping[str, Any]
    acknowledged: bool
    overlaps: bool = False


@dataclass(slots=True)
class _Field:
    """The values of one field that may be the last, with the ends of their calls."""

    values: list[tuple[float, Any]] = field(default_factory=list)
    replaced_before_ns: float = -math.inf
    """When the latest call began that certainly replaced what was there."""

    def take(self, call: _Call, value: Any) -> None:
        """Take in a value; the calls of a pet come in the order of their ends."""
        if call.acknowledged and not call.overlaps:
            self.replaced_before_ns = max(self.replaced_before_ns, call.begin_ns)
        self.values = [each for each in (*self.values, (call.end_ns, value)) if each[0] >= self.replaced_before_ns]


@dataclass(slots=True)
class _Pet:
    """The calls on one user's pet."""

    waiting: list[_Call] = field(default_factory=list)
    fields: dict[str, _Field] = field(default_factory=dict)
    unknown_until_ns: float = -math.inf
    """When the last call ended that failed and may have stored anything."""
    settled_end_ns: float = -math.inf
    is_unsure: bool = False

    def add(self, call: _Call) -> None:
        """A call became known."""
        # a call this late overlaps others that were taken to be alone
        self.is_unsure |= call.begin_ns <= self.settled_end_ns
        self.waiting.append(call)

    def settle(self, until_ns: float | None) -> None:
        """Take in the calls that ended before, or all; those that overlap them are known."""
        self.waiting.sort(key=lambda call: call.begin_ns)
        latest: _Call | None = None
        for call in self.waiting:
            if latest is not None and latest.end_ns >= call.begin_ns:
                latest.overlaps = call.overlaps = True
            if latest is None or call.end_ns > latest.end_ns:
                latest = call
        old = [call for call in self.waiting if until_ns is None or call.end_ns < until_ns]
        self.waiting = [call for call in self.waiting if until_ns is not None and call.end_ns >= until_ns]
        for call in sorted(old, key=lambda call: call.end_ns):
            self._take(call)

    def _take(self, call: _Call) -> None:
        self.settled_end_ns = max(self.settled_end_ns, call.end_ns)
        if not (call.acknowledged or call.fields):
            self.unknown_until_ns = max(self.unknown_until_ns, call.end_ns)
        for name, value in call.fields.items():
            kept = self.fields.setdefault(name, _Field())
            kept.take(call, value)
            self.is_unsure |= len(kept.values) > _MOST_VALUES

    def candidates(self, name: str) -> list[Any]:
        """The values that the field may hold in the end; empty if that may be anything."""
        kept = self.fields[name]
        # as long as no call has replaced it for certain, it may also be what it was before the load: both are -inf
        anything = self.is_unsure or self.unknown_until_ns >= kept.replaced_before_ns
        return [] if anything else [value for _, value in kept.values]


class OwnWrites:
    """The writes of all own operations of a run, in little memory."""

    def __init__(self) -> None:
        self._pets: dict[str, _Pet] = {}
        self._acknowledged: dict[str, int] = {}
        self._newest_ns = self._settled_ns = -math.inf

    @property
    def acknowledged(self) -> int:
        """Values that the engine acknowledged."""
        return sum(self._acknowledged.values())

    @property
    def fields(self) -> list[str]:
        """The fields that were written."""
        return sorted({name for pet in self._pets.values() for name in pet.fields})

    def add(self, page: Page, origin_ns: int) -> None:
        """Take in the page of a frame whose first sample began at `origin_ns`."""
        for user, fields, begin_ns, end_ns, acknowledged in page.writes:
            ends_ns = math.inf if end_ns is None else end_ns + origin_ns
            pet = self._pets.get(user) or self._pets.setdefault(user, _Pet())
            pet.add(_Call(begin_ns + origin_ns, ends_ns, fields, acknowledged))
            self._newest_ns = max(self._newest_ns, begin_ns + origin_ns)
            if acknowledged:
                self._acknowledged[user] = self._acknowledged.get(user, 0) + len(fields)
        if self._newest_ns - self._settled_ns >= 2 * HORIZON_NS:
            self._settled_ns = self._newest_ns - HORIZON_NS
            self._settle(self._settled_ns)

    def settle_all(self) -> None:
        """No call will become known any more."""
        self._settle(None)

    def verify(self, stored: Stored, lasting: Collection[str]) -> OwnFindings:
        """Compare with the pets that are stored; a user without one is the account of pets' own finding.

        Args:
            lasting: the fields that nothing else changes, so that what is written must stay.
        """
        findings = [
            found for user, pet in self._pets.items() for found in _of_pet(user, pet, stored.get(user, ()), lasting)
        ]
        return OwnFindings(
            self.acknowledged,
            sum(found is not None for found in findings),
            findings.count(None),
            tuple(filter(None, findings)),
        )

    def _settle(self, until_ns: float | None) -> None:
        for pet in self._pets.values():
            if pet.waiting:
                pet.settle(until_ns)


def _of_pet(
    user: str, pet: _Pet, stored: Sequence[Mapping[str, Any]], lasting: Collection[str]
) -> Iterator[str | None]:
    """For each field: what is lost in words, "" for nothing, None if that cannot be told."""
    for name in pet.fields:
        values = pet.candidates(name) if name in lasting else []
        if not (values and stored):
            yield None
        elif any(row[name] in values for row in stored):
            yield ""
        else:
            shown = " or ".join(f"{value!r:.40}" for value in values[-2:])
            yield f"{user}: {name} {shown} acknowledged, {stored[0][name]!r:.40} stored"
