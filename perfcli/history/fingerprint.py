"""Where a run took place and what work it did: only runs of one fingerprint are compared with one another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from perfcli.results import RunResult
from perfcli.units import format_number

_NO_WORK: Final = frozenset({"name", "description", "tags", "extends", "vars", "operations", "thresholds"})
"""Keys of a scenario, and of its phases, that do not change the work.

Variables have been put in their places; of operation files the sources matter, not where they are.
"""

_MOST_KEYS: Final = 3
_ABSENT: Final = "not there"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What must be the same for two runs to be compared. The seed need not: it draws other work of the same kind."""

    cpu: str
    cores: int
    usable_cpus: str
    system: str
    python: str
    sqlite: str
    scenario: str
    """Its digest."""

    @classmethod
    def of(cls, result: RunResult) -> Fingerprint:
        """The fingerprint of a run."""
        where = result.environment
        return cls(
            cpu=where.cpu_model or where.machine,
            cores=where.cpu_count,
            usable_cpus=format_number(where.cpu_count if where.usable_cpus is None else where.usable_cpus),
            system=where.system,
            python=where.python,
            sqlite=where.sqlite,
            scenario=scenario_digest(result.scenario, _digests(result)),
        )


_WORDS: Final = {
    "cpu": "the CPU is",
    "cores": "the number of cores is",
    "usable_cpus": "the number of CPUs it may use is",
    "system": "the system is",
    "python": "Python is",
    "sqlite": "SQLite is",
}


def scenario_digest(scenario: Mapping[str, Any], operation_files: Sequence[str] = ()) -> str:
    """Of a scenario as a result holds it, without what does not change the work (name, description, thresholds, …).

    Args:
        operation_files: the digests of its files of own operations, sorted.
    """
    work = _work(scenario) | ({"operation_files": list(operation_files)} if operation_files else {})
    canonical = json.dumps(work, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def differences(base: RunResult, now: RunResult) -> list[str]:
    """Why two runs cannot be compared, in words for people; empty where they can."""
    then, here = Fingerprint.of(base), Fingerprint.of(now)
    told = [
        f"{_WORDS[field.name]} {getattr(here, field.name)}, was {getattr(then, field.name)}"
        for field in fields(Fingerprint)
        if field.name in _WORDS and getattr(here, field.name) != getattr(then, field.name)
    ]
    if here.scenario != then.scenario:
        told.append(f"the scenario does other work: {_changes(base, now)}")
    return told


def _digests(run: RunResult) -> list[str]:
    return sorted(file.digest for file in run.operation_files)


def _sources(run: RunResult) -> str:
    return ", ".join(map(str, run.operation_files)) or _ABSENT


def _work(scenario: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in scenario.items() if key not in _NO_WORK}
    if isinstance(phases := kept.get("phases"), list):
        # the name of a phase changes no work either, but a result's phases are told apart by it
        kept["phases"] = list(map(_unjudged, phases))
    return kept


def _unjudged(phase: Any) -> Any:
    """A phase without its thresholds; what is no phase, in a file of elsewhere, as it is."""
    return {key: value for key, value in phase.items() if key != "thresholds"} if isinstance(phase, dict) else phase


def _changes(base: RunResult, now: RunResult) -> str:
    then, here = dict(_leaves(_work(base.scenario))), dict(_leaves(_work(now.scenario)))
    if _digests(base) != _digests(now):
        then |= {"operations": _sources(base)}
        here |= {"operations": _sources(now)}
    changed = [
        f"{key} is {here.get(key, _ABSENT)}, was {then.get(key, _ABSENT)}"
        for key in {**then, **here}
        if here.get(key, _ABSENT) != then.get(key, _ABSENT)
    ]
    more = [f"and {len(changed) - _MOST_KEYS} more keys"] if len(changed) > _MOST_KEYS else []
    return "; ".join([*changed[:_MOST_KEYS], *more])


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """The values of a document with their paths, e.g. `flow.0.weight`, as they are written."""
    if isinstance(value, (dict, list)) and value:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path, value if isinstance(value, str) else json.dumps(value)
