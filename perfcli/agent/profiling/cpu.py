"""`--cpu`: stacks of all vus' threads, sampled by pyinstrument, which asks for no privilege and sees threads by time.

Each thread has a profiler of its own: pyinstrument's is one of the thread that starts it. What is sampled is time, not
CPU time: a function that waits is seen, too. Of the harness nothing is kept: stacks begin at the operation.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from pyinstrument import Profiler as StackSampler
from pyinstrument.renderers import HTMLRenderer, SpeedscopeRenderer
from pyinstrument.session import Session

from perfcli.agent.profiling.profiler import Job, Profiler, is_harness, short, wrapped
from perfcli.operations.call import Call
from perfcli.results.findings import CpuFindings, Findings, FlameGraph, FunctionTime

MOST_FUNCTIONS: Final = 30
_INTERVAL_S: Final = 0.001
_VUS_OF_THAT_INTERVAL: Final = 10
_MARK: Final = "operation: "
_BUILT_IN: Final = "<built-in>"
_AI: Final = "/simulated_ai.py"

_FOREIGN_STYLE: Final = re.compile(r"https://fonts\.googleapis\.com/[^\"'\s<>)]*")
_NO_STYLE: Final = "data:text/css,"
_HEAD: Final = """\
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:;
  script-src 'unsafe-inline'; style-src 'unsafe-inline' data:">
<script>try { localStorage.setItem("pyinstrument:viewOptions", '{"viewMode":"timeline"}') } catch {}</script>"""

Stack = tuple[str, ...]
"""Frames as pyinstrument writes them, outermost first: name, NUL, file, NUL, line; then \\x01 and attributes."""


class CpuProfiler(Profiler):
    """Samples the stacks of vus while they are measured."""

    def __init__(self, scenario: str, vus: int) -> None:
        self._scenario = scenario
        # each sample is kept until the end
        self._interval_s = _INTERVAL_S * max(1, vus / _VUS_OF_THAT_INTERVAL)
        self._sessions: list[Session] = []

    def watched(self, labels: Sequence[str], calls: Sequence[Call | None]) -> Sequence[Call | None]:
        """The calls in a frame that bears the operation's name: below it a stack is the engine's."""
        return wrapped(labels, calls, _in_a_frame)

    def during(self, job: Job) -> Job:
        """The job with its thread's stack sampled."""

        def sampled() -> None:
            sampler = StackSampler(interval=self._interval_s, async_mode="disabled")
            sampler.start()
            try:
                job()
            finally:
                self._sessions.append(sampler.stop())

        return sampled

    def find(self) -> Findings:
        """The functions, and the flame graph."""
        records = [record for session in self._sessions for record in session.frame_records]
        stacks = folded(records)
        return Findings(
            cpu=count_functions(stacks, len(records), sum(spent_s for _, spent_s in records)),
            flame_graph=self._draw(stacks),
        )

    def _draw(self, stacks: dict[Stack, float]) -> FlameGraph | None:
        if not stacks:
            return None
        session = Session(
            # equal stacks side by side: the time line of such records is a flame graph
            frame_records=[(list(stack), spent_s) for stack, spent_s in sorted(stacks.items())],
            start_time=min(session.start_time for session in self._sessions),
            duration=sum(stacks.values()),
            min_interval=self._interval_s,
            max_interval=self._interval_s,
            sample_count=sum(session.sample_count for session in self._sessions),
            start_call_stack=[self._scenario],
            target_description=f"operations of {self._scenario}, all vus",
            cpu_time=max(session.cpu_time for session in self._sessions),
            sys_path=[],
            sys_prefixes=[],
        )
        return FlameGraph(
            html=_by_itself(HTMLRenderer().render(session)), speedscope=SpeedscopeRenderer().render(session)
        )


def _by_itself(page: str) -> str:
    """pyinstrument's page, opened at its flame graph, and without a request to any host: it asks for a font."""
    alone = _FOREIGN_STYLE.sub(_NO_STYLE, page)
    return alone.replace("<head>", f"<head>\n{_HEAD}", 1)


def _in_a_frame(label: str, invoke: Callable[..., Any]) -> Callable[..., Any]:
    def operation(*arguments: Any) -> Any:
        return invoke(*arguments)

    operation.__code__ = operation.__code__.replace(co_name=_MARK + label)
    return operation


def folded(records: Iterable[tuple[Sequence[str], float]]) -> dict[Stack, float]:
    """Seconds by stack, from the operation inwards; what happens outside operations, and the harness's frames, left
    out.
    """
    stacks: defaultdict[Stack, float] = defaultdict(float)
    for frames, spent_s in records:
        place = next((place for place, frame in enumerate(frames) if frame.startswith(_MARK)), None)
        if place is not None:
            stacks[_stack(frames[place:])] += spent_s
    return dict(stacks)


def _stack(frames: Sequence[str]) -> Stack:
    operation, *inner = frames
    kept = [frame for frame in inner if _file(frame).endswith(_AI) or not is_harness(_file(frame))]
    return (f"{_name(operation).removeprefix(_MARK)}\0operation\0" + "0", *map(_shortened, kept))


def _shortened(frame: str) -> str:
    identifier, _, attributes = frame.partition("\1")
    name, file, line = identifier.split("\0")
    return "\0".join((name, short(file), line)) + (f"\1{attributes}" if attributes else "")


def _name(frame: str) -> str:
    return frame.partition("\0")[0]


def _file(frame: str) -> str:
    return frame.split("\0")[1] if "\0" in frame else ""


def count_functions(stacks: dict[Stack, float], samples: int, total_s: float) -> CpuFindings:
    """Self and total time of each function; of one that calls itself, once for each stack.

    Args:
        total_s: what was sampled in all, the harness's time with it.
    """
    own: defaultdict[str, float] = defaultdict(float)
    with_callees: defaultdict[str, float] = defaultdict(float)
    for stack, spent_s in stacks.items():
        frames = [frame.partition("\1")[0] for frame in stack if _file(frame) != _BUILT_IN]
        own[frames[-1]] += spent_s
        for frame in set(frames[1:]):
            with_callees[frame] += spent_s
    whole_s = sum(stacks.values())
    longest = sorted(with_callees, key=lambda frame: (-own[frame], -with_callees[frame]))[:MOST_FUNCTIONS]
    return CpuFindings(
        samples=samples,
        sampled_ns=round(whole_s * 1e9),
        harness_share=max(0.0, 1 - whole_s / total_s) if total_s else 0.0,
        functions=[_function(frame, own[frame] / whole_s, with_callees[frame] / whole_s) for frame in longest],
    )


def _function(identifier: str, self_share: float, total_share: float) -> FunctionTime:
    name, file, line = identifier.split("\0")
    if file.endswith(_AI):
        name = "the simulated AI"
    return FunctionTime(name=name, place=f"{file}:{line}", self_share=self_share, total_share=total_share)
