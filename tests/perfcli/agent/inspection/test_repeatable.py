"""Chance and time that repeat: what an engine does by them is the same in each process that counts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from threading import Thread

import pytest

from perfcli.agent.inspection import repeatable
from perfcli.agent.inspection.repeatable import SteadyTime

DRAWS = """
import random, secrets, uuid
from perfcli.agent.inspection.repeatable import make_chance_repeat
make_chance_repeat(int(sys.argv[1]))
print(uuid.uuid4(), secrets.token_hex(4), random.random(), random.SystemRandom().random())
"""


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets real time go by."""
    now_s = [1_000.25]
    monkeypatch.setattr(repeatable.time, "monotonic", lambda: now_s[0])

    def pass_by(seconds: float) -> None:
        now_s[0] += seconds

    return pass_by


class TestTime:
    """A clock that operations move, not time."""

    @pytest.mark.parametrize("lasts_s", [0.0, 0.2, 3_600.0])
    def test_operations_move_it_however_long_they_take(self, real: Callable[[float], None], lasts_s: float) -> None:
        steady, seen = SteadyTime(), []
        for _ in range(3):
            steady.next_operation()
            seen.append(steady.seconds())
            real(lasts_s)
            seen.append(steady.seconds())
        steps = [round((at - seen[0]) * 1_024, 6) for at in seen]
        assert steps == [0, 0, 1, 1, 2, 2]

    def test_one_that_waits_within_an_operation_is_not_kept_for_good(self, real: Callable[[float], None]) -> None:
        def looks_until_s_later(seconds: float) -> int:
            steady.next_operation()
            until_s, looks = steady.seconds() + seconds, 1
            while steady.seconds() < until_s:
                looks += 1
            return looks

        steady = SteadyTime()
        assert looks_until_s_later(1.0) == looks_until_s_later(1.0) < 100

    def test_a_set_up_waits_a_minute_in_vain_and_the_clock_never_goes_back(self, real: Callable[[float], None]) -> None:
        steady = SteadyTime()
        began_s = steady.seconds()
        real(59.0)
        assert steady.seconds() == began_s
        real(2.0)
        assert (late_s := steady.seconds()) == began_s + 1.0
        steady.next_operation()
        assert steady.seconds() > late_s

    def test_after_the_last_operation_time_passes_however_often_it_is_looked_at(
        self, real: Callable[[float], None]
    ) -> None:
        steady = SteadyTime()
        steady.next_operation()
        ends_s = steady.seconds()
        steady.end_operations()
        assert {steady.seconds() for _ in range(1_000)} == {ends_s}
        real(0.5)
        assert steady.seconds() == ends_s + 0.5

    def test_other_threads_see_real_time(self, real: Callable[[float], None]) -> None:
        steady, seen = SteadyTime(), []
        thread = Thread(target=lambda: seen.append(steady.seconds()))
        thread.start()
        thread.join()
        assert seen == [1_000.25]


@pytest.mark.slow
def test_processes_of_one_seed_draw_alike() -> None:
    def draw(seed: int) -> str:
        command = [sys.executable, "-c", f"import sys{DRAWS}", str(seed)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert draw(1) == draw(1) != draw(2)
