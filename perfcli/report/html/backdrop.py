"""What stands behind every chart over time: its axis, a shade for each phase, and the spans of the faults.

A fault is a shade, and a bar above the plot with its name. Names that would meet stand in lanes, one above the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from perfcli import units
from perfcli.report.html.chart import HEIGHT, TOP_MARGIN, Span, axis, label, span_of
from perfcli.results import FaultResult, RunResult

_SHADES: Final = ("rgba(128,138,148,0.16)", "rgba(128,138,148,0.05)")
_LEAST_SHARE: Final = 0.12
_LONGEST_LABEL: Final = 16

_FAULT_SHADE: Final = "rgba(224,45,60,0.11)"
_FAULT_EDGE: Final = "rgba(224,45,60,0.55)"
_LANE_PX: Final = 18
_BAR_PX: Final = 4
_LETTER: Final = 1 / 42
"""A letter's share of the time on a phone 400 pixels wide, where a plot has room for 42."""

_LATE: Final = 0.6
_RESOLUTION: Final = 1 / 400
"""Of the time: spans of one fault closer than this look like one."""

_MOST_WORDS: Final = 4

Shapes = list[dict[str, Any]]


def backdrop(result: RunResult) -> dict[str, Any]:
    """The layout that all charts over time of a run share."""
    whole_s = span_of("", result)[1] or 1.0
    lanes = _in_lanes(_inflicted(result, whole_s))
    taken_px = _LANE_PX * len(lanes)
    phase_shades, phase_names = _phases(result, taken_px)
    layout: dict[str, Any] = {
        "xaxis": axis("time since the measurement began", ticksuffix=" s", range=[0, whole_s]),
        "shapes": phase_shades,
        "annotations": phase_names,
    }
    if lanes:
        layout["height"] = HEIGHT + taken_px
        layout["margin"] = {"l": 8, "r": 12, "t": TOP_MARGIN + taken_px, "b": 8}
    for number, lane in enumerate(lanes):
        for fault in lane:
            layout["shapes"] += [*fault.shades, *fault.bars(number)]
            layout["annotations"].append(fault.title(number))
    return layout


def _phases(result: RunResult, above_px: int) -> tuple[Shapes, Shapes]:
    """If there are several phases: a shade behind each, and its name if it fits."""
    if len(result.phases) < 2:
        return [], []
    spans = [(phase.name, *span_of(phase.name, result)) for phase in result.phases if phase.duration_ns is not None]
    whole_s = max((end for _, _, end in spans), default=0.0)
    shades = [shade(start, end, _SHADES[index % 2]) for index, (_, start, end) in enumerate(spans)]
    names = [
        _text(label(name, _LONGEST_LABEL), start, "left", above_px)
        for name, start, end in spans
        if end - start >= _LEAST_SHARE * whole_s
    ]
    return shades, names


def shade(start_s: float, end_s: float, colour: str, edge: dict[str, Any] | None = None) -> dict[str, Any]:
    """An area over the whole plot, behind the lines."""
    return {
        "type": "rect",
        "layer": "below",
        "line": edge or {"width": 0},
        "fillcolor": colour,
        "xref": "x",
        "x0": start_s,
        "x1": end_s,
        "yref": "paper",
        "y0": 0,
        "y1": 1,
    }


def _text(text: str, at_s: float, anchor: str, above_px: int) -> dict[str, Any]:
    """A text above the plot."""
    return {
        "text": text,
        "showarrow": False,
        "xref": "x",
        "x": at_s,
        "xanchor": anchor,
        "yref": "paper",
        "y": 1,
        "yanchor": "bottom",
        "yshift": above_px,
    }


@dataclass(frozen=True, slots=True)
class _Fault:
    """The times of one fault, ascending, in seconds since the measurement began; at least one."""

    name: str
    spans: Sequence[Span]
    words: str
    whole_s: float

    @property
    def shades(self) -> Shapes:
        """Behind the lines, over the whole plot."""
        edge = {"width": 1, "dash": "dot", "color": _FAULT_EDGE}
        return [shade(*span, _FAULT_SHADE, edge) for span in self.spans]

    def bars(self, lane: int) -> Shapes:
        """Above the plot, below the name; in pixels, so that they are as thick on every chart."""
        low_px = lane * _LANE_PX + 1
        place = {"layer": "above", "ysizemode": "pixel", "yanchor": 1, "y0": low_px, "y1": low_px + _BAR_PX}
        edge = {"width": 1, "color": _FAULT_EDGE}
        return [shade(*span, _FAULT_EDGE, edge) | place for span in self.spans]

    def title(self, lane: int) -> dict[str, Any]:
        """Its name, which grows to the left of a fault near the end."""
        at_s, anchor = (self._ends_s, "right") if self._is_late else (self._begins_s, "left")
        text = _text(label(self.name, _LONGEST_LABEL), at_s, anchor, lane * _LANE_PX + _BAR_PX)
        return text | {"borderpad": 0, "hovertext": label(self.words)}

    @property
    def room(self) -> Span:
        """What bars and name take on a phone."""
        letters_s = (min(len(self.name), _LONGEST_LABEL) + 1) * _LETTER * self.whole_s
        if self._is_late:
            return min(self._begins_s, self._ends_s - letters_s), self._ends_s
        return self._begins_s, max(self._ends_s, self._begins_s + letters_s)

    @property
    def _begins_s(self) -> float:
        return self.spans[0][0]

    @property
    def _ends_s(self) -> float:
        return self.spans[-1][1]

    @property
    def _is_late(self) -> bool:
        return self._begins_s > _LATE * self.whole_s


def _inflicted(result: RunResult, whole_s: float) -> Iterator[_Fault]:
    """The faults that were inflicted, in the order in which they began."""
    faults: dict[str, list[FaultResult]] = {}
    for fault in sorted(result.faults, key=lambda fault: fault.at_ns):
        if fault.lasted_ns is not None:
            faults.setdefault(fault.name, []).append(fault)
    for name, times in faults.items():
        words = f"{name} at {'; at '.join(map(_words, times[:_MOST_WORDS]))}"
        yield _Fault(name, list(_merged(times, whole_s)), words, whole_s)


def _merged(times: Sequence[FaultResult], whole_s: float) -> Iterator[Span]:
    """When they were there; what looks like one on a screen is drawn as one."""
    begins_s = ends_s = -whole_s
    for fault in times:
        at_s = fault.at_ns / units.NS_PER_S
        if at_s - ends_s > _RESOLUTION * whole_s:
            if ends_s >= 0:
                yield begins_s, ends_s
            begins_s = at_s
        ends_s = min(whole_s, at_s + (fault.lasted_ns or 0) / units.NS_PER_S)
    yield begins_s, ends_s


def _words(fault: FaultResult) -> str:
    at, lasted = units.format_duration(fault.at_ns), units.format_duration(fault.lasted_ns or 0)
    recovery = "never" if fault.recovery_ns is None else units.format_duration(fault.recovery_ns)
    return f"{at} for {lasted} (outage {units.format_duration(fault.outage_ns or 0)}, recovery {recovery})"


def _in_lanes(faults: Iterable[_Fault]) -> list[list[_Fault]]:
    """Each in the lowest lane that has room."""
    lanes: list[list[_Fault]] = []
    for fault in faults:
        begins_s, ends_s = fault.room
        for lane in lanes:
            if all(other.room[1] <= begins_s or other.room[0] >= ends_s for other in lane):
                lane.append(fault)
                break
        else:
            lanes.append([fault])
    return lanes
