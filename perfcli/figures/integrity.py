"""Whether the engine kept what it acknowledged, once each, and answered what is true."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from perfcli.figures.registry import Better, Group, Metric, Needs, Scope
from perfcli.units import Unit

if TYPE_CHECKING:
    from perfcli.figures.registry import View
    from perfcli.results import Integrity

UNCHECKED: Final = "other vus may have overwritten the shared pets: set history: true on save_pet, or users: own"
"""Why saves are unchecked, and what to do."""

_NOT_LOOKED_INTO: Final = "the run's database was not read"
_NOT_CHECKED: Final = "no write of the load could be checked"


def _of(read: Callable[[Integrity], float | None]) -> Callable[[View], float | None]:
    return lambda view: read(view.run.integrity) if view.run.integrity else None


def _why_not_checked(view: View) -> str:
    if view.run.integrity and (unchecked := view.run.integrity.saves.unchecked):
        return f"{unchecked:,} saves are unchecked: {UNCHECKED}"
    return _NOT_CHECKED


_count = partial(
    Metric,
    unit=Unit.COUNT,
    scope=Scope.RUN,
    better=Better.LESS,
    group=Group.INTEGRITY,
    needs=Needs.DATABASE,
    section="lost-and-duplicate-writes",
    why_none=_NOT_LOOKED_INTO,
    at_end=True,
)

METRICS = (
    _count(
        name="lost_writes",
        of=_of(lambda integrity: integrity.lost),
        meaning="acknowledged writes missing from the database or from a later read",
        computed="acknowledged writes, compared with the database as SQLite reads it before the engine shuts down, "
        "and with what reads returned. It shows what a killed process loses, not what a power loss does",
        example="lost_writes == 0",
        label="lost",
        why_none=_why_not_checked,
    ),
    _count(
        name="stale_reads",
        of=_of(lambda integrity: None if integrity.lost is None else integrity.stale_reads),
        meaning="reads that missed an earlier acknowledged save; included in lost_writes",
        computed="what reads returned, compared with the saves acknowledged to the same vu",
        example="stale_reads == 0",
        label="stale reads",
        why_none=_why_not_checked,
    ),
    _count(
        name="duplicate_writes",
        of=_of(lambda integrity: integrity.duplicates),
        meaning="writes stored more often than requested",
        computed="what the database holds, compared with what was requested",
        example="duplicate_writes == 0",
        label="stored twice",
        why_none="the load wrote nothing, or not all answers are known",
    ),
    _count(
        name="lost_updates",
        of=_of(lambda integrity: integrity.lost_updates),
        meaning="acknowledged care actions missing from a pet's numbers",
        computed="six numbers of each pet, before and after the load, compared with the sum of the acknowledged care "
        "actions; only if a threshold names it",
        example="lost_updates == 0",
        section="conservation",
        label="lost updates",
        why_none="no acknowledged care action has effects that only add",
    ),
    _count(
        name="fidelity.differences",
        of=_of(lambda integrity: integrity.differences),
        meaning="pet fields that a new process reads differently",
        computed="24 fields and the last 100 interactions of every pet: the answer before shutdown, compared with "
        "what a "
        "new process reads; only if a threshold names it",
        example="fidelity.differences == 0",
        section="fidelity",
        label="fields that differ",
        why_none="no pet to compare",
        needs=Needs.FIELDS,
    ),
    _count(
        name="torn_reads",
        scope=Scope.PHASE,
        of=lambda view: view.part.torn_reads,
        meaning="reads that mix two saves of a pet or a history",
        computed="each save writes one canary into three fields of a pet. A read is torn if it finds two canaries, or "
        "one never saved",
        example="torn_reads == 0",
        section="torn-reads",
        label="torn reads",
        why_none="no pet is both saved with canaries and read",
        needs=Needs.ANSWERS,
        counts_up=True,
        at_end=False,
    ),
    _count(
        name="writes.acknowledged",
        better=Better.NEITHER,
        of=_of(lambda integrity: integrity.acknowledged),
        meaning="pets set up and writes of the load that the engine acknowledged, including warm-up",
        computed="counted from the samples and the set-up",
        example="writes.acknowledged >= 1000",
        label="acknowledged",
        depends_on_time="yes",
    ),
    _count(
        name="writes.set_up",
        better=Better.NEITHER,
        of=_of(lambda integrity: integrity.set_up),
        meaning="pets set up before the load, among the acknowledged writes",
        computed="counted when the set-up is acknowledged",
        example="writes.set_up >= 50",
        label="set up",
    ),
    _count(
        name="saves.acknowledged",
        better=Better.NEITHER,
        of=_of(lambda integrity: integrity.saves.acknowledged),
        meaning="saves of pets that the engine acknowledged, including warm-up",
        computed="saves checked + superseded + unchecked",
        example="saves.acknowledged >= 100",
        label="saves",
        depends_on_time="yes",
    ),
    _count(
        name="saves.checked",
        better=Better.MORE,
        of=_of(lambda integrity: integrity.saves.checked),
        meaning="acknowledged saves that were checked",
        computed="a pet's last save, those read before the next one, and those with a note",
        example="saves.checked >= 100",
        label="checked",
        depends_on_time="yes",
    ),
    _count(
        name="saves.superseded",
        better=Better.NEITHER,
        of=_of(lambda integrity: integrity.saves.superseded),
        meaning="acknowledged saves replaced by a later save before any read",
        computed="saves acknowledged − checked − unchecked",
        example="saves.superseded < 10000",
        label="superseded",
        depends_on_time="yes",
    ),
    _count(
        name="saves.unchecked",
        of=_of(lambda integrity: integrity.saves.unchecked),
        meaning="acknowledged saves that cannot be checked, because vus share pets and also change them in other ways",
        computed="saves of shared pets that are also talked to or cared for, without history: true",
        example="saves.unchecked == 0",
        label="unchecked",
    ),
)
