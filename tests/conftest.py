"""What holds for all tests: which are slow, which run alone, and that where they run does not matter."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from math import ceil
from pathlib import Path

import pytest
from hypothesis import settings

from perfcli.__main__ import FORKING, exit_code_of
from perfcli.agent.private_memory import can_be_private
from perfcli.cpus import usable_cpus
from perfcli.pool.template import Template

Here = Callable[..., tuple[int, str, str]]
"""Calls the command with these arguments; its exit code, stdout and stderr."""

# a busy machine takes longer than 200 ms for what hypothesis tries: that is no failure
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

NIGHTLY_TIMEOUT_S = 1_800
"""Of a test marked `nightly`, unless it has a timeout of its own; all others have that of pyproject.toml."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Three workers for two CPUs: a test that starts engines waits for half of its time, but four starve some."""
    return ceil(1.5 * usable_cpus())


def pytest_sessionstart() -> None:
    """Collect the tests without looking for garbage: ten thousand of them stay until the end."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Look for garbage from here on, but not among them."""
    gc.enable()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what starts engines or tries many inputs: `make quick` leaves it out."""
    for item in items:
        if _is_marked(item, "alone") and item.path.name != "test_performance_benchmarks.py":
            raise pytest.UsageError(f"{item.nodeid}: `make test` looks for `alone` in test_performance_benchmarks.py")
        if _is_marked(item, "end_to_end") or _is_marked(item, "alone") or _is_fuzzing(item):
            item.add_marker("slow")
        if _is_marked(item, "nightly") and not _is_marked(item, "timeout"):
            item.add_marker(pytest.mark.timeout(NIGHTLY_TIMEOUT_S))


def _is_marked(item: pytest.Item, name: str) -> bool:
    return item.get_closest_marker(name) is not None


def _is_fuzzing(item: pytest.Item) -> bool:
    return getattr(getattr(item, "obj", None), "is_hypothesis_test", False)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Measure only if no other test runs beside."""
    if _is_marked(item, "alone") and hasattr(item.config, "workerinput"):
        pytest.skip("measures, so nothing may run beside it: run it without -n, as `make test` does")


@pytest.fixture(autouse=True)
def _no_progress_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without CI in the environment, no command prints how far it is."""
    monkeypatch.delenv("CI", raising=False)


@pytest.fixture(autouse=True)
def _starved_runs_are_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests run beside one another: what they start in processes of its own may have to be repeated more often."""
    monkeypatch.setenv("DIGIPAL_PERF_RUN_RETRIES", "5")


@pytest.fixture(autouse=True)
def _scenario_files_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """No command takes from the user's cache what another test, or the user, left there."""
    for command in ("LIST", "VALIDATE"):
        monkeypatch.setenv(f"DIGIPAL_PERF_{command}_NO_CACHE", "1")


@pytest.fixture(scope="session")
def template() -> Iterator[Template]:
    """What engine processes are forked from, with the environment of its start."""
    with Template() as template:
        yield template


@pytest.fixture
def here(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[Here]:
    """Calls the command in this process, in a directory of the test's own.

    A process of its own costs 0.7 s of CPU time for its imports: keep it for tests of signals, streams, imports and of
    what is left behind.
    """
    monkeypatch.chdir(tmp_path)
    # the summary of the job that runs these tests is not theirs to write
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    def call(*arguments: str) -> tuple[int, str, str]:
        template = None
        if can_be_private() and arguments[:1] in {(name,) for name in (*FORKING, "ab", "selftest")}:
            template = request.getfixturevalue("template")
            template.restart_if_ended()
            monkeypatch.setattr("perfcli.ab.comparison.Template", lambda: nullcontext(template))
            # other tests run beside, and what a run measures must not depend on them
            monkeypatch.setattr("perfcli.measurement.measurement.starvation", lambda before, after: "")
        capfd.readouterr()
        code = exit_code_of(list(arguments), template)
        return code, *capfd.readouterr()

    yield call
    for number, handler in handlers.items():
        signal.signal(number, handler)
