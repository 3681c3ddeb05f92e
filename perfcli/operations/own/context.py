"""The context of your own operations: the user and pet, the engine, seeded random numbers, checks and counters."""

from __future__ import annotations

import string
import sys
from collections.abc import Awaitable, Callable, Collection, Mapping
from copy import copy, deepcopy
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from random import Random
from typing import Any, Final, TypeVar, overload

from perfcli.operations.digipal_data import WRITABLE_FIELDS

_Function = TypeVar("_Function", bound=Callable[..., Any])

MARK: Final = "__digipal_perf_counters__"
"""The attribute by which a decorated function is known; it holds the counters."""

_LETTERS: Final = string.ascii_lowercase
_SECOND: Final = "a second ctx.timed() in one call"
_LONGEST: Final = 120
_LONGEST_TEXT: Final = 10_000  # a frame holds up to 2,048 of them
_LARGEST: Final = 10**15
_PLAIN: Final = (str, int, float, type(None))  # bool is an int


@overload
def operation(function: _Function, /) -> _Function: ...


@overload
def operation(*, counters: Mapping[str, str] | None = None) -> Callable[[_Function], _Function]: ...


def operation(
    function: _Function | None = None, /, *, counters: Mapping[str, str] | None = None
) -> _Function | Callable[[_Function], _Function]:
    """Make a function a step for flows. Its parameters after the context are the step's settings.

    Args:
        counters: counters for `ctx.count`, each with its unit: "count", "size" (bytes) or "duration" (nanoseconds).
    """

    def mark(decorated: _Function) -> _Function:
        setattr(decorated, MARK, dict(counters or {}))
        return decorated

    return mark if function is None else mark(function)


class CheckFailed(Exception):  # noqa: N818 - it is shown as the kind of failure, without its type
    """A condition given to `ctx.check` is false."""


class Misuse(Exception):  # noqa: N818 - as above
    """The function uses its context wrongly; the message names the line."""


class TimedBlock:
    """The timed part of one call: `with ctx.timed(): …`.

    Between its two readings of the clock lie your block, the return from `__enter__` and the call of `__exit__`.
    """

    __slots__ = ("_context", "_now_ns", "end_ns", "start_ns")

    def __init__(self, context: Context, now_ns: Callable[[], int]) -> None:
        self.start_ns = self.end_ns = 0
        """0 until the block begins, and until it ends."""
        self._context = context
        self._now_ns = now_ns

    def __enter__(self) -> None:
        if self.start_ns:
            raise self._context.misuse(_SECOND)
        self.start_ns = self._now_ns()

    def __exit__(self, *_: object) -> None:
        self.end_ns = self._now_ns()
        if share := self._context.slowdown:
            self.end_ns = slowed(self.start_ns, self.end_ns, share, self._now_ns)


def slowed(start_ns: int, end_ns: int, share: float, now_ns: Callable[[], int]) -> int:
    """Keep the CPU busy for that share of a time more, and return when that is over: for `selftest`."""
    until_ns = end_ns + round((end_ns - start_ns) * share)
    while (at_ns := now_ns()) < until_ns:
        pass
    return at_ns


@dataclass(slots=True)
class Surroundings:
    """What all calls of one step by one vu have in common.

    Args:
        described: the operation with its settings, e.g. "rename(length=8)".
        shown: the operation's file, as messages name it.
        path: the file name that its code objects bear.
        user_of: user index → user id; may raise `StepImpossible`.
        load_pet: user id → the stored pet, or None; None on a target without a storage.
        refused_fields: fields of a pet that `wrote` does not take in this scenario, with the reason.
        call_tool: calls a tool of the MCP server; None on other targets.
        folder: where files may be kept; removed with the run.
        now_ns: the clock, in nanoseconds.
        random: the vu's own.
        slowdown: for how much of its own time each call is prolonged.
    """

    described: str
    shown: str
    path: str
    vu: int
    counters: Collection[str]
    user_of: Callable[[int], str]
    folder: Path
    now_ns: Callable[[], int]
    random: Random
    engine: Any = None
    storage: Any = None
    load_pet: Callable[[str], Any] | None = None
    refused_fields: Mapping[str, str] = field(default_factory=dict)
    call_tool: Callable[[str, Mapping[str, Any]], Awaitable[Any]] | None = None
    slowdown: float = 0.0


class Context:
    """The context of one call of your own operation. Each call gets a new one: do not keep it.

    A wrong use raises `Misuse`, which fails the operation and names the line.
    """

    # what a call may leave as it is stands here: a context is made for each call
    acted_on = ""
    """The user, as far as the function asked for it."""
    began_ns = 0
    ended_ns = 0
    """When the function returned or raised; 0 as long as it has not."""
    failure = ""
    """The first failed check or misuse, even if the function catches it."""
    failed_at = ""
    """The file and the line of it."""
    counts: Mapping[str, float] = {}
    written: Mapping[str, Any] = {}
    passed_cache = False
    """Whether the function reached for the storage behind the engine's cache."""
    _block: TimedBlock | None = None
    _awaited = 0

    def __init__(self, around: Surroundings, index: int) -> None:
        self._around = around
        self._index = index
        self._random = around.random

    @property
    def vu(self) -> int:
        """The number of the vu, from 0."""
        return self._around.vu

    @property
    def random(self) -> Random:
        """Random numbers of this vu: the same `--seed` draws the same ones, whatever the warm-up drew."""
        return self._random

    @property
    def user(self) -> str:
        """Id of the user whose pet this call uses, as the scenario's `users` selects it."""
        return self.acted_on or self._resolve_user()

    @property
    def engine(self) -> Any:
        """The DigiPalCore under test; only with target embedded."""
        if self._around.engine is None:
            raise self.misuse("ctx.engine needs the embedded target; on mcp call tools with ctx.call_tool")
        return self._around.engine

    @property
    def storage(self) -> Any:
        """The engine's StorageManager; only with target embedded."""
        if self._around.storage is None:
            raise self.misuse("ctx.storage needs the embedded target; on mcp call tools with ctx.call_tool")
        self.passed_cache = True
        return self._around.storage

    @property
    def folder(self) -> Path:
        """Directory for files of this vu, removed after the run."""
        self._around.folder.mkdir(parents=True, exist_ok=True)
        return self._around.folder

    def pet(self) -> Any:
        """A copy of the user's stored pet, which you may change; only with target embedded.

        Raises:
            CheckFailed: the user has no stored pet.
        """
        if self._around.load_pet is None:
            raise self.misuse("ctx.pet() needs the embedded target; on mcp call the tool get_pet_status")
        self.passed_cache = True
        pet = self._around.load_pet(self.user)
        if pet is None:
            raise self._fail(CheckFailed("no pet is stored for the user"))
        return _private(pet)

    def text(self, length: int = 8) -> str:
        """`length` random lower-case letters, from `ctx.random`."""
        draw = self._random.random
        return "".join([_LETTERS[int(draw() * 26)] for _ in range(length)])

    def timed(self) -> TimedBlock:
        """Time the `with` block instead of the whole function; at most once a call."""
        if self._block is not None:
            raise self.misuse(_SECOND)
        self._block = block = TimedBlock(self, self._around.now_ns)
        return block

    def check(self, ok: object, problem: str) -> None:
        """Fail the operation unless `ok` is true, with `problem` as the kind of failure.

        Raises:
            CheckFailed: `ok` is false.
        """
        if not ok:
            raise self._fail(CheckFailed(_one_line(problem)))

    def count(self, name: str, value: float = 1) -> None:
        """Add to a counter that the decorator declares, in its unit; a failed operation counts nothing."""
        if name not in self._around.counters:
            known = ", ".join(self._around.counters) or "none"
            raise self.misuse(f"counter {name!r:.60} is not declared in @operation(counters=…); declared: {known}")
        if not isinstance(value, (int, float)) or not abs(value) <= _LARGEST:
            shown = repr(value) if isinstance(value, float) else type(value).__name__
            raise self.misuse(f"ctx.count({name!r:.60}) takes a number up to 10^15, not {shown}")
        self.counts = {**self.counts, name: self.counts.get(name, 0) + value}

    def wrote(self, **fields: str | float | Enum | None) -> None:
        """Report fields of the user's pet that the engine acknowledged; after the load the run checks the database."""
        if not fields:
            raise self.misuse("ctx.wrote() takes fields of the pet: ctx.wrote(name=pet.name)")
        for name, value in fields.items():
            if reason := self._around.refused_fields.get(name):
                raise self.misuse(f"ctx.wrote({name}=…): {reason}")
            if name not in WRITABLE_FIELDS:
                raise self.misuse(f"ctx.wrote({name}=…): no such field; it takes {', '.join(WRITABLE_FIELDS)}")
            if wrong := _no_plain_value(value):
                raise self.misuse(f"ctx.wrote({name}=…) takes a text, a number or None, not {wrong}")
        self._resolve_user()
        plain = {name: value.value if isinstance(value, Enum) else value for name, value in fields.items()}
        self.written = {**self.written, **plain}

    def call_tool(self, tool: str, /, **arguments: Any) -> Awaitable[Any]:
        """Call a tool of the MCP server; `await` its structured answer. A tool error is raised. Only with target "
        "mcp."""
        call = self._around.call_tool
        if call is None:
            raise self.misuse("ctx.call_tool needs target: mcp; use ctx.engine or ctx.storage")
        self._awaited += 1
        return self._called(call, tool, arguments)

    async def _called(
        self, call: Callable[[str, Mapping[str, Any]], Awaitable[Any]], tool: str, arguments: Mapping[str, Any]
    ) -> Any:
        self._awaited -= 1
        return await call(tool, arguments)

    @property
    def slowdown(self) -> float:
        """For how much of its own time the call is prolonged."""
        return self._around.slowdown

    @property
    def is_timed(self) -> bool:
        """Whether it has a timed block."""
        return self._block is not None

    @property
    def start_ns(self) -> int:
        """When the timed part began: the block, or else the function; 0 if it did not."""
        return (self._block and self._block.start_ns) or self.began_ns

    @property
    def end_ns(self) -> int:
        """When the timed part ended; 0 if it did not."""
        return (self._block and self._block.end_ns) or self.ended_ns

    @property
    def preparation_ns(self) -> int:
        """How long the function took before its timed part."""
        return self.start_ns - self.began_ns

    def unfinished(self) -> str:
        """What the function left undone, once it has returned; "" for nothing."""
        if self._block is not None and not self._block.end_ns:
            return f"{self._around.shown}: ctx.timed() was not used: write with ctx.timed():"
        if self._awaited:
            return f"{self._around.shown}: ctx.call_tool was not awaited"
        return ""

    def _resolve_user(self) -> str:
        if self._index < -1:
            raise self.misuse("the scenario has no pets: add setup: {pets: 1}, or create_pet before this step")
        self.acted_on = self._around.user_of(self._index)
        return self.acted_on

    def __repr__(self) -> str:
        return f"{self._around.described} for {self.acted_on or 'no user'}"

    def misuse(self, text: str) -> Exception:
        """Note that the function does what cannot be; returns what to raise."""
        return self._fail(Misuse(f"{self._place()}: {text}"))

    def _fail(self, failure: Exception) -> Exception:
        if not self.failure:
            self.failure, self.failed_at = str(failure), self._place()
        return failure

    def _place(self) -> str:
        """The line of the user's file that is being executed."""
        frame = sys._getframe(2)
        while frame.f_code.co_filename != self._around.path and frame.f_back is not None:
            frame = frame.f_back
        return f"{self._around.shown}, line {frame.f_lineno}"


def _one_line(problem: object) -> str:
    """A text that can be the kind of a failure; the whole of it is not kept."""
    words = " ".join(str(problem).encode("utf-8", "backslashreplace").decode().split())
    return f"{words[:_LONGEST]}…" if len(words) > _LONGEST else words or "a check failed"


def _no_plain_value(value: object) -> str:
    """Why a value cannot be looked for; "" if it can."""
    plain = value.value if isinstance(value, Enum) else value
    if isinstance(plain, str) and len(plain) > _LONGEST_TEXT:
        return f"one of {len(plain):,} characters: at most {_LONGEST_TEXT:,}"
    if isinstance(plain, (int, float)) and not abs(plain) <= _LARGEST:
        return "one beyond 10^15"
    return "" if isinstance(plain, _PLAIN) else type(plain).__name__


def _private(pet: Any) -> Any:
    """A copy whose lists, sets and dicts are its own, too; a deep copy of a long history takes milliseconds."""
    if not hasattr(pet, "__dict__"):
        return deepcopy(pet)
    private = copy(pet)
    for name, value in vars(private).items():
        if isinstance(value, (list, set, dict)):
            setattr(private, name, value.copy())
    return private
