"""A step of an own operation as the loop calls it: what it times, draws, reports, and how each end is told."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from perfcli.agent.bound_steps import StepBinder
from perfcli.agent.outcomes import Outcomes
from perfcli.agent.timed_calls import TimedCaller, TimedOut
from perfcli.operations.own.binding import OwnCall, VuLoop
from perfcli.operations.own.context import Context
from perfcli.operations.own.declared import OperationFile
from perfcli.operations.own.journal import Journal, OwnWrite, Tally
from perfcli.operations.own.loading import LoadedFile
from perfcli.operations.status import Status
from perfcli.recorder import Frame, Recorder
from perfcli.targets.protocol import Failure
from tests.perfcli.operations.own.files import operation_file
from tests.perfcli.operations.own.test_context import Pet, around

HEAD = "import asyncio, sys, threading, time\nfrom perfcli.operations import Context, operation\n"
HEAD_LINES = 2


def file_of(source: str, shown: str = "mine.py") -> OperationFile:
    return operation_file(HEAD + dedent(source), shown, "/scenarios/mine.py")


class Vu:
    """One operation bound to a vu, called as the loop does."""

    def __init__(self, body: str, *, head: str = "@operation", settings: dict[str, Any] | None = None, **more: Any):
        source = f"{head}\n{body}" if body.startswith(("def", "async")) else body
        file = file_of(source)
        self.journal, self.evicted, self.loop = Journal(), [], VuLoop()
        evict: Callable[[str], object] = self.evicted.append
        self.around = around(path="/scenarios/mine.py", **more)
        loaded = LoadedFile(file)
        self.own = OwnCall(
            file=loaded,
            function=loaded.functions[file.operations[-1].name],
            settings=settings or {},
            around=self.around,
            place=2,
            seed="7/3/2",
            journal=self.journal,
            run_coroutine=self.loop.run,
            evict=evict,
        )
        self.call = self.own.call()
        assert self.call.begin is not None
        self.call.begin("load")

    def do(self, user: int = 0) -> str:
        arguments = self.call.arguments(user, 0)
        return self.call.check(arguments, self.call.invoke(*arguments))


def test_a_function_is_called_with_its_settings_and_its_answer_is_ignored() -> None:
    vu = Vu("def f(ctx: Context, length: int) -> bool:\n    ctx.wrote(name=ctx.text(length))\n    return False",
            settings={"length": 5})  # fmt: skip
    assert vu.do() == ""
    (write,) = vu.journal.take(0).writes
    assert (write.user, len(write.fields["name"]), write.acknowledged) == ("user-0", 5, True)


def test_lists_are_its_own_in_each_call() -> None:
    given = [1]
    body = "words.append(2)\n    ctx.check(len(words) == 2, 'kept')"
    vu = Vu(f"def f(ctx: Context, words: list[int]) -> None:\n    {body}", settings={"words": given})
    assert (vu.do(), vu.do(), given) == ("", "", [1])


def test_the_whole_function_is_timed_or_its_block() -> None:
    whole = Vu("def f(ctx: Context) -> None:\n    pass")
    whole.do()
    assert (whole.own.start_ns, whole.own.end_ns) == (1, 2)
    block = Vu("def f(ctx: Context) -> None:\n    with ctx.timed():\n        pass\n    ctx.count('letters', 3)",
               head="@operation(counters={'letters': 'count'})")  # fmt: skip
    block.do()
    assert (block.own.start_ns, block.own.end_ns) == (2, 3)
    assert block.journal.take(0).tallies == {2: Tally(1, 1, {"letters": 3})}


def test_a_failed_check_is_a_failure_with_its_text_and_reports_nothing() -> None:
    vu = Vu("""
        @operation(counters={'letters': 'count'})
        def f(ctx: Context) -> None:
            ctx.count('letters', 3)
            ctx.wrote(name='x')
            ctx.check(False, 'save_pet returned False')
        """)
    assert vu.do() == "save_pet returned False"
    page = vu.journal.take(0)
    assert page.tallies == {}
    assert page.writes == (OwnWrite("user-0", {"name": "x"}, 1, 2, False),)


def test_ever_other_texts_are_one_kind() -> None:
    vu = Vu(
        "count = iter(range(99))\n@operation\ndef f(ctx: Context) -> None:\n    ctx.check(False, f'no {next(count)}')"
    )
    kinds = [vu.do() for _ in range(50)]
    assert kinds[:20] == [f"no {number}" for number in range(20)]
    assert set(kinds[20:]) == {"failed checks with many different texts"}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("try:\n        ctx.check(False, 'no')\n    except Exception:\n        pass", "no"),
        ("for _ in '12':\n        with ctx.timed():\n            pass", "mine.py, line 6: a second ctx.timed() in"),
        ("[ctx.count(name, 1) for name in ('words',)]", "mine.py, line 5: counter 'words' is not declared in"),
        ("ctx.wrote(**{'colour': 1})", "mine.py, line 5: ctx.wrote(colour=…): no such field; it takes name, life"),
        ("block = ctx.timed()", "mine.py: ctx.timed() was not used: write with ctx.timed():"),
    ],
)  # fmt: skip
def test_misuse_is_a_failure_with_its_line(body: str, problem: str) -> None:
    assert Vu(f"def f(ctx: Context) -> None:\n    {body}").do().startswith(problem)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("raise ValueError('no')", ValueError),
        ("sys.exit(3)", SystemExit),
        ("raise KeyboardInterrupt", KeyboardInterrupt),
        ("raise asyncio.CancelledError", asyncio.CancelledError),
    ],
)
@pytest.mark.parametrize("head", ["def", "async def"])
def test_whatever_is_raised_is_raised_to_the_loop(head: str, body: str, kind: type[BaseException]) -> None:
    vu = Vu(f"{head} f(ctx: Context) -> None:\n    ctx.user\n    with ctx.timed():\n        {body}")
    for _ in range(2):
        with pytest.raises(kind):
            vu.do()
        assert 0 < vu.own.start_ns < vu.own.end_ns
    vu.loop.close()
    assert [write.acknowledged for write in vu.journal.take(0).writes] == [False, False]


def test_what_is_raised_before_the_block_fails_too() -> None:
    vu = Vu("def f(ctx: Context) -> None:\n    {}['x']\n    with ctx.timed():\n        pass")
    with pytest.raises(KeyError):
        vu.do()
    assert (vu.own.start_ns, vu.own.end_ns) == (1, 2)


def test_async_functions_run_on_one_loop_of_the_vu() -> None:
    vu = Vu("""
        loops = set()

        @operation(counters={'letters': 'count'})
        async def f(ctx: Context) -> None:
            await asyncio.sleep(0)
            with ctx.timed():
                await asyncio.sleep(0)
            loops.add(id(asyncio.get_running_loop()))
            ctx.count('letters', len(loops))
        """)
    assert (vu.do(), vu.do()) == ("", "")
    vu.loop.close()
    assert vu.journal.take(0).tallies[2].counts == {"letters": 2}


def test_tasks_that_a_function_leaves_are_cancelled_in_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    vu = Vu("async def f(ctx: Context) -> None:\n    f.task = asyncio.create_task(asyncio.sleep(60))")
    assert vu.do() == ""
    vu.loop.close()
    assert "was never" not in capsys.readouterr().err


def test_the_same_seed_draws_the_same_and_the_warm_up_shifts_nothing() -> None:
    body = "def f(ctx: Context) -> None:\n    ctx.wrote(name=ctx.text(20))"

    def names(warmed: int) -> list[str]:
        vu = Vu(body)
        assert vu.call.begin is not None
        vu.call.begin("warm-up")
        for _ in range(warmed):
            vu.do()
        vu.call.begin("load")
        for _ in range(3):
            vu.do()
        return [write.fields["name"] for write in vu.journal.take(0).writes][warmed:]

    assert names(0) == names(5)
    assert len(set(names(0))) == 3


def test_a_call_that_was_given_up_disturbs_no_other() -> None:
    vu = Vu("""
        import threading
        may_go, is_over = threading.Event(), threading.Event()
        slow = True

        @operation(counters={'letters': 'count'})
        def f(ctx: Context) -> None:
            global slow
            first, slow = slow, False
            ctx.user
            if first:
                may_go.wait()
                ctx.wrote(name='late')
                ctx.count('letters', 1000)
                is_over.set()
                return
            with ctx.timed():
                ctx.count('letters', 1)
        """)
    given_up = vu.call.arguments(0, 0)
    thread = threading.Thread(target=vu.call.invoke, args=given_up)
    thread.start()
    while not given_up[0].began_ns or not given_up[0].acted_on:
        time.sleep(0.001)
    assert vu.do() == ""
    times = (vu.own.start_ns, vu.own.end_ns)
    function = vu.own.file.functions["f"]
    function.__globals__["may_go"].set()
    thread.join()
    assert (vu.own.start_ns, vu.own.end_ns) == times
    page = vu.journal.take(0)
    assert page.tallies[2].counts == {"letters": 1}
    assert [(write.end_ns, write.acknowledged) for write in page.writes] == [(None, False)]


def test_what_a_call_that_was_given_up_draws_shifts_nothing() -> None:
    def texts(drawn_late: int) -> list[str]:
        vu = Vu("def f(ctx: Context) -> None: pass")
        drawn = []
        for _ in range(2):
            (given_up,) = vu.call.arguments(0, 0)
            given_up.began_ns = 1  # and it does not end
            (after,) = vu.call.arguments(0, 0)
            given_up.text(drawn_late)
            drawn.append(after.text(20))
            after.began_ns = after.ended_ns = 1
            (last,) = vu.call.arguments(0, 0)
            assert last.random is after.random  # one that ended passes its stream on
            last.began_ns = last.ended_ns = 1
        return drawn

    assert texts(0) == texts(3)
    assert len(set(texts(0))) == 2


class GivesUpTheFirst(TimedCaller):
    """Leaves the first call behind once it waits, and does the others itself."""

    def __init__(self, waits: threading.Event) -> None:
        self.left: threading.Thread | None = None
        self._waits = waits

    def do(self, invoke: Callable[..., Any], arguments: tuple[Any, ...], timeout_ns: int) -> tuple[int, int, Any]:
        self.start_ns = self.end_ns = 1
        if self.left is None:
            self.left = threading.Thread(target=invoke, args=arguments)
            self.left.start()
            self._waits.wait()
            raise TimedOut("no answer")
        return 1, 1, invoke(*arguments)


def test_a_call_that_was_given_up_writes_to_no_block_of_a_later_one() -> None:
    ticks = count(100, 100)
    vu = Vu(
        """
        waits, may_go, has_ended = threading.Event(), threading.Event(), threading.Event()

        @operation
        def f(ctx: Context) -> None:
            if not waits.is_set():
                waits.set()
                may_go.wait()
                with ctx.timed():
                    pass
                has_ended.set()
                return
            with ctx.timed():
                may_go.set()
                has_ended.wait()
        """,
        now_ns=lambda: next(ticks),
    )
    caller = GivesUpTheFirst(vu.own.function.__globals__["waits"])
    frames: list[Frame] = []
    recorder = Recorder(0, 1, frames.append)
    outcomes = Outcomes(lambda *_: None, lambda error: Failure(type(error).__name__, ""))
    binder = StepBinder(recorder, outcomes, caller, lambda: next(ticks), lambda ns: None)
    (step,) = binder.bind([Status(operation="status")], [vu.call._replace(timeout_ns=1)])
    recorder.begin(measured=True, now_ns=0)
    step(0, 0, 0)
    assert caller.left is not None
    began_ns = next(ticks)
    step(0, 0, 0)
    caller.left.join()
    recorder.flush(0)
    (frame,) = frames
    assert list(frame.failures) == [0]  # the second is right
    # the readings of the second: before its call, of its function, of its block; then those of the first
    assert frame.starts[1] == began_ns + 300
    assert frame.durations[1] >= 300


@pytest.mark.parametrize(
    ("body", "evicted"),
    [
        ("ctx.storage\n    ctx.wrote(name='x')", ["user-0"]),
        ("ctx.pet()\n    ctx.wrote(name='x')", ["user-0"]),
        ("ctx.engine\n    ctx.wrote(name='x')", []),
        ("ctx.storage", []),
    ],
)
def test_what_was_stored_behind_the_cache_leaves_it(body: str, evicted: list[str]) -> None:
    vu = Vu(f"def f(ctx: Context) -> None:\n    {body}")
    assert vu.do() == ""
    assert vu.evicted == evicted


def test_tracebacks_show_the_lines_of_the_plan() -> None:
    import traceback

    vu = Vu("def f(ctx: Context) -> None:\n    raise ValueError('no')")
    with pytest.raises(ValueError, match="no") as caught:
        vu.do()
    shown = "".join(traceback.format_exception(caught.value))
    assert "File \"/scenarios/mine.py\", line 5, in f\n    raise ValueError('no')" in shown


def test_an_example_says_what_was_called_with_what() -> None:
    vu = Vu(
        "def f(ctx: Context, length: int = 8) -> None:\n    ctx.check(ctx.user == '', 'no')", settings={"length": 8}
    )
    (context,) = vu.call.arguments(4, 0)
    answer = vu.call.invoke(context)
    assert repr(context) == "f(length=8) for user-4"
    assert answer == "mine.py, line 5: no"


def test_a_context_is_fresh_in_each_call(tmp_path: Path) -> None:
    vu = Vu("seen = []\n@operation\ndef f(ctx: Context) -> None:\n    seen.append(ctx)", load_pet=lambda user: Pet())
    vu.do(0)
    vu.do(1)
    first, second = vu.own.file.functions["f"].__globals__["seen"]
    assert isinstance(first, Context)
    assert first is not second
    assert (first.user, second.user) == ("user-0", "user-1")


@pytest.mark.parametrize(
    "body", ["time.sleep(0)\n    with ctx.timed():\n        time.sleep(0.002)", "time.sleep(0.002)\n    ctx.user"]
)
def test_a_slowdown_for_a_self_test_prolongs_the_timed_part(body: str) -> None:
    def taken_ns(slowdown: float) -> int:
        vu = Vu(f"def f(ctx: Context) -> None:\n    {body}", now_ns=time.perf_counter_ns, slowdown=slowdown)
        assert vu.do() == ""
        return vu.own.end_ns - vu.own.start_ns

    # a sleep never takes less than it was asked for
    assert taken_ns(4.0) >= 10_000_000


def test_a_slowdown_prolongs_nothing_but_the_timed_part() -> None:
    now_ns = count(step=10).__next__
    vu = Vu("def f(ctx: Context) -> None:\n    with ctx.timed():\n        pass", now_ns=now_ns, slowdown=10.0)
    vu.do()
    assert 100 <= vu.own.end_ns - vu.own.start_ns < 150
    assert now_ns() < 250


def test_while_a_coroutine_runs_its_call_has_not_ended() -> None:
    vu = Vu("seen = []\n@operation\nasync def f(ctx: Context) -> None:\n    seen.append(vars(ctx)['ended_ns'])")
    vu.do()
    vu.loop.close()
    assert vu.own.file.functions["f"].__globals__["seen"] == [0]


def test_a_task_that_is_left_is_cancelled_and_waited_for() -> None:
    vu = Vu("""
        ends = []

        async def stay() -> None:
            try:
                await asyncio.sleep(60)
            finally:
                ends.append("cancelled")

        @operation
        async def f(ctx: Context) -> None:
            f.task = asyncio.create_task(stay())
            await asyncio.sleep(0)
        """)
    assert vu.do() == ""
    vu.loop.close()
    assert vu.own.file.functions["f"].__globals__["ends"] == ["cancelled"]


def test_what_was_given_up_in_the_warm_up_shifts_no_draw_of_the_load() -> None:
    def drawn(given_up: int) -> str:
        vu = Vu("def f(ctx: Context) -> None:\n    pass")
        for stream, times in (("warm-up", given_up), ("load", 1)):
            assert vu.call.begin is not None
            vu.call.begin(stream)
            for _ in range(times):
                vu.call.arguments(0, 0)[0].began_ns = 1  # and it never ends
        (after,) = vu.call.arguments(0, 0)
        return str(after.text(20))

    assert drawn(0) == drawn(3)
