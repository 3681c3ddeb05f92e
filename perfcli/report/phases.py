"""The phases of a run: each with its table, or those that differ in their vus alone in one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import RenderableType

from perfcli.report.headline import render_phase_head
from perfcli.report.operations import is_open, render_operations
from perfcli.report.scaling import render_scaling, render_scaling_head
from perfcli.results import PhaseResult

Section = Iterator[RenderableType]


def render_phases(phases: Sequence[PhaseResult]) -> Iterator[Section]:
    """The sections that tell of the phases, in their order."""
    for stem, same in groupby(phases, key=_stem):
        family = list(same)
        scales = bool(stem) and len(family) > 1 and _do_the_same(family)
        if scales and not any(map(is_open, family)):
            yield render_scaling_head(stem, family)
            yield render_scaling(family)
            continue
        for phase in family:
            yield render_phase_head(phase)
            if phase.duration_ns is not None:
                yield render_operations(phase, from_due_time=is_open(phase))
        if scales:
            yield render_scaling(family)


def _stem(phase: PhaseResult) -> str:
    """The name in the file of a phase that was run for a number of vus; empty for any other."""
    ending = f"-{phase.vus}"
    return phase.name.removesuffix(ending) if phase.name.endswith(ending) else ""


def _do_the_same(family: Sequence[PhaseResult]) -> bool:
    return len({tuple(operation.name for operation in phase.operations) for phase in family}) == 1
