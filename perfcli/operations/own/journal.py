"""What own operations report beside their times: counts, preparation and writes, on their way to the tool."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from perfcli.operations.own.context import Context


class OwnWrite(NamedTuple):
    """Fields of one user's pet that a call stored, or may have stored."""

    user: str
    fields: Mapping[str, Any]
    """Empty if the call failed before it reported any: then it may have stored anything."""
    begin_ns: int
    """Since the first sample of the frame began, as is `end_ns`."""
    end_ns: int | None
    """None if the call was given up and may still go on."""
    acknowledged: bool


@dataclass(slots=True)
class Tally:
    """The successful calls of one step within a frame."""

    calls: int = 0
    preparation_ns: int = 0
    """Before the timed part, in all."""
    counts: dict[str, float] = field(default_factory=dict)
    """Sums, by counter."""

    def add(self, calls: int, preparation_ns: int, counts: Mapping[str, float]) -> None:
        """Take in other calls."""
        self.calls += calls
        self.preparation_ns += preparation_ns
        for name, value in counts.items():
            self.counts[name] = self.counts.get(name, 0) + value


class Page(NamedTuple):
    """What a frame carries of it."""

    tallies: Mapping[int, Tally] = {}
    """By the place of the step in the flow."""
    writes: tuple[OwnWrite, ...] = ()


NOTHING: Final = Page()


class Journal:
    """The reports of one vu's calls, until a frame takes them. Used by the vu's thread alone."""

    def __init__(self) -> None:
        self.notes_all = False
        """Whether a call that only reached for the storage is noted: it matters to pets that vus share."""
        self._tallies: dict[int, Tally] = {}
        self._writes: list[OwnWrite] = []
        self._open: Context | None = None

    def begin(self, call: Context) -> None:
        """A call begins; the one before it is over, or was given up."""
        self._settle()
        self._open = call

    def acknowledge(self, place: int, call: Context) -> None:
        """The call that began last was right."""
        self._open = None
        tally = self._tallies.get(place)
        if tally is None:
            tally = self._tallies[place] = Tally()
        tally.add(1, call.preparation_ns, call.counts)
        if call.written or (self.notes_all and call.passed_cache and call.acted_on):
            self._writes.append(OwnWrite(call.user, call.written, call.began_ns, call.ended_ns, True))

    def take(self, origin_ns: int) -> Page:
        """All that was reported since the last time, with times since `origin_ns`."""
        self._settle()
        if not (self._tallies or self._writes):
            return NOTHING
        page = Page(
            self._tallies,
            tuple(
                write._replace(
                    begin_ns=write.begin_ns - origin_ns,
                    end_ns=None if write.end_ns is None else write.end_ns - origin_ns,
                )
                for write in self._writes
            ),
        )
        self._tallies, self._writes = {}, []
        return page

    def _settle(self) -> None:
        """Note the call that began last and was not acknowledged: nobody knows what it stored."""
        call, self._open = self._open, None
        if call is not None and call.began_ns and call.acted_on:
            self._writes.append(OwnWrite(call.acted_on, call.written, call.began_ns, call.ended_ns or None, False))


def write_page(page: Page) -> bytes:
    """A page as bytes, none for an empty one; `read_page` is the inverse."""
    if page is NOTHING or not (page.tallies or page.writes):
        return b""
    tallies = {place: (each.calls, each.preparation_ns, each.counts) for place, each in page.tallies.items()}
    text = json.dumps((tallies, page.writes), ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def read_page(data: bytes) -> Page:
    """The page in `data`.

    Raises:
        ValueError: there is none.
    """
    if not data:
        return NOTHING
    try:
        tallies, writes = json.loads(data.decode("utf-8", "surrogatepass"))
        return Page(
            {int(place): Tally(*values) for place, values in tallies.items()}, tuple(OwnWrite(*each) for each in writes)
        )
    except (TypeError, AttributeError, KeyError) as error:
        raise ValueError(f"{len(data)} bytes are no page of a journal") from error
