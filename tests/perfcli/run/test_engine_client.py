"""What the tool makes of an engine process by its messages, its silence and its end; nothing is started here."""

from __future__ import annotations

import signal
from array import array
from collections.abc import Callable
from typing import Any

import pytest

from perfcli.clock import RunningTime
from perfcli.errors import UsageError
from perfcli.judgement import Ending
from perfcli.line import LINE_LOST
from perfcli.plan import INCARNATION, ExecutionPlan
from perfcli.pool.protocol import EngineClock
from perfcli.recorder import Begun, Frame
from perfcli.run.engine_client import EngineClient
from perfcli.run.time_limits import TimeLimits
from perfcli.wire import (
    OWN_OPERATIONS,
    Checkpoint,
    ClockRead,
    Done,
    Failed,
    Garbled,
    Go,
    LivesIn,
    LoadOver,
    Message,
    Opened,
    PhaseOver,
    ReadClock,
    Rejoin,
    Rejoined,
    Stage,
    Wave,
)

TO_BASELINE = [
    Checkpoint("harness"),
    Stage("open"),
    Opened(""),
    Checkpoint("opened"),
    Stage("set-up"),
    Checkpoint("set up"),
    Checkpoint("baseline"),
]


class Engine:
    """A handle of no process, and its line."""

    def __init__(self) -> None:
        self.line = self
        self.clock = EngineClock(is_shared=True)
        self.sent: list[Message] = []
        self.code: int | None = None
        self.lost = ""
        self.stopped = self.is_deaf = self.is_halted = False
        self.incarnation = self.noted = 0
        self.lived_in: list[int | None] = []

    def send(self, message: Message) -> None:
        if self.is_deaf:
            raise BrokenPipeError
        self.sent.append(message)

    def poll(self, timeout_s: float) -> bool:
        return False

    def wait(self, timeout_s: float) -> int | None:
        return self.code

    def output(self) -> str:
        return "printed"

    def is_stopped(self) -> bool:
        return self.stopped

    def note_children(self) -> None:
        self.noted += 1

    def lives_in(self, process: int | None) -> None:
        self.lived_in.append(process)

    def halt(self) -> None:
        self.is_halted = True

    def resume(self) -> None:
        self.is_halted = False

    def end_by_signal(self, number: signal.Signals) -> None:
        self.killed_by = number

    def begun_calls(self) -> list[Begun]:
        return [Begun(7, 98)]

    def replace(self) -> None:
        self.incarnation += 1
        self.code = None


class Bench:
    def __init__(self, plan: ExecutionPlan) -> None:
        self.engine: Any = Engine()
        self.at_ns = 0
        self.taken: list[Message] = []
        running = RunningTime(lambda: self.at_ns)
        self.client = EngineClient(self.engine, TimeLimits(plan), plan.host or 0, self.taken.append, running)

    def tell(self, *messages: Any) -> EngineClient:
        for message in messages:
            self.client.receive(message)
            if self.client.waits_at:
                self.client.go(0)
        return self.client

    def pass_s(self, seconds: float) -> None:
        """Let time pass in which the tool runs: it looks at the clock ten times a second."""
        for _ in range(round(seconds * 10)):
            self.at_ns += 100_000_000
            self.client.is_overdue  # noqa: B018


@pytest.fixture
def bench(make_plan: Callable[..., ExecutionPlan]) -> Bench:
    return Bench(make_plan(["load_pet"], setup={"pets": 1}))


def test_it_waits_at_a_checkpoint_until_it_may_go_on(bench: Bench) -> None:
    bench.client.receive(Checkpoint("harness"))
    assert (bench.client.waits_at, bench.engine.sent, bench.engine.noted) == ("harness", [], 1)
    bench.pass_s(200)
    assert not bench.client.is_overdue
    bench.client.go(77)
    assert (bench.client.waits_at, bench.engine.sent) == ("", [Go(77)])
    assert bench.client.stage_lasted_s == 0


def test_a_stage_that_lasts_too_long_is_a_hang(bench: Bench) -> None:
    client = bench.tell(Checkpoint("harness"), Stage("open"))
    bench.pass_s(60)
    assert not client.is_overdue
    assert client.stage_lasted_s == pytest.approx(60)
    bench.pass_s(0.2)
    assert client.is_overdue
    client.give_up()
    assert client.ending == Ending(error="the engine hangs: nothing was heard of it for 60.2 s while opening")
    assert not client.is_overdue


def test_silence_counts_from_the_last_message(bench: Bench) -> None:
    client = bench.tell(*TO_BASELINE, Stage("measuring"))
    bench.pass_s(10)
    client.receive(Wave(0, 1))
    bench.pass_s(5)
    bench.engine.stopped = True
    client.give_up()
    stopped = "the engine was stopped from outside (SIGSTOP, Ctrl-Z or a debugger): nothing was heard of it for 5.00 s"
    assert client.ending == Ending(disturbed=f"{stopped} while measuring")
    client.receive(Wave(1, 1))
    assert bench.taken == [Opened(""), Wave(0, 1)]  # after its end, nothing is taken in


@pytest.mark.parametrize(
    ("code", "how"),
    [
        (7, "exited with code 7"),
        (0, "exited with code 0"),
        (-9, "was killed by SIGKILL"),
        (-40, "was killed by signal 40"),
        (-99, "was killed by signal 99"),
        (None, "closed the harness's line to the tool, which it did not open,"),
        (LINE_LOST, "closed the harness's line to the tool, which it did not open,"),
    ],
)
def test_the_end_of_the_line_says_how_the_process_ended(bench: Bench, code: int | None, how: str) -> None:
    bench.engine.code = code
    client = bench.tell(Checkpoint("harness"), Stage("open"), None)
    assert client.ending == Ending(error=f"the engine process {how} while opening", details="printed")


def test_a_death_while_measuring_may_cost_samples(bench: Bench) -> None:
    bench.engine.code = 1
    client = bench.tell(*TO_BASELINE, Stage("measuring"), None)
    unsent = "; samples of its last 250 ms may be missing"
    assert client.ending is not None
    assert client.ending.error == f"the engine process exited with code 1 while measuring{unsent}"


def test_a_process_that_has_ended_may_still_be_heard_for_a_tick(bench: Bench) -> None:
    client = bench.tell(Checkpoint("harness"))
    client.receive_nothing()
    client.receive_nothing()
    bench.engine.code = 3
    client.receive_nothing()
    assert client.ending is None
    client.receive(Stage("open"))
    client.receive_nothing()
    assert client.ending is None
    client.receive_nothing()
    assert client.ending is not None
    assert client.ending.error == "the engine process exited with code 3 while opening"


def test_a_process_that_ends_before_its_first_message_is_noticed(bench: Bench) -> None:
    bench.engine.code = 2
    bench.client.receive_nothing()
    assert bench.client.ending is None
    bench.client.receive_nothing()
    assert bench.client.ending is not None
    assert bench.client.ending.error == "the engine process exited with code 2 while starting"


def test_who_listens_to_a_process_that_has_ended_hears_of_it(bench: Bench) -> None:
    """Also if a child that it left behind holds the line open."""
    bench.engine.code = 7
    bench.client.listen(0.0)
    assert bench.client.ending is None
    bench.client.listen(0.0)
    assert bench.client.ending is not None
    assert bench.client.ending.error == "the engine process exited with code 7 while starting"


def test_a_message_to_a_process_that_is_gone_ends_the_talk(bench: Bench) -> None:
    bench.engine.code, bench.engine.is_deaf = -15, True
    client = bench.tell(Checkpoint("harness"))
    assert client.ending is not None
    assert client.ending.error == "the engine process was killed by SIGTERM while starting"


@pytest.mark.parametrize("garbage", [Garbled("noise"), Opened("")])
def test_garbage_ends_the_talk(bench: Bench, garbage: Any) -> None:
    client = bench.tell(Checkpoint("harness"), garbage)
    assert client.ending is not None
    assert client.ending.error.startswith("the engine process wrote garbage on the harness's line to the tool while")
    assert "forks must neither return" in client.ending.details
    assert bench.taken == []


@pytest.mark.parametrize(
    ("stage", "traceback", "ending"),
    [
        ("open", "T", Ending(setup_error="the engine's open failed: no", details="T")),
        ("set-up", "", Ending(setup_error="the engine's set-up failed: no", details="printed")),
        ("measuring", "T", Ending(error="the engine failed at measuring: no", details="T")),
    ],
)
def test_a_failure_names_its_stage(bench: Bench, stage: str, traceback: str, ending: Ending) -> None:
    assert bench.tell(Checkpoint("harness"), Failed(stage, "no", traceback)).ending == ending


def test_a_file_of_own_operations_that_fails_is_a_mistake_of_its_user(bench: Bench) -> None:
    with pytest.raises(UsageError, match="no such module") as caught:
        bench.tell(Checkpoint("harness"), Failed(OWN_OPERATIONS, "no such module", "T"))
    assert caught.value.hint == "T"


def test_where_an_engine_lives_is_passed_on(bench: Bench) -> None:
    bench.tell(Checkpoint("harness"), Stage("open"), LivesIn(42))
    assert bench.engine.lived_in == [42]
    assert bench.taken == [LivesIn(42)]


def test_a_clock_that_is_not_shared_is_read_three_times_before_it_counts_as_waiting(bench: Bench) -> None:
    bench.engine.clock = EngineClock(is_shared=False)
    client = bench.client
    client.receive(Checkpoint("harness"))
    for asked in (1, 2, 3):
        assert (client.waits_at, bench.engine.sent) == ("", [ReadClock()] * asked)
        client.receive(ClockRead(10**18))
    assert (client.waits_at, bench.engine.sent) == ("harness", [ReadClock()] * 3)
    assert bench.engine.clock.offset_ns > 10**17
    assert bench.taken == []


def test_the_first_word_of_an_ending_is_the_last(bench: Bench) -> None:
    client = bench.client
    client.end(Ending())
    client.end(Ending(error="later"))
    bench.engine.code = 1
    client.receive_nothing()
    client.receive_nothing()
    client.receive(Done())
    assert client.ending == Ending()


TO_REJOIN = [*TO_BASELINE[:-1], Checkpoint("rejoin")]


def samples(vu: int, iterations: int) -> Frame:
    return Frame(vu, True, iterations, array("q"), array("q"), array("q"))


@pytest.fixture
def killed(make_plan: Callable[..., ExecutionPlan]) -> Bench:
    """A process of two phases, the first of which is over, that was sent SIGKILL."""
    phases = [
        {"name": "short", "load": {"executor": "shared-iterations", "iterations": 2}},
        {"name": "long", "load": {"executor": "shared-iterations", "iterations": 9, "vus": 2, "start_after": "0s"}},
    ]
    bench = Bench(make_plan(["load_pet"], setup={"pets": 1}, phases=phases))
    bench.tell(*TO_BASELINE, Stage("measuring"), Wave(0, 50), samples(0, 2), samples(1, 3), PhaseOver(0, 60, 0))
    bench.tell(samples(2, 4), samples(1, 5))
    bench.client.end_by_signal(signal.SIGKILL, 99)
    return bench


@pytest.mark.parametrize("last", [None, Garbled("a message that breaks off")])
def test_a_planned_death_is_no_ending(killed: Bench, last: Any) -> None:
    killed.engine.code = -signal.SIGKILL
    client = killed.tell(samples(2, 5), last)
    assert (client.ending, client.is_down, client.is_away, client.killed_ns) == (None, True, True, 99)
    killed.pass_s(1_000)
    assert not client.is_overdue
    death = client.death()
    assert (death.process, death.incarnation, death.killed_ns, death.begun) == (0, 0, 99, [Begun(7, 98)])
    assert (death.over, death.load_over) == ([0], None)


@pytest.mark.parametrize("code", [-signal.SIGSEGV, 1, 0])
def test_another_death_than_the_planned_one_is_an_error(killed: Bench, code: int) -> None:
    killed.engine.code = code
    client = killed.tell(None)
    assert not client.is_down
    assert client.ending is not None
    assert client.ending.error.startswith("the engine process ")


def test_the_next_incarnation_is_told_what_is_done(killed: Bench) -> None:
    killed.engine.code = -signal.SIGKILL
    client = killed.tell(None)
    client.replace()
    assert (client.is_down, client.is_away, client.stage) == (False, True, "starting")
    killed.tell(*TO_REJOIN)
    assert killed.engine.sent[-1] == Rejoin(0, 50, 99, (2, 5, 4), (0,))
    assert not client.is_away
    client = killed.tell(Stage("measuring"), Rejoined(0, 120), samples(1 + INCARNATION, 1))
    assert client.is_measuring
    client.end_by_signal(signal.SIGKILL, 130)
    killed.engine.code = -signal.SIGKILL
    killed.tell(PhaseOver(1, 125, 0), LoadOver(126, 3), None)
    assert client.death().load_over == LoadOver(126, 3)
    client.replace()
    killed.tell(*TO_REJOIN)
    assert killed.engine.sent[-1] == Rejoin(0, 50, 130, (2, 6, 4), (0, 1))


def test_a_server_that_others_load_serves_again(make_plan: Callable[..., ExecutionPlan]) -> None:
    http = {"mcp": {"transport": "http"}}
    bench = Bench(make_plan(["get_pet_status"], target=http, setup={"pets": 1}, pool={"processes": 2}))
    bench.tell(*TO_BASELINE, Stage("measuring")).end_by_signal(signal.SIGKILL, 99)
    bench.engine.code = -signal.SIGKILL
    client = bench.tell(None)
    client.replace()
    bench.tell(*TO_REJOIN)
    assert bench.engine.sent[-1] == Go(0)
    assert not client.is_away
    assert bench.tell(Stage("measuring"), Rejoined(2, 120)).is_measuring
    assert bench.tell(Checkpoint("end")).ending is None


def test_a_database_that_cannot_be_opened_after_a_kill_is_an_error(killed: Bench) -> None:
    killed.engine.code = -signal.SIGKILL
    killed.tell(None).replace()
    client = killed.tell(Checkpoint("harness"), Failed("open", "malformed", "T"))
    assert client.ending == Ending(error="the engine failed at open, after it was killed: malformed", details="T")


def test_nothing_is_measured_while_it_waits_or_when_its_load_is_over(bench: Bench) -> None:
    client = bench.tell(*TO_BASELINE)
    assert not client.is_measuring
    assert bench.tell(Stage("measuring"), Wave(0, 1)).is_measuring
    assert not bench.tell(PhaseOver(0, 5, 0), LoadOver(5, None)).is_measuring


@pytest.mark.parametrize(
    ("process", "ending"),
    [
        (0, Ending(disturbed="machine b is lost: no answer: the load was not the planned one")),
        (2, Ending(error="machine b is lost: no answer, while the engine there was starting")),
    ],
)
def test_a_lost_machine_is_an_error_only_with_the_engine(
    make_plan: Callable[..., ExecutionPlan], process: int, ending: Ending
) -> None:
    plan = make_plan(["get_pet_status"], target={"mcp": {"transport": "http"}}, pool={"processes": 2})
    engine: Any = Engine()
    client = EngineClient(engine, TimeLimits(plan), process, lambda message: None, RunningTime(lambda: 0))
    assert client.has_engine == (process == 2)
    engine.lost = "machine b is lost: no answer"
    client.receive(None)
    assert client.ending == ending


def test_it_knows_how_late_its_vus_began(bench: Bench) -> None:
    client = bench.client
    for message in TO_BASELINE:
        client.receive(message)
        if client.waits_at:
            client.go(70)
    bench.tell(Stage("measuring"), Wave(0, 95))
    assert client.start_late_ns == 25


def test_it_stands_still_until_the_last_that_halts_it_lets_go(bench: Bench) -> None:
    bench.client.halt()
    bench.client.halt()
    bench.client.resume()
    assert bench.engine.is_halted
    bench.client.resume()
    assert not bench.engine.is_halted
    bench.client.halt()
    bench.client.resume()
    assert not bench.engine.is_halted
