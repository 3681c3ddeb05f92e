"""A vu's loops on a clock that only a fake engine moves: which times are recorded, of what, and when it stops."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from typing import Any

import pytest

from perfcli.agent.bound_steps import StepBinder
from perfcli.agent.outcomes import Outcomes
from perfcli.agent.timed_calls import TimedCaller, TimedOut
from perfcli.agent.vu import VirtualUser
from perfcli.clock import StopSignal
from perfcli.executors import ConstantArrivalRate, Schedule
from perfcli.executors.base import BoundedSchedule
from perfcli.executors.iterations import for_each_vu
from perfcli.executors.vus import steady
from perfcli.operations.call import Call, StepImpossible
from perfcli.plan import ExecutionPlan
from perfcli.recorder import FLUSH_INTERVAL_NS, NOT_DUE, OK, SKIPPED, Frame, Recorder
from perfcli.targets.protocol import EngineGone, Failure
from perfcli.workload import Workload, unpack

ORIGIN_NS = 1_000
NEVER_NS = 10**15
SIDES = pytest.mark.parametrize("flow", [["status"], ["status", "statistics"]], ids=["one step", "two steps"])
"""One plain step has a loop of its own."""


class FakeClock:
    """Moves when it is told, or by a pause; counts its readings."""

    def __init__(self) -> None:
        self.at_ns = ORIGIN_NS
        self.readings = 0
        self.pauses: list[int] = []

    def now_ns(self) -> int:
        self.readings += 1
        return self.at_ns

    def pause(self, duration_ns: int) -> None:
        self.pauses.append(duration_ns)
        self.at_ns += max(0, duration_ns)

    def time_reference_ns(self) -> int:
        raise AssertionError("the recorder's own")


class FakeBlock:
    """The block of a call that times itself."""

    def __init__(self) -> None:
        self.start_ns = self.end_ns = 0
        self.resets = 0

    def reset(self) -> None:
        self.start_ns = self.end_ns = 0
        self.resets += 1


class FakeCaller(TimedCaller):
    """Calls in the vu's own thread; one takes too long if the clock says so."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock

    def do(self, invoke: Callable[..., Any], arguments: tuple[Any, ...], timeout_ns: int) -> tuple[int, int, Any]:
        self.start_ns = self._clock.at_ns
        try:
            answer = invoke(*arguments)
        finally:
            self.end_ns = self._clock.at_ns
        if self.end_ns - self.start_ns > timeout_ns:
            self.end_ns = self.start_ns + timeout_ns
            raise TimedOut("no answer")
        return self.start_ns, self.end_ns, answer


class Bench:
    """One vu, an engine of functions, and what they recorded."""

    def __init__(self, plan: ExecutionPlan, *calls: Call | None, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.stop = StopSignal()
        self.frames: list[Frame] = []
        self.kinds: dict[int, str] = {}
        self.plan = plan
        self.recorder = Recorder(0, 1, self.frames.append)
        outcomes = Outcomes(self._announce, lambda error: Failure(type(error).__name__, ""))
        self.user = VirtualUser(
            0,
            0,
            plan.flow_of(0),
            calls,
            self.recorder,
            outcomes,
            FakeCaller(self.clock),
            self.clock,
            self.stop,
        )
        self.workload = Workload(plan.phases[0], 1, 0)

    def run(
        self,
        schedule: Schedule | int,
        *,
        pause_after: Callable[[int], int] | None = None,
        is_open: bool = False,
        latest_ns: int = NEVER_NS,
        cut_off_ns: int = NEVER_NS,
    ) -> None:
        if isinstance(schedule, int):
            schedule = for_each_vu(1, schedule, NEVER_NS)
        self.recorder.begin(measured=True, now_ns=ORIGIN_NS, is_open=is_open)
        self.user.run(schedule, self.workload, pause_after, ORIGIN_NS, latest_ns, cut_off_ns)

    @property
    def samples(self) -> list[tuple[int, str, int, int]]:
        """(place in the flow, outcome, start since the origin, duration) of each, in order."""
        return [
            (unpack(draw)[0], self._kind(frame.failures.get(index, OK)), start - ORIGIN_NS, duration)
            for frame in self.frames
            for index, (draw, start, duration) in enumerate(
                zip(frame.draws, frame.starts, frame.durations, strict=True)
            )
        ]

    @property
    def lags(self) -> list[int]:
        return [lag for frame in self.frames for lag in frame.lags]

    def _announce(self, number: int, kind: str, category: str, example: str) -> None:
        self.kinds[number] = kind

    def _kind(self, outcome: int) -> str:
        return {OK: "ok", SKIPPED: "skipped"}.get(outcome) or self.kinds[outcome]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def make_bench(make_plan: Any, clock: FakeClock) -> Callable[..., Bench]:
    def make(flow: Sequence[Any], *calls: Call | None) -> Bench:
        return Bench(make_plan(list(flow), setup={"pets": 1}), *calls, clock=clock)

    return make


@pytest.fixture
def call(clock: FakeClock) -> Callable[..., Call]:
    """A call whose parts take time; what one of them raises or answers can be given as a list, call by call."""

    def make(
        takes_ns: int = 100, *, before_ns: int = 0, after_ns: int = 0, does: Sequence[Any] = (), **settings: Any
    ) -> Call:
        script: Iterator[Any] = iter(does)

        def arguments(user: int, choice: int) -> tuple[int]:
            clock.at_ns += before_ns
            return (takes_ns,)

        def invoke(for_ns: int) -> Any:
            clock.at_ns += for_ns
            done = next(script, "")
            if isinstance(done, BaseException):
                raise done
            return done() if callable(done) else done

        def check(asked: tuple[int], answer: str) -> str:
            clock.at_ns += after_ns
            return str.lower(answer)

        return Call(arguments, invoke, check, **settings)

    return make


@SIDES
def test_only_the_engines_function_is_timed(make_bench: Any, call: Any, flow: list[str]) -> None:
    bench = make_bench(flow, *[call(100, before_ns=7, after_ns=5) for _ in flow])
    bench.run(2)
    steps = [number % len(flow) for number in range(2 * len(flow))]
    assert bench.samples == [(place, "ok", 7 + 112 * number, 100) for number, place in enumerate(steps)]
    assert [frame.iterations for frame in bench.frames] == [2]
    assert bench.user.ended_ns == bench.clock.at_ns


@SIDES
def test_an_operation_costs_two_readings_of_the_clock(make_bench: Any, call: Any, flow: list[str]) -> None:
    bench = make_bench(flow, *[call(1) for _ in flow])
    bench.run(1)
    first = bench.clock.readings
    bench.run(101)
    assert bench.clock.readings - 2 * first == 2 * 100 * len(flow)


@SIDES
@pytest.mark.parametrize("raised", [ValueError("no"), SystemExit(3), KeyboardInterrupt()])
def test_what_the_engine_raises_is_a_failure_that_ends_there(
    make_bench: Any, call: Any, flow: list[str], raised: BaseException
) -> None:
    bench = make_bench(flow, call(100, after_ns=5, does=["", raised, "ANOTHER PET"]), *[call(1)] * (len(flow) - 1))
    bench.run(4)
    assert [sample[1] for sample in bench.samples if sample[0] == 0] == [
        "ok",
        type(raised).__name__,
        "another pet",
        "ok",
    ]
    assert {sample[3] for sample in bench.samples if sample[0] == 0} == {100}
    assert bench.frames[-1].iterations == 4


@SIDES
def test_an_answer_of_another_shape_is_wrong_and_what_ends_a_process_on_checking_is_raised(
    make_bench: Any, call: Any, flow: list[str]
) -> None:
    rest = [call(1)] * (len(flow) - 1)
    bench = make_bench(flow, call(100, after_ns=5, does=[42]), *rest)
    bench.run(1)
    assert bench.samples[0] == (0, "wrong answer: int (TypeError on reading it)", 0, 100)

    def leave(_: Any, answer: Any) -> str:
        raise SystemExit(answer)

    with pytest.raises(SystemExit):
        make_bench(flow, call()._replace(check=leave), *rest).run(1)


@SIDES
def test_a_step_without_its_pet_fails_at_the_time_it_was_tried(make_bench: Any, call: Any, flow: list[str]) -> None:
    def impossible(user: int, choice: int) -> tuple[int]:
        raise StepImpossible("skipped: no pet")

    bench = make_bench(flow, *[call()._replace(arguments=impossible) for _ in flow])
    bench.run(2)
    assert bench.samples == [(place, "skipped: no pet", 0, 0) for place in range(len(flow))] * 2


@SIDES
def test_an_engine_that_is_gone_ends_the_run(make_bench: Any, call: Any, flow: list[str]) -> None:
    with pytest.raises(EngineGone, match="it left"):
        make_bench(flow, *[call(does=[EngineGone("it left")]) for _ in flow]).run(5)


@SIDES
def test_nothing_starts_at_the_deadline_or_later(make_bench: Any, call: Any, flow: list[str]) -> None:
    bench = make_bench(flow, *[call(100) for _ in flow])
    bench.run(steady(500))
    assert [start for place, _, start, _ in bench.samples if place == 0] == list(range(0, 500, 100 * len(flow)))
    bench.run(steady(500))
    assert bench.frames[-1].iterations == 0


@SIDES
@pytest.mark.parametrize("longest_ns", [199, 200, 201, 1_000])
def test_a_bounded_schedule_starts_nothing_after_its_bound(
    make_bench: Any, call: Any, flow: list[str], longest_ns: int
) -> None:
    at_once, asked = make_bench(flow, *[call(100) for _ in flow]), make_bench(flow, *[call(100) for _ in flow])
    at_once.run(BoundedSchedule(steady(600), longest_ns))
    starts = [start for place, _, start, _ in at_once.samples if place == 0]
    assert starts == [at for at in range(0, 600, 100 * len(flow)) if at <= longest_ns]
    asked.clock.at_ns = ORIGIN_NS
    asked.run(BoundedSchedule(steady(600), longest_ns), pause_after=lambda took_ns: 0)
    assert asked.samples == at_once.samples


@SIDES
def test_a_stop_is_heeded_before_the_next_operation(make_bench: Any, call: Any, flow: list[str]) -> None:
    bench: Bench
    stop = lambda: bench.stop.set() or ""  # noqa: E731
    bench = make_bench(flow, call(100, does=["", stop]), *[call(100)] * (len(flow) - 1))
    bench.run(10)
    assert len(bench.samples) == 1 + len(flow)
    assert bench.frames[-1].iterations == (1 if len(flow) > 1 else 2)
    assert bench.user.interrupted == len(flow) - 1


def test_an_iteration_is_cut_off_between_two_steps(make_bench: Any, call: Any) -> None:
    bench = make_bench(["status", "statistics"], call(100), call(100))
    bench.run(10, cut_off_ns=ORIGIN_NS + 300)
    assert [sample[:3] for sample in bench.samples[:3]] == [(0, "ok", 0), (1, "ok", 100), (0, "ok", 200)]
    assert bench.user.interrupted > 0
    assert all(place == 0 for place, _, start, _ in bench.samples if start >= 200)
    assert bench.frames[-1].iterations == 1


@SIDES
def test_samples_are_sent_when_they_grow_old_or_the_buffer_is_full(make_bench: Any, call: Any, flow: list[str]) -> None:
    bench = make_bench(flow, *[call(30_000_000) for _ in flow])
    bench.run(4 // len(flow))
    assert [len(frame.draws) for frame in bench.frames] == [2, 2, 0]
    bench.clock.at_ns = ORIGIN_NS
    quick = make_bench(flow, *[call(1) for _ in flow])
    quick.run(5_000 // len(flow))
    assert [len(frame.draws) for frame in quick.frames] == [2_048, 2_048, 904]
    assert sum(len(frame.draws) for frame in quick.frames) == 5_000
    assert quick.frames[-1].iterations == 5_000 // len(flow)
    assert [start for *_, start, _ in quick.samples] == list(range(5_000))


@SIDES
def test_failures_stay_with_their_samples_across_frames(make_bench: Any, call: Any, flow: list[str]) -> None:
    answers = ["BAD" if number % 700 == 699 else "" for number in range(3_000)]
    bench = make_bench(flow, call(1, does=answers), *[call(1)] * (len(flow) - 1))
    bench.run(3_000)
    assert [sample[1].upper() if sample[1] != "ok" else "" for sample in bench.samples if sample[0] == 0] == answers


def test_a_draw_is_never_taken_for_nothing(make_bench: Any, call: Any, make_plan: Any, clock: FakeClock) -> None:
    """Slices go on where the one before ended."""
    plan = make_plan([{"interact": {"texts": ["a", "b", "c"]}}], setup={"pets": 1})
    bench = Bench(plan, call(1), clock=clock)
    for _ in range(4):
        bench.run(2)
    assert [unpack(draw)[2] for frame in bench.frames for draw in frame.draws] == [0, 1, 2, 0, 1, 2, 0, 1]


CONDITIONAL = ["status", {"load_pet": {"only_if": "status"}}, {"statistics": {"only_if": "load_pet"}}]


def test_a_step_is_skipped_if_the_one_it_needs_failed_or_was_skipped(make_bench: Any, call: Any) -> None:
    first, second = call(100, does=["", ValueError(), "", "WRONG"]), call(10, does=["", ValueError()])
    bench = make_bench(CONDITIONAL, first, second, call(1))
    bench.run(5)
    outcomes = [sample[1] for sample in bench.samples]
    assert [outcomes[at : at + 3] for at in range(0, 15, 3)] == [
        ["ok", "ok", "ok"],
        ["ValueError", "skipped", "skipped"],
        ["ok", "ValueError", "skipped"],
        ["wrong", "skipped", "skipped"],
        ["ok", "ok", "ok"],
    ]
    assert [sample[2:] for sample in bench.samples[3:6]] == [(111, 100), (211, 0), (211, 0)]
    assert bench.frames[-1].iterations == 5


def test_a_pause_is_no_operation_and_no_longer_than_the_phase(make_bench: Any, call: Any) -> None:
    flow = ["status", {"sleep": "1us"}, {"load_pet": {"only_if": "status"}}]
    bench = make_bench(flow, call(100), None, call(10))
    bench.run(2, cut_off_ns=ORIGIN_NS + 1_500)
    assert bench.samples == [(0, "ok", 0, 100), (2, "ok", 1_100, 10), (0, "ok", 1_110, 100)]
    assert bench.clock.pauses == [1_000, 290]
    assert (bench.user.interrupted, bench.frames[-1].iterations) == (1, 1)


def test_what_is_recorded_does_not_wait_as_long_as_the_vu(make_bench: Any, call: Any) -> None:
    bench = make_bench(["status", {"sleep": "1s"}], call(100), None)
    bench.run(2)
    assert [len(frame.draws) for frame in bench.frames] == [1, 1, 0, 0]
    assert bench.samples[1][2] == 10**9 + 100


def test_a_long_pause_is_no_longer_for_what_is_sent_in_it(make_bench: Any, call: Any) -> None:
    bench = make_bench([{"sleep": "1s"}, "status"], None, call(100))
    send, clock = bench.frames.append, bench.clock

    def send_slowly(frame: Frame) -> None:
        clock.at_ns += 5_000
        send(frame)

    bench.user.recorder = Recorder(0, 1, send_slowly)
    bench.recorder = bench.user.recorder
    bench.run(2)
    # after the first operation, what has grown old is sent too: that is no part of the pause
    assert [start for *_, start, _ in bench.samples] == [10**9, 10**9 + 100 + 5_000 + 10**9]


def test_a_vu_that_takes_short_pauses_sends_what_grows_old(make_bench: Any, call: Any) -> None:
    bench = make_bench([{"sleep": "100ms"}, "status"], None, call(1, does=[""]))
    bench.recorder.begin(measured=True, now_ns=ORIGIN_NS)
    bench.user.run(for_each_vu(1, 1, NEVER_NS), bench.workload, None, ORIGIN_NS, NEVER_NS, NEVER_NS)
    only_pauses = make_bench([{"sleep": "100ms"}], None)
    only_pauses.run(5)
    assert len(only_pauses.frames) == 1 + 5 * 100_000_000 // FLUSH_INTERVAL_NS - 1
    assert only_pauses.frames[-1].iterations == 5


def test_a_vu_waits_for_the_beginning_of_its_phase(make_bench: Any, call: Any) -> None:
    bench = make_bench(["status"], call(100))
    bench.clock.at_ns = ORIGIN_NS - 400
    bench.run(1)
    assert bench.clock.pauses == [400]
    assert bench.samples == [(0, "ok", 0, 100)]


def test_think_time_counts_from_the_end_and_knows_how_long_the_iteration_took(make_bench: Any, call: Any) -> None:
    bench = make_bench(["status"], call(100))
    bench.run(3, pause_after=lambda took_ns: took_ns // 2)
    assert [start for *_, start, _ in bench.samples] == [0, 150, 300]


RATE = ConstantArrivalRate.model_validate({"executor": "constant-arrival-rate", "rate": "5000/s", "duration": "1ms"})


def test_an_open_model_measures_how_late_the_first_step_of_an_iteration_is(make_bench: Any, call: Any) -> None:
    bench = make_bench(["status", "statistics"], call(150_000, before_ns=7), call(100_000))
    bench.run(RATE.schedule(), is_open=True)
    starts = [start for place, _, start, _ in bench.samples if place == 0]
    assert starts == [7 + number * 250_007 for number in range(5)]
    assert bench.lags[1::2] == [NOT_DUE] * 5
    assert bench.lags[2::2] == [start - 200_000 * number for number, start in enumerate(starts)][1:]
    assert bench.lags[0] == NOT_DUE  # it was due just when the vu was ready


def test_a_pause_makes_nothing_late(make_bench: Any, call: Any) -> None:
    bench = make_bench([{"sleep": "30us"}, "status"], None, call(50_000, before_ns=7))
    bench.run(RATE.schedule(), is_open=True)
    assert [start for *_, start, _ in bench.samples] == [30_007 + 200_000 * number for number in range(5)]
    assert bench.lags == [NOT_DUE, 7, 7, 7, 7]


def test_a_vu_of_an_open_model_waits_until_an_iteration_is_due(make_bench: Any, call: Any) -> None:
    bench = make_bench(["status"], call(50_000, does=["", ValueError()]))
    bench.run(RATE.schedule(), is_open=True)
    assert [start for *_, start, _ in bench.samples] == [200_000 * number for number in range(5)]
    assert bench.lags == [NOT_DUE, 0, 0, 0, 0]
    assert [sample[1] for sample in bench.samples] == ["ok", "ValueError", "ok", "ok", "ok"]


def test_an_iteration_that_was_waited_for_too_long_does_not_begin(make_bench: Any, call: Any) -> None:
    bench = make_bench(["status"], call(50_000))
    bench.run(RATE.schedule(), is_open=True, latest_ns=ORIGIN_NS + 399_999)
    assert [start for *_, start, _ in bench.samples] == [0, 200_000]


def test_a_stop_ends_a_wait(make_bench: Any, call: Any) -> None:
    bench = make_bench(["status"], call(50_000))
    pause = bench.clock.pause
    bench.clock.pause = lambda duration_ns: (pause(duration_ns), bench.stop.set())
    bench.run(RATE.schedule(), is_open=True)
    assert len(bench.samples) == 1


@pytest.mark.parametrize("flow", [[{"status": {"timeout": "1us"}}], [{"status": {"timeout": "1us"}}, "statistics"]])
def test_a_call_with_a_timeout_has_the_times_of_who_does_it(make_bench: Any, call: Any, flow: list[Any]) -> None:
    limited = call(300, before_ns=7, does=["", lambda: setattr(bench.clock, "at_ns", 10_000) or "", ValueError()])
    bench = make_bench(flow, limited._replace(timeout_ns=1_000), *[call(0)] * (len(flow) - 1))
    bench.run(4)
    assert [sample[1:] for sample in bench.samples if sample[0] == 0] == [
        ("ok", 7, 300),
        ("timeout: no answer", 314, 1_000),
        ("ValueError", 9_007, 300),
        ("ok", 9_314, 300),
    ]


def test_a_call_that_was_not_begun_has_not_the_times_of_the_one_before(make_bench: Any, call: Any) -> None:
    prepared = call(300, timeout_ns=1_000)
    tries = iter([None, StepImpossible("skipped: no pet")])

    def arguments(user: int, choice: int) -> tuple[int]:
        if error := next(tries, None):
            raise error
        return prepared.arguments(user, choice)

    bench = make_bench([{"status": {"timeout": "1us"}}], prepared._replace(arguments=arguments))
    bench.run(3)
    assert [sample[1:] for sample in bench.samples] == [("ok", 0, 300), ("skipped: no pet", 300, 0), ("ok", 300, 300)]


class OwnOperation:
    """Prepares for 40 ns, is timed for 100, and tidies up for 20; each part can raise."""

    def __init__(self, clock: FakeClock, raises: dict[str, BaseException], *, closes: bool = True) -> None:
        self.block = FakeBlock()
        self._clock = clock
        self._raises = raises
        self._closes = closes

    def __call__(self, *_: Any) -> str:
        self._part("before", 40)
        self.block.start_ns = self._clock.now_ns()
        try:
            self._part("timed", 100)
        finally:
            if self._closes:
                self.block.end_ns = self._clock.now_ns()
        self._part("after", 20)
        return ""

    def _part(self, name: str, takes_ns: int) -> None:
        self._clock.at_ns += takes_ns
        if name in self._raises:
            raise self._raises[name]


@pytest.mark.parametrize("timeout_ns", [0, 1_000])
@pytest.mark.parametrize(
    ("raises", "closes", "start_ns", "duration_ns"),
    [
        ("", True, 40, 100),
        ("before", True, 0, 40),  # the block was not reached: all of the call counts
        ("timed", True, 40, 100),
        ("timed", False, 40, 100),  # the block has no end: that is when it was raised
        ("after", True, 40, 100),
        ("", False, 40, 120),  # the block has no end: that of the call counts
    ],
)
def test_a_call_that_times_itself_has_the_times_of_its_block(
    make_bench: Any, call: Any, timeout_ns: int, raises: str, closes: bool, start_ns: int, duration_ns: int
) -> None:
    clock = FakeClock()
    own = OwnOperation(clock, {raises: ValueError()}, closes=closes)
    bench = make_bench(["status"], call()._replace(invoke=own, timed=own.block, timeout_ns=timeout_ns))
    own._clock = bench.clock
    bench.run(2)
    outcome = "ValueError" if raises else "ok"
    total_ns = 160 if not raises else {"before": 40, "timed": 140, "after": 160}[raises]
    assert bench.samples == [(0, outcome, start_ns + at, duration_ns) for at in (0, total_ns)]
    assert own.block.resets == 2


def test_a_timeout_covers_the_preparation_of_a_call_that_times_itself(make_bench: Any, call: Any) -> None:
    clock = FakeClock()
    own = OwnOperation(clock, {})
    bench = make_bench(["status"], call()._replace(invoke=own, timed=own.block, timeout_ns=159))
    own._clock = bench.clock
    bench.run(1)
    assert bench.samples == [(0, "timeout: no answer", 40, 100)]  # 40 + 100 + 20 ns in all


@pytest.mark.parametrize(
    "settings", [{}, {"timeout_ns": 1_000}, {"timed": FakeBlock()}], ids=["plain", "timeout", "timed"]
)
def test_a_call_is_made_for_its_user_and_choice(make_bench: Any, call: Any, settings: dict[str, Any]) -> None:
    asked = []

    def arguments(user: int, choice: int) -> tuple[int]:
        asked.append((user, choice))
        return (100,)

    bound = call()._replace(arguments=arguments, **settings)
    bench = make_bench(["status"], bound)
    binder = StepBinder(
        bench.recorder, bench.user.outcomes, bench.user.timed_caller, bench.clock.now_ns, bench.clock.pause
    )
    (step,) = binder.bind(bench.plan.flow_of(0), [bound])
    step(3, 5, 0)
    assert asked == [(3, 5)]


def test_a_block_that_is_not_used_leaves_the_whole_call_timed(make_bench: Any, call: Any) -> None:
    block = FakeBlock()
    block.start_ns = 1  # of a call before: the loop forgets it
    bench = make_bench(["status"], call(100, before_ns=7, timed=block))
    bench.run(1)
    assert bench.samples == [(0, "ok", 7, 100)]


def test_a_wrong_answer_of_a_call_that_times_itself_has_the_times_of_the_block(make_bench: Any, call: Any) -> None:
    block = FakeBlock()

    def answer(text: Any) -> Callable[[], Any]:
        def do() -> Any:
            block.start_ns, block.end_ns = bench.clock.at_ns + 1, bench.clock.at_ns + 31
            bench.clock.at_ns += 40
            return text

        return do

    bench = make_bench(["status"], call(0, timed=block, does=[answer("WRONG"), answer(42)]))
    bench.run(2)
    unreadable = "wrong answer: int (TypeError on reading it)"
    assert bench.samples == [(0, "wrong", 1, 30), (0, unreadable, 41, 30)]


def test_preparation_makes_an_operation_of_an_open_model_late(make_bench: Any, call: Any, clock: FakeClock) -> None:
    own = OwnOperation(clock, {})
    bench = make_bench(["status"], call()._replace(invoke=own, timed=own.block))
    bench.run(RATE.schedule(), is_open=True)
    assert [start for *_, start, _ in bench.samples] == [200_000 * number + 40 for number in range(5)]
    assert bench.lags == [NOT_DUE, 40, 40, 40, 40]


def test_tickets_are_shared_or_counted_by_vu() -> None:
    each = for_each_vu(2, 2, 100)
    assert [each.next_start_ns(vu, 7) for vu in (0, 0, 0, 1, 1, 1)] == [7, 7, None, 7, 7, None]
    assert for_each_vu(2, 2, 100).next_start_ns(0, 100) is None
    tickets, deadline_ns = for_each_vu(1, 3, 100).back_to_back(0)
    assert (len(list(tickets)), deadline_ns) == (3, 100)
    assert next(steady(5).back_to_back(3)[0], "over") is next(repeat(None))
