"""Reports name the files of own operations that ran, with their digests."""

from __future__ import annotations

from collections.abc import Callable

from perfcli.ab.result import AbResult
from perfcli.report.ab import ab_document
from perfcli.report.profile import profile_document
from perfcli.report.run import run_document
from perfcli.results import OperationSource, RunResult
from perfcli.results.findings import ProfileResult

FILES = [OperationSource(file="own.py", digest="0f3a5c7e9b1d" + "0" * 20), OperationSource(file="a.b", digest="1" * 32)]
WORDS = "own.py (sources 0f3a5c7e9b1d), a.b (sources 111111111111)"


def test_a_run(make_result: Callable[..., RunResult], printed: Callable[..., str]) -> None:
    result = make_result()
    for brief in (False, True):
        assert WORDS in printed(run_document(result.model_copy(update={"operation_files": FILES})), 200, brief=brief)
        assert WORDS not in printed(run_document(result), 200, brief=brief)


def test_a_comparison(make_ab: Callable[..., AbResult], printed: Callable[..., str]) -> None:
    for brief in (False, True):
        assert WORDS in printed(ab_document(make_ab(operation_files=FILES)), 200, brief=brief)
        assert WORDS not in printed(ab_document(make_ab()), 200, brief=brief)


def test_a_profile(printed: Callable[..., str]) -> None:
    profile = ProfileResult(scenario="s", plan="one", seed=1, started_at="", operation_files=FILES)
    assert WORDS in printed(profile_document(profile), 200)
