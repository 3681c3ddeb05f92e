"""What the keys of a scenario ask of one another. Read from the tree, so that it is told beside all other mistakes."""

from __future__ import annotations

from collections.abc import Iterator

from perfcli.scenario.flow_rules import flow_problems
from perfcli.scenario.outline import outline_of
from perfcli.scenario.phase_rules import phase_problems
from perfcli.scenario.problems import Problem
from perfcli.scenario.target_rules import target_problems
from perfcli.scenario.threshold_rules import threshold_problems
from perfcli.scenario.written import Written


def rule_problems(root: Written) -> Iterator[Problem]:
    """What does not fit together, as far as the parts can be read."""
    outline = outline_of(root)
    yield from phase_problems(outline)
    yield from flow_problems(outline)
    yield from threshold_problems(outline)
    yield from target_problems(outline)
