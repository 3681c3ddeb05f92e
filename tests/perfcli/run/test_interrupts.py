"""Signals that stop a run: which are received, and what a second one does."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from perfcli.errors import ExitCode, of_interrupt
from perfcli.run.interrupts import STOPPING, Interrupts


class LeftError(Exception):
    """The tool left at once."""


@pytest.fixture(autouse=True)
def _signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Handlers as they were, and no end of this process."""

    def leave(code: int) -> None:
        raise LeftError(code)

    monkeypatch.setattr("perfcli.pool.cleanup.abandon", leave)
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    # these tests may run under nohup themselves
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_the_first_asks_the_run_to_stop_and_sets_the_exit_code(number: signal.Signals, code: int) -> None:
    interrupts = Interrupts()
    interrupts.install()
    assert (interrupts.exit_code, interrupts.stop.reason) == (None, "")
    signal.raise_signal(number)
    assert interrupts.exit_code == code
    # ab knows it by the words alone
    assert of_interrupt(interrupts.stop.reason) == code


class Shown:
    """A screen that remembers what it is asked to do."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def announce(self, text: str) -> None:
        self.asked.append(text)

    def stop(self) -> None:
        self.asked.append("stop")


@pytest.mark.parametrize(
    ("number", "told"),
    [(signal.SIGINT, STOPPING), (signal.SIGTERM, "stopping: terminated by SIGTERM")],
)
def test_the_first_is_answered_at_once(number: signal.Signals, told: str, capfd: pytest.CaptureFixture[str]) -> None:
    interrupts = Interrupts()
    interrupts.install()
    signal.raise_signal(number)
    assert capfd.readouterr().err == f"{told}\n"


def test_a_screen_says_it_and_is_given_back_before_the_tool_leaves(capfd: pytest.CaptureFixture[str]) -> None:
    interrupts = Interrupts()
    interrupts.install()
    interrupts.screen = screen = Shown()
    signal.raise_signal(signal.SIGINT)
    assert screen.asked == [STOPPING]
    with pytest.raises(LeftError):
        signal.raise_signal(signal.SIGINT)
    assert screen.asked == [STOPPING, "stop"]
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_the_second_leaves_at_once(second: signal.Signals) -> None:
    Interrupts().install()
    signal.raise_signal(signal.SIGHUP)
    with pytest.raises(LeftError):
        signal.raise_signal(second)


def test_a_terminal_that_closes_may_say_so_twice() -> None:
    interrupts = Interrupts()
    interrupts.install()
    for _ in range(3):
        signal.raise_signal(signal.SIGHUP)
    assert interrupts.exit_code == ExitCode.HANGUP


def test_under_nohup_the_command_goes_on() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    interrupts = Interrupts()
    interrupts.install()
    signal.raise_signal(signal.SIGHUP)
    assert interrupts.exit_code is None
    signal.raise_signal(signal.SIGTERM)
    assert interrupts.exit_code == ExitCode.TERMINATED
