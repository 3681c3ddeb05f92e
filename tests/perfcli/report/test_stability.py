"""What a report says of leak, degradation, growth and integrity, and of the engine as seen from inside."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from perfcli.report.process import integrity_in_brief, notable, stability_section
from perfcli.report.run import run_document
from perfcli.results import (
    GrowthResult,
    Inspection,
    Integrity,
    LeakResult,
    OperationResult,
    Restart,
    RunResult,
    SaveCounts,
    ThresholdResult,
)

pytestmark = pytest.mark.slow

MakeResult = Callable[..., RunResult]
MakeOperation = Callable[..., OperationResult]
Said = Callable[..., str]


@pytest.fixture
def said(make_result: MakeResult, printed: Callable[..., str]) -> Said:
    """The section without its line breaks, of a run with the changes given."""
    return lambda **changes: " ".join([*printed([stability_section(make_result(**changes))], 160).split(), "end"])


SAVES = SaveCounts(acknowledged=1_000, checked=412, superseded=588)
READ_ONLY = "the load wrote nothing; a new process reads the same"


class TestIntegrity:
    """One line when all is well, else every trouble."""

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("integrity", "words"),
        [
            (None, "not checked: this run did not start the engine"),
            (Integrity(acknowledged=0, lost=None), "the load wrote nothing"),
            (Integrity(acknowledged=3, set_up=3, lost=None, differences=0), READ_ONLY),
            (Integrity(acknowledged=9, lost=0), "9 writes acknowledged: none lost"),
            (
                Integrity(acknowledged=1, lost=0, duplicates=0, lost_updates=0, differences=0),
                "1 write acknowledged: none lost, no duplicates; all updates are present; a new process reads the same",
            ),
            (
                Integrity(acknowledged=1_003, set_up=3, lost=0, saves=SAVES),
                "1,003 writes acknowledged: none lost",
            ),
            (
                Integrity(acknowledged=7, lost=0, saves=SaveCounts(acknowledged=4, checked=4)),
                "7 writes acknowledged: none lost",
            ),
            (
                Integrity(acknowledged=7, set_up=3, lost=None, saves=SaveCounts(acknowledged=4, unchecked=4)),
                "4 writes acknowledged, none checked; 4 saves unchecked "
                "(other vus may have overwritten the shared pets: set history: true on save_pet, or users: own)",
            ),
            (
                Integrity(acknowledged=1_003, set_up=3, lost=12, stale_reads=10, saves=SAVES),
                "2 of 1,003 acknowledged writes lost 10 reads missed an acknowledged save",
            ),
            (
                Integrity(acknowledged=9, lost=1, torn=2, examples=["the pet of user-3 is not stored"]),
                "1 of 9 acknowledged writes lost 2 torn reads - the pet of user-3 is not stored",
            ),
            (Integrity(acknowledged=9, lost=0, duplicates=1), "1 write stored twice"),
            (Integrity(acknowledged=9, lost=0, lost_updates=4), "4 updates of pets lost"),
            (Integrity(acknowledged=9, lost=0, differences=5), "5 fields differ in a new process"),
            (Integrity(acknowledged=9, lost=0, damaged="no index"), "the database is damaged: no index"),
        ],
    )
    def test_integrity_in_words(self, integrity: Integrity | None, words: str, said: Said) -> None:
        assert f" integrity {words} end" in said(integrity=integrity)

    def test_saves_that_nothing_can_tell_are_doubtful_in_brief(self, make_result: MakeResult) -> None:
        integrity = Integrity(acknowledged=7, lost=0, saves=SaveCounts(acknowledged=4, unchecked=4))
        text = integrity_in_brief(make_result(integrity=integrity))
        good, doubtful = (text.plain[span.start : span.end] for span in text.spans)
        assert good == "7 writes: no loss · 0/4 saves checked"
        assert doubtful.startswith("; 4 saves unchecked (other vus may have")


class TestMemory:
    """The rule for leaks."""

    @pytest.mark.parametrize(
        ("judged", "words"),
        [
            (
                64.2,
                "leak memory still grew: +70.1 B/op, 3.20 MB in total; a leak, or caches that still fill",
            ),
            (0.0, "leak none degradation"),
        ],
    )
    def test_a_leak_in_words(self, judged: float, words: str, make_result: MakeResult, said: Said) -> None:
        leak = LeakResult(slope=70.1, lower_bound=64.2, second_half_slope=1.0, growth_bytes=3.2e6, judged=judged)
        assert words in said(memory=make_result().memory.model_copy(update={"leak": leak}))

    def test_too_little_to_prove_a_leak_says_how_much_is_needed(self, make_result: MakeResult, said: Said) -> None:
        leak = LeakResult(slope=70.1, lower_bound=64.2, second_half_slope=70.0, growth_bytes=9.9e5, judged=0.0)
        text = said(memory=make_result().memory.model_copy(update={"leak": leak}))
        assert (
            "leak unproven: +70.1 B/op (99% lower bound +64.2 B/op). Needs 1.05 MB of growth, has 990 kB: run longer"
            in text
        )

    def test_a_leak_that_fails_is_called_one(
        self, make_result: MakeResult, judged: Callable[..., ThresholdResult], said: Said
    ) -> None:
        leak = LeakResult(slope=70.1, lower_bound=64.2, second_half_slope=1.0, growth_bytes=3.2e6, judged=64.2)
        memory = make_result().memory.model_copy(update={"leak": leak})
        threshold = judged("memory.leak == 0B/op", 64.2)
        assert "leak +70.1 B/op (99% lower bound +64.2 B/op), 3.20 MB in total" in said(
            memory=memory, thresholds=[threshold]
        )

    def test_what_was_not_judged_is_not_told(self, said: Said) -> None:
        assert " leak " not in said()


def test_a_full_report_says_a_figure_once_and_in_one_way(
    make_result: MakeResult, make_operation: MakeOperation, printed: Callable[..., str]
) -> None:
    total = make_operation("total", 9_000, 99, degradation=0.12345, raw_degradation=0.43)
    inspection = Inspection(shutdown_ns=1_200_000, written_per_operation=8_192.0, fsyncs_per_operation=0.25)
    saves = Integrity(acknowledged=1_003, set_up=3, lost=0, saves=SAVES)
    result = make_result(total=total, inspection=inspection, integrity=saves, warmup_iterations=412)
    text = " ".join(printed(run_document(result), 160).split())
    for figure in ("1.20 ms", "8.19 kB", "588", "warm-up 412", "+43%"):
        assert text.count(figure) == 1, figure
    assert text.count("degradation +12.3%") == text.count("degradation +12") == 2  # one with what it says


class TestGrowth:
    """Cost against size."""

    def test_the_steepest_stands_first(self, make_operation: MakeOperation, said: Said) -> None:
        flat = GrowthResult(over="interactions", ratio=1.02, exponent=0.01, points=[(10, 1e3), (1_000, 1.02e3)])
        steep = GrowthResult(over="interactions", ratio=8.7, exponent=0.98, points=[(10, 1e3), (1_000, 8.7e3)])
        operations = [make_operation("status", 9, 9, growth=flat), make_operation("interact", 9, 9, growth=steep)]
        assert (
            " growth interact 8.7x over 10 to 1,000 interactions of a session; cost ~ size^0.98 "
            "status 1.02x over 10 to 1,000 interactions of a session; cost ~ size^0.01 "
        ) in said(operations=operations)

    def test_an_exponent_that_is_not_known_is_not_made_up(self, make_operation: MakeOperation, said: Said) -> None:
        growth = GrowthResult(over="pets", ratio=1.1, exponent=None)
        text = said(operations=[make_operation("status", 9, 9, growth=growth)])
        assert "growth status 1.1x over pets stored; no exponent: the size barely changed" in text


class TestInspection:
    """The engine as seen from inside."""

    def test_where_nobody_looked_nothing_is_said(self, said: Said) -> None:
        text = said(inspection=Inspection())
        assert not any(word in text for word in ("left behind", "statements", "fsyncs", " log ", " output "))

    def test_what_is_left_is_named(self, said: Said) -> None:
        threads = [f"worker-{number}" for number in range(7)]
        inspection = Inspection(shutdown_ns=5e9, threads_left=threads, connections_left=2, files_left=["a.tmp"])
        assert (
            "left behind 7 threads left: worker-0, worker-1, worker-2, worker-3, worker-4, 2 more; "
            "2 connections left; 1 file left: a.tmp"
        ) in said(inspection=inspection)

    def test_errors_that_were_logged_stand_by_logger_with_an_example(self, said: Said) -> None:
        logged = Inspection(log_errors={"core": 1, "storage": 12}, log_examples={"storage": "database is locked"})
        assert " log 13 records of level ERROR or above storage 12: database is locked core 1 " in said(
            inspection=logged
        )

    def test_why_a_cost_is_not_known_is_told(self, said: Said) -> None:
        inspection = Inspection(fsyncs_not_told="strace is not installed")
        assert " fsyncs not known: strace is not installed " in said(inspection=inspection)

    def test_what_the_engine_printed_is_told(self, said: Said) -> None:
        printed = Inspection(printed_bytes=1_204)
        assert " output 1.20 kB printed by the engine to stdout and stderr " in said(inspection=printed)


def test_planned_kills_are_reported_with_what_is_unknown(make_result: MakeResult, said: Said) -> None:
    restarts = [
        Restart(process=0, at_ns=5, down_ns=120_000_000, unknown=3),
        Restart(process=1, at_ns=9, down_ns=None, unknown=1),
    ]
    words = "2 planned kills; down for at most 120 ms; 4 operations in flight: counted neither as lost nor as duplicate"
    assert words in said(restarts=restarts)
    assert dict(notable(make_result(restarts=restarts)))["restarts"].plain == words
    assert "restarts" not in dict(notable(make_result()))
