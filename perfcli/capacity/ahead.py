"""Which probes a search may ask for next, so that several machines can make them at the same time.

The search itself stays as it is: it asks for one probe after another, and a probe that was made ahead is a run at its
load like any other. What it turns out not to need is left out, which it decides by other runs than that one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from perfcli.capacity.search import Answer, Probe, Search

_MOST_LOOKS: Final = 4
"""Per probe that is wanted."""


def probes_ahead(make_search: Callable[[], Search], verdicts: Sequence[tuple[float, bool]], most: int) -> list[Probe]:
    """The next probe, then those that may follow it, the soonest first.

    Args:
        make_search: the search, before its first probe.
        verdicts: of the probes until now: the load, and whether it held.
    """
    ahead: list[Probe] = []
    waiting: deque[tuple[tuple[bool, ...], tuple[Probe, ...]]] = deque([((), ())])
    for _ in range(most * _MOST_LOOKS):
        if not waiting or len(ahead) >= most:
            break
        supposed, before = waiting.popleft()
        probe = _next(make_search(), verdicts, supposed)
        if probe is None:
            continue
        path = (*before, probe)
        if ahead.count(probe) < path.count(probe):
            ahead.append(probe)
        waiting.extend(((*supposed, held), path) for held in (True, False))
    return ahead


def _next(search: Search, verdicts: Sequence[tuple[float, bool]], supposed: Sequence[bool]) -> Probe | None:
    """What a search asks for after these verdicts, and those that are supposed; None if it is over."""
    step: Probe | Answer = search.next
    for load, held in verdicts:
        step = search.observe(load, held=held)
    for held in supposed:
        if not isinstance(step, Probe):
            return None
        step = search.observe(step.load, held=held)
    return step if isinstance(step, Probe) else None
