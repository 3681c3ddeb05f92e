"""What holds for all tests: which are slow, which run alone, and that where they run does not matter."""

from __future__ import annotations

import gc
from math import ceil

import pytest
from hypothesis import settings

from perfcli.cpus import usable_cpus

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
