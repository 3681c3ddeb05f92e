"""Which warnings are errors here: every one of our own code and tests, and none of another plugin's."""

from __future__ import annotations

import warnings

import pytest

OURS = ["digipal", "digipal.storage.database", "perfcli.run", "tests.perfcli.test_units", "benchmarks.engine"]
"""Modules, as a warning names the one that it is about."""


def warn(category: type[Warning], module: str) -> None:
    warnings.warn_explicit("something is amiss", category, "file.py", 1, module=module)


def test_a_warning_about_this_line() -> None:
    with pytest.raises(DeprecationWarning):
        warnings.warn("something is amiss", DeprecationWarning, stacklevel=1)


@pytest.mark.parametrize("category", [DeprecationWarning, PendingDeprecationWarning, UserWarning, RuntimeWarning])
@pytest.mark.parametrize("module", [*OURS, "/home/me/checkout/tests/test_units"])
def test_a_warning_about_our_code(module: str, category: type[Warning]) -> None:
    with pytest.raises(category):
        warn(category, module)


@pytest.mark.parametrize(
    "category",
    [ResourceWarning, pytest.PytestUnraisableExceptionWarning, pytest.PytestUnhandledThreadExceptionWarning],
)
def test_what_is_noticed_elsewhere(category: type[Warning]) -> None:
    with pytest.raises(category):
        warn(category, "_pytest.somewhere")


@pytest.mark.parametrize("module", ["pytest_asyncio.plugin", "pytest_cov", "click.core", "digipals", "contests.a"])
def test_a_warning_about_others(module: str) -> None:
    with warnings.catch_warnings(record=True) as told:
        warn(DeprecationWarning, module)
    assert len(told) <= 1
