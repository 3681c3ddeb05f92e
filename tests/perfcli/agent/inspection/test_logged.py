"""Logged errors are counted wherever they go, and the engine's own logging stays as it was."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from perfcli.agent.inspection.shutdown import MOST_LOGGERS, OTHERS, Logged, LogWatch

ROOT = Path(__file__).parents[4]


@pytest.fixture
def watch() -> Iterator[LogWatch]:
    watch = LogWatch()
    watch.start()
    yield watch
    watch.stop()


def test_errors_are_counted_by_logger(watch: LogWatch) -> None:
    storage = logging.getLogger("engine.storage")
    storage.warning("slow")
    storage.error("could not save %s", "Koromon")
    storage.critical("nor the next")
    logging.getLogger("engine.core").error("odd")
    logging.getLogger("engine.mcp").warning("quiet")
    storage.info("saved")
    assert watch.logged() == [
        Logged("engine.storage", errors=2, example="could not save Koromon"),
        Logged("engine.core", errors=1, example="odd"),
    ]


def test_a_logger_that_does_not_propagate_is_counted(watch: LogWatch) -> None:
    quiet = logging.getLogger("engine.quiet")
    quiet.propagate = False
    quiet.addHandler(logging.NullHandler())
    quiet.error("lost")
    assert [(entry.logger, entry.errors) for entry in watch.logged()] == [("engine.quiet", 1)]


def test_an_example_names_the_exception_that_was_swallowed(watch: LogWatch) -> None:
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError:
        logging.getLogger("engine").exception("save failed")
    assert watch.logged()[0].example == "save failed (ZeroDivisionError)"


def test_messages_that_cannot_be_put_together_are_counted(
    watch: LogWatch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    quiet = logging.getLogger("engine.clumsy")
    quiet.propagate = False
    quiet.addHandler(logging.NullHandler())
    quiet.error("%d pets", "no")
    assert watch.logged() == [Logged("engine.clumsy", errors=1, example="%d pets")]


def test_loggers_are_bounded_and_examples_short(watch: LogWatch) -> None:
    for number in range(MOST_LOGGERS + 5):
        logging.getLogger(f"engine.pet{number}").error("x" * 1_000)
    logged = watch.logged()
    assert len(logged) == MOST_LOGGERS + 1
    assert logged[0].logger == OTHERS
    assert logged[0].errors == 5
    assert max(len(entry.example) for entry in logged) == 200


def test_no_error_of_many_threads_is_lost(watch: LogWatch) -> None:
    def work() -> None:
        for _ in range(200):
            logging.getLogger("engine").error("again")

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert watch.logged() == [Logged("engine", errors=800, example="again")]


def test_records_made_from_dictionaries_harm_nothing(watch: LogWatch) -> None:
    record = logging.makeLogRecord({"levelno": logging.ERROR, "name": "elsewhere"})
    assert record.levelno == logging.ERROR
    assert watch.logged() == []


def test_nothing_of_it_stays() -> None:
    first = logging.getLogRecordFactory()
    watch = LogWatch()
    watch.start()
    watch.stop()
    assert logging.getLogRecordFactory() is first


def test_a_factory_of_the_engines_own_stays() -> None:
    first = logging.getLogRecordFactory()
    watch = LogWatch()
    watch.start()
    try:
        inner = logging.getLogRecordFactory()

        def engines_own(*arguments: object, **settings: object) -> logging.LogRecord:
            return inner(*arguments, **settings)

        logging.setLogRecordFactory(engines_own)
        logging.getLogger("engine").error("still seen")
        watch.stop()
        assert logging.getLogRecordFactory() is engines_own
        assert watch.logged()[0].errors == 1
    finally:
        logging.setLogRecordFactory(first)


PROGRAM = """
import logging, sys
if "watched" in sys.argv:
    from perfcli.agent.inspection.shutdown import LogWatch
    LogWatch().start()
logging.getLogger("engine").error("by the handler of last resort")
logging.basicConfig(format="%(name)s says %(message)s")
logging.getLogger("engine").error("as configured")
"""


@pytest.mark.slow
def test_what_the_engine_prints_stays_the_same() -> None:
    plain, watched = (
        subprocess.run([sys.executable, "-c", PROGRAM, mode], cwd=ROOT, capture_output=True, text=True, check=True)
        for mode in ("plain", "watched")
    )
    assert watched.stderr == plain.stderr == "by the handler of last resort\nengine says as configured\n"
