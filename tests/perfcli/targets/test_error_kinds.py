"""Kinds of failure keep the reason, and one failure of each kind is kept in full."""

from __future__ import annotations

import errno
import os
import resource
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from digipal.errors import DatabaseBusyError
from digipal.storage.storage_manager import StorageManager
from perfcli.agent.outcomes import MOST_KINDS, Outcomes, clean, example_of_answer, example_of_error
from perfcli.errors import Verdict
from perfcli.monitor import Reading, joined
from perfcli.plan import ExecutionPlan
from perfcli.pool import probe
from perfcli.pool.probe import ProcessProbe
from perfcli.report.html.page import render_html
from perfcli.targets.embedded import EmbeddedTarget
from perfcli.targets.error_kinds import kind_of, kind_of_error, named
from perfcli.targets.protocol import Failure
from perfcli.testing import Behaviour, SimulatedEngine, simulate

STATEMENT = "INSERT INTO users (id, username, email, created_at, updated_at, last_seen) VALUES (?, ?, ?, ?, ?, ?)"


class StorageError(Exception):
    pass


def caught(raise_it: Callable[[], None]) -> BaseException:
    try:
        raise_it()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def full_disk() -> None:
    raise sqlite3.OperationalError("database or disk is full")


def raised_from(message: str, *, named: bool = True) -> BaseException:
    def storage() -> None:
        try:
            full_disk()
        except sqlite3.Error as error:
            if named:
                raise StorageError(message) from error
            raise StorageError(message)  # noqa: B904 as engines do

    return caught(storage)


@pytest.mark.parametrize("message", [STATEMENT, STATEMENT + ": database or disk is full", "cannot store"])
@pytest.mark.parametrize("named", [True, False])
def test_the_last_reason_belongs_to_the_kind(message: str, named: bool) -> None:
    kind = kind_of_error(raised_from(message, named=named))
    assert kind.startswith("StorageError: ")
    assert kind.count("database or disk is full") == 1
    assert len(kind) < 250


def test_a_reason_that_is_hidden_on_purpose_stays_hidden() -> None:
    error = raised_from("cannot store")
    error.__cause__, error.__suppress_context__ = None, True
    assert kind_of_error(error) == "StorageError: cannot store"


def test_a_long_message_keeps_its_head_and_its_tail() -> None:
    kind = kind_of("first " + "x" * 10_000 + " last reason")
    assert kind.startswith("first xxx")
    assert kind.endswith("x last reason")
    assert len(kind) == 120


def test_a_statement_over_several_lines_ends_with_its_reason() -> None:
    assert kind_of("INSERT INTO users (\n  id\n) VALUES (7): disk is full\n") == (
        "INSERT INTO users ( … ) VALUES (…): disk is full"
    )
    assert kind_of("no pet\nand more of it") == "no pet"


def test_an_exception_that_causes_itself_has_an_end() -> None:
    error = StorageError("round and round")
    error.__cause__ = error
    assert kind_of_error(error) == "StorageError: round and round"


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("never")

    __repr__ = __str__


def test_what_cannot_be_printed_still_has_a_kind_and_an_example() -> None:
    assert kind_of_error(UnprintableError()) == "UnprintableError"
    assert "UnprintableError" in example_of_error(UnprintableError())
    assert "cannot be printed: RuntimeError" in example_of_answer((1,), UnprintableError())


@contextmanager
def no_descriptor_left() -> Iterator[int]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held: list[int] = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        with suppress(OSError):
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        yield 256
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in held:
            os.close(descriptor)


def test_a_lack_of_descriptors_is_named_with_its_limit(tmp_path: Path) -> None:
    with no_descriptor_left():
        files = kind_of_error(OSError(errno.EMFILE, "Too many open files", "pets.db"))
        sqlite = kind_of_error(caught(lambda: sqlite3.connect(tmp_path / "pets.db").close()))
    assert files == "OSError: [Errno …] Too many open files: … (all 256 file descriptors are in use)"
    assert sqlite == "OperationalError: unable to open database file (all 256 file descriptors are in use)"
    elsewhere = kind_of_error(caught(lambda: sqlite3.connect(tmp_path / "missing" / "pets.db").close()))
    assert elsewhere == "OperationalError: unable to open database file"


def test_an_example_is_the_whole_exception_with_what_it_was_raised_from() -> None:
    example = example_of_error(raised_from(STATEMENT))
    assert "sqlite3.OperationalError: database or disk is full" in example
    assert "The above exception was the direct cause" in example
    assert 'raise sqlite3.OperationalError("database or disk is full")' in example
    assert example.endswith(f"StorageError: {STATEMENT}")


def test_an_example_is_bounded_and_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGIPAL_MCP_TOKEN", "s3cr3t-t0ken")
    text = clean(
        "\x1b[31mred\x1b[0m\a Authorization: Bearer abc.def token=12345 password: 'hunter2' s3cr3t-t0ken "
        + "x" * 50_000
    )
    assert len(text) < 9_000
    assert not {"\x1b", "\a"} & set(text)
    assert [secret for secret in ("abc.def", "12345", "hunter2", "s3cr3t") if secret in text] == []
    assert "password: '…'" in text


def unclassified(error: BaseException) -> Failure:
    raise error


def test_one_example_of_each_kind_is_made_and_no_more() -> None:
    announced: list[tuple[int, str, str, str]] = []
    made: list[str] = []
    outcomes = Outcomes(lambda *told: announced.append(told), unclassified)

    def example() -> str:
        made.append("made")
        return "in full"

    numbers = [outcomes.number(f"kind: {n % 2}", "database", example) for n in range(10)]
    assert numbers == [1, 2] * 5
    assert announced == [(1, "kind: 0", "database", "in full"), (2, "kind: 1", "database", "in full")]
    assert len(made) == 2
    for n in range(MOST_KINDS):
        outcomes.number(f"other: {n}", "", example)
    assert announced[-1][1] == "other (various)"


def test_processes_do_not_share_a_number() -> None:
    first, second = (Outcomes(lambda *_: None, unclassified, process, 2) for process in range(2))
    assert [first.number("a"), first.number("b")] == [1, 3]
    assert [second.number("c"), second.number("d")] == [2, 4]


@pytest.mark.slow
def test_examples_reach_the_json_and_the_page(make_plan: Callable[..., ExecutionPlan], tmp_path: Path) -> None:
    def fail(label: str, call: int) -> Behaviour:
        return Behaviour(raises=ValueError(f"</pre><script>{call}")) if call % 2 else Behaviour(problem="wrong pet")

    result = simulate(make_plan(["load_pet"]), fail)
    assert result.total.errors == {"wrong pet": 10, "ValueError": 10}
    assert "ValueError: </pre><script>1" in result.error_examples["ValueError"]
    assert "Traceback" in result.error_examples["ValueError"]
    assert result.error_examples["wrong pet"].startswith("asked: (-2, 0)\nanswered: Behaviour(")
    page = render_html([result])
    assert "ValueError: &lt;/pre&gt;&lt;script&gt;1" in page


@pytest.mark.parametrize(
    ("held", "notes"),
    [(1_020, ["the engine holds 1,020 of 1,024 file descriptors (RLIMIT_NOFILE, ulimit -n)"]), (900, [])],
)
def test_descriptors_that_run_out_are_told(
    make_plan: Callable[..., ExecutionPlan], monkeypatch: pytest.MonkeyPatch, held: int, notes: list[str]
) -> None:
    read = SimulatedEngine.readings

    def full(engine: SimulatedEngine, *, whole: bool = False) -> Reading | None:
        reading = read(engine, whole=whole)
        return reading and replace(reading, open_files=held, fullest=(held, 1_024))

    monkeypatch.setattr(SimulatedEngine, "readings", full)
    result = simulate(make_plan(["load_pet"]))
    assert (result.verdict, result.reasons) == (Verdict.PASS, notes)
    assert (result.resources.open_files_max, result.resources.open_files_limit) == (held, 1_024)


@pytest.mark.skipif(sys.platform != "linux", reason="no limits of another process are known elsewhere")
def test_the_process_that_is_closest_to_its_limit_counts(tmp_path: Path) -> None:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    mine = ProcessProbe(os.getpid(), tmp_path / "pets.db")
    reading = mine.read()
    assert reading is not None
    assert reading.fullest == (reading.open_files, limit)

    joint = joined([reading, replace(reading, fullest=(limit, limit))])
    assert joint is not None
    assert joint.fullest == (limit, limit)


def test_the_size_of_a_database_whose_folder_became_a_file(tmp_path: Path) -> None:
    (tmp_path / "database").write_text("mine", encoding="utf-8")
    assert probe._size(tmp_path / "database" / "digipal.db") == 0


def test_an_exception_in_words() -> None:
    class OddError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    assert [named(error) for error in (ValueError("no\nluck"), MemoryError(), OddError())] == [
        "ValueError: no\nluck",
        "MemoryError",
        "OddError",
    ]


def test_a_busy_answer_that_the_engine_makes_itself_is_one(tmp_path: Path) -> None:
    storage = StorageManager(tmp_path / "pets.db", busy_timeout_s=0.05)
    target = EmbeddedTarget.__new__(EmbeddedTarget)
    with storage.db.writing("hold"):
        errors: list[BaseException] = []

        def write() -> None:
            try:
                storage.create_user("u", "Bob")
            except DatabaseBusyError as error:
                errors.append(error)

        thread = Thread(target=write)
        thread.start()
        thread.join()
    storage.close()
    assert [target.classify(error).category for error in errors] == ["busy"]
