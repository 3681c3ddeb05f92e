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

UNCHECKED: Final = "vus that share pets may have overwritten them: give save_pet history: true, or each vu its pets"
"""Why saves are unchecked, and what to do."""

_NOT_LOOKED_INTO: Final = "the run's database was not looked into"
_NOT_CHECKED: Final = "no write of the load could be checked"


def _of(read: Callable[[Integrity], float | None]) -> Callable[[View], float | None]:
    return lambda view: None if view.integrity is None else read(view.integrity)


def _why_not_checked(view: View) -> str:
    if view.integrity is not None and (unchecked := view.integrity.saves.unchecked):
        return f"{unchecked:,} saves are unchecked: {UNCHECKED}"
    return _NOT_CHECKED


_count = partial(
    Metric,
    unit=Unit.COUNT,
    scope=Scope.RUN,
    better=Better.LESS,
    group=Group.INTEGRITY,
    needs=Needs.DATABASE,
    why_none=_NOT_LOOKED_INTO,
    at_end=True,
)

METRICS = (
    _count(
        name="lost_writes",
        of=_of(lambda integrity: integrity.lost),
        meaning="writes the engine acknowledged that its database, or a read, does not show",
        computed="what the engine acknowledged, by the samples, against its database, read afresh by SQLite alone "
        "before the engine shuts down, and against what reads showed",
        example="lost_writes == 0",
        section="lost-and-duplicate-writes",
        label="lost",
        why_none=_why_not_checked,
    ),
    _count(
        name="stale_reads",
        of=_of(lambda integrity: None if integrity.lost is None else integrity.stale_reads),
        meaning="reads that did not show a save acknowledged before; lost_writes includes them",
        computed="what reads showed against the saves that the engine had acknowledged to the same vu",
        example="stale_reads == 0",
        section="lost-and-duplicate-writes",
        label="stale reads",
        why_none=_why_not_checked,
    ),
    _count(
        name="duplicate_writes",
        of=_of(lambda integrity: integrity.duplicates),
        meaning="writes that the database holds more often than the engine was asked for",
        computed="what the database holds against what the engine was asked for, by the samples",
        example="duplicate_writes == 0",
        section="lost-and-duplicate-writes",
        label="stored twice",
        why_none="the load wrote nothing, or not all answers are known",
    ),
    _count(
        name="lost_updates",
        of=_of(lambda integrity: integrity.lost_updates),
        meaning="acknowledged changes of a pet that its numbers do not show",
        computed="six numbers of each pet, noted at the baseline and read after the load, against the sum of the "
        "acknowledged care actions; checked only if a threshold names it",
        example="lost_updates == 0",
        section="conservation",
        label="lost updates",
        why_none="no care was acknowledged whose effects only add",
    ),
    _count(
        name="fidelity.differences",
        of=_of(lambda integrity: integrity.differences),
        meaning="fields of pets that a new process reads differently than answered",
        computed="24 fields and the last 100 interactions of every pet, as the engine answered before its shutdown and"
        " as a new process reads them; checked only if a threshold names it",
        example="fidelity.differences == 0",
        section="fidelity",
        label="fields that differ",
        why_none="there was no pet to compare",
        needs=Needs.FIELDS,
    ),
    _count(
        name="torn_reads",
        scope=Scope.PHASE,
        of=lambda view: view.part.torn_reads,
        meaning="reads of a pet or a history in a state that was never saved",
        computed="each save writes one canary into three fields of a pet; a read that finds two of them, or one that"
        " was never saved, is torn",
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
        section="lost-and-duplicate-writes",
        label="acknowledged",
        depends_on_time="yes",
    ),
    _count(
        name="writes.set_up",
        better=Better.NEITHER,
        of=_of(lambda integrity: integrity.set_up),
        meaning="pets set up before the load, among the acknowledged writes",
        computed="counted as the set-up acknowledges them",
        example="writes.set_up >= 50",
        section="lost-and-duplicate-writes",
        label="set up",
    ),
    _count(
        name="saves.acknowledged",
        better=Better.NEITHER,
        of=_of(lambda integrity: integrity.saves.acknowledged),
        meaning="saves of pets that the engine acknowledged, including warm-up",
        computed="the sum of saves checked, superseded and unchecked",
        example="saves.acknowledged >= 100",
        section="lost-and-duplicate-writes",
        label="saves",
        depends_on_time="yes",
    ),
    _count(
        name="saves.checked",
        better=Better.MORE,
        of=_of(lambda integrity: integrity.saves.checked),
        meaning="acknowledged saves that were looked for",
        computed="a pet's last save, those read before the next one, and those with a note",
        example="saves.checked >= 100",
        section="lost-and-duplicate-writes",
        label="checked",
        depends_on_time="yes",
    ),
    _count(
        name="saves.superseded",
        better=Better.NEITHER,
        of=_of(lambda integrity: integrity.saves.superseded),
        meaning="acknowledged saves that a later save replaced before anything showed them",
        computed="saves acknowledged, minus those checked and unchecked",
        example="saves.superseded < 10000",
        section="lost-and-duplicate-writes",
        label="superseded",
        depends_on_time="yes",
    ),
    _count(
        name="saves.unchecked",
        of=_of(lambda integrity: integrity.saves.unchecked),
        meaning="acknowledged saves that nothing can tell, as vus share their pets and change them otherwise too",
        computed="saves of shared pets that are also talked to or cared for, without history: true",
        example="saves.unchecked == 0",
        section="lost-and-duplicate-writes",
        label="unchecked",
    ),
)
