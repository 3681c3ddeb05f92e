"""Binds a step of an own operation to one vu: a fresh context for each call, and what becomes of it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from inspect import iscoroutine
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

from perfcli.operations.call import Call
from perfcli.operations.digipal_data import NO_PET
from perfcli.operations.own.context import CheckFailed, Context, Misuse, Surroundings, slowed
from perfcli.operations.own.journal import Journal

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from perfcli.operations.own.loading import LoadedFile

_MOST_PROBLEMS: Final = 20
_VARIOUS: Final = "failed checks with many different texts"

RunCoroutine = Callable[[Coroutine[Any, Any, Any]], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What a target offers to functions of the user's own; the names are those of `Surroundings`.

    Args:
        run_coroutine: waits for a coroutine; None for an event loop of the vu's own.
        evict: takes a user's pet out of the engine's cache.
    """

    user_of: Callable[[int], str]
    engine: Any = None
    storage: Any = None
    load_pet: Callable[[str], Any] | None = None
    refused_fields: Mapping[str, str] = field(default_factory=dict)
    call_tool: Callable[[str, Mapping[str, Any]], Awaitable[Any]] | None = None
    run_coroutine: RunCoroutine | None = None
    evict: Callable[[str], object] = lambda user: None


class VuLoop:
    """The event loop of one vu, for async functions on the embedded target."""

    def __init__(self) -> None:
        self._loop: AbstractEventLoop | None = None

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine to its end; tasks that it leaves go on with the next one."""
        import asyncio

        loop = self._loop
        if loop is None or loop.is_running():
            # a call that was given up may still run on the one before
            loop = self._loop = asyncio.new_event_loop()
        return loop.run_until_complete(coroutine)

    def close(self) -> None:
        """Cancel what is left, and close the loop."""
        import asyncio

        loop, self._loop = self._loop, None
        if loop is None or loop.is_running():
            return
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.close()


@dataclass(eq=False, slots=True)
class OwnVu:
    """The own operations of one vu.

    Args:
        files: the loaded files, by the names of their operations.
        seed: the run's.
        folder: where the functions of this vu may keep files.
        slowdown: as of `Surroundings`.
    """

    files: Mapping[str, LoadedFile]
    vu: int
    seed: int
    journal: Journal
    folder: Path
    now_ns: Callable[[], int] = time.perf_counter_ns
    slowdown: float = 0.0
    _loop: VuLoop = field(default_factory=VuLoop, init=False)

    def close(self) -> None:
        """End its event loop; to be called before the engine is closed."""
        self._loop.close()

    def call(self, operation: str, settings: Mapping[str, Any], place: int, reach: Reach) -> Call:
        """The call of one step."""
        file = self.files[operation]
        arguments = ", ".join(f"{name}={value!r:.60}" for name, value in settings.items())
        around = Surroundings(
            described=f"{operation}({arguments})",
            shown=file.shown,
            path=file.filename,
            vu=self.vu,
            counters=file.declared[operation].counters,
            user_of=reach.user_of,
            folder=self.folder,
            now_ns=self.now_ns,
            random=Random(0),
            engine=reach.engine,
            storage=reach.storage,
            load_pet=reach.load_pet,
            refused_fields=reach.refused_fields,
            call_tool=reach.call_tool,
            slowdown=self.slowdown,
        )
        return OwnCall(
            file=file,
            function=file.functions[operation],
            settings=settings,
            around=around,
            place=place,
            seed=f"{self.seed}/own/{self.vu}/{place}",
            journal=self.journal,
            run_coroutine=reach.run_coroutine or self._loop.run,
            evict=reach.evict,
        ).call()


@dataclass(eq=False, slots=True, kw_only=True)
class OwnCall:
    """One step of one vu, and the times of its newest call.

    Args:
        place: of the step in the flow.
        settings: the keyword arguments of the function.
        seed: of the draws; together with a stream it seeds `ctx.random`.
        run_coroutine: waits for a coroutine, on the event loop of the vu or of its session.
        evict: takes a user's pet out of the engine's cache.
    """

    file: LoadedFile
    function: Callable[..., Any]
    settings: Mapping[str, Any]
    around: Surroundings
    place: int
    seed: str
    journal: Journal
    run_coroutine: RunCoroutine
    evict: Callable[[str], object]
    _has_lists: bool = field(init=False)
    _stream: str = field(default="", init=False)
    _given_up: int = field(default=0, init=False)
    _problems: set[str] = field(default_factory=set, init=False)
    _newest: Context = field(init=False)

    def __post_init__(self) -> None:
        self._has_lists = any(isinstance(value, list) for value in self.settings.values())
        self._newest = Context(self.around, NO_PET)

    def call(self) -> Call:
        """What the loop calls. Its times are those of the function, or of its `ctx.timed()`."""
        return Call(self._arguments, self._invoke, self._check, timed=self, begin=self.begin)

    def begin(self, stream: str) -> None:
        """Draw from here on as a stream ("warm-up", "load", "counting") prescribes."""
        self._stream = stream
        self._given_up = 0
        # a call of the stream before that was given up is none of this one
        self._newest = Context(self.around, NO_PET)
        self.around.random = Random(f"{self.seed}/{stream}")

    @property
    def start_ns(self) -> int:
        """When the timed part of the newest call began; 0 if it did not."""
        return self._newest.start_ns

    @property
    def end_ns(self) -> int:
        """When it ended; 0 if it did not."""
        return self._newest.end_ns

    def reset(self) -> None:
        """Nothing is left of the call before: each has a context of its own."""

    def _arguments(self, user: int, choice: int) -> tuple[Context]:
        before = self._newest
        if before.began_ns and not before.ended_ns:
            # it was given up and may still draw: what follows must not depend on how far it comes
            self._given_up += 1
            self.around.random = Random(f"{self.seed}/{self._stream}/{self._given_up}")
        self._newest = context = Context(self.around, user)
        self.journal.begin(context)
        return (context,)

    def _invoke(self, context: Context) -> str:
        """Call the function; what it returns is ignored. Returns why it failed, if it said so."""
        now_ns, settings = self.around.now_ns, self.settings
        if self._has_lists:
            settings = {name: value.copy() if isinstance(value, list) else value for name, value in settings.items()}
        escaped = None
        context.began_ns = now_ns()
        try:
            answer = self.function(context, **settings)
            context.ended_ns = now_ns()
            if iscoroutine(answer):
                context.ended_ns = 0
                escaped = self.run_coroutine(self._awaited(answer, context))
            if self.around.slowdown and not context.is_timed:
                context.ended_ns = slowed(context.began_ns, context.ended_ns, self.around.slowdown, now_ns)
        except (CheckFailed, Misuse):
            return f"{context.failed_at}: {context.failure}"
        except BaseException:
            self.file.remember_lines()
            raise
        finally:
            context.ended_ns = context.ended_ns or now_ns()
        if escaped is not None:
            raise escaped
        return ""

    async def _awaited(self, coroutine: Coroutine[Any, Any, Any], context: Context) -> BaseException | None:
        """Wait for the function; return what would end the event loop if it were raised there."""
        # the clock is read within, so that starting the event loop is not timed
        now_ns = self.around.now_ns
        context.began_ns = now_ns()
        try:
            await coroutine
        except (SystemExit, KeyboardInterrupt) as error:
            return error
        finally:
            context.ended_ns = now_ns()
        return None

    def _check(self, asked: tuple[Context], answer: str) -> str:
        (context,) = asked
        if problem := context.failure or context.unfinished():
            return self._kind(problem)
        self.journal.acknowledge(self.place, context)
        if context.written and context.passed_cache:
            # what the engine has in memory is older than what was stored behind its back
            self.evict(context.user)
        return ""

    def _kind(self, problem: str) -> str:
        """The kind of a failure: its text, unless each has another one."""
        if len(self._problems) < _MOST_PROBLEMS:
            self._problems.add(problem)
        return problem if problem in self._problems else _VARIOUS
