"""What phases ask of one another, and of the scenario they are in."""

from __future__ import annotations

from collections.abc import Iterator

from perfcli.scenario.models import MOST_PHASES
from perfcli.scenario.outline import Outline, ReadPhase
from perfcli.scenario.problems import Place, Problem, shown


def phase_problems(outline: Outline) -> Iterator[Problem]:
    """Loads, flows and names that are missing, or too many."""
    yield from _loads(outline)
    yield from _flows(outline)
    yield from _names(outline)


def _loads(outline: Outline) -> Iterator[Problem]:
    load, phases = outline.root.child("load"), outline.root.child("phases")
    if load and phases:
        message = "does not go beside load: write one load, or phases with a load each"
        yield phases.key_place.problem(("phases",), message)
    elif load and load.value is None:
        yield load.place.problem(("load",), "has no value: write one, or remove it")
    elif phases and phases.value == []:
        yield phases.place.problem(("phases",), "too few items: at least 1 required")
    elif not load and not phases:
        message = "required key is missing (when iterations start, and how many): write a load, or phases"
        yield outline.root.place.problem(("load",), message)


def _flows(outline: Outline) -> Iterator[Problem]:
    for flow in outline.flows:
        if flow.written.value == []:
            yield flow.written.place.problem(flow.path, "too few items: at least 1 required")
    for phase in outline.phases:
        if phase.flow is None:
            elsewhere = ": neither the phase nor the scenario has one" if phase.path else ""
            message = f"required key is missing (what an iteration does){elsewhere}"
            yield phase.written.place.problem((*phase.path, "flow"), message)


def _names(outline: Outline) -> Iterator[Problem]:
    first: dict[str, Place] = {}
    runs = 0
    for phase in outline.phases:
        for name, place in _names_when_run(phase):
            runs += 1
            if name in first:
                message = f"two phases would be called {shown(name)} (the other on line {first[name].line})"
                yield place.problem((*phase.path, "name"), message)
                break
            first[name] = place
    phases = outline.root.child("phases")
    if phases and runs > MOST_PHASES:
        message = f"the lists of vus make {runs} phases of them: at most {MOST_PHASES} can run"
        yield phases.key_place.problem(("phases",), message)


def _names_when_run(phase: ReadPhase) -> Iterator[tuple[str, Place]]:
    """The names of the phases that one phase stands for: one for each of its numbers of vus."""
    name, vus = phase.written.child("name"), phase.written.find("load", "vus")
    if not phase.path or name is None or not isinstance(name.value, str):
        return
    numbers = vus.plain() if vus and isinstance(vus.value, list) else []
    names = dict.fromkeys(f"{name.value}-{number}" for number in numbers) or [name.value]
    yield from ((each, name.place) for each in names)
