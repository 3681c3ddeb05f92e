"""The console: colours on a terminal, plain and stable text everywhere else."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.cells import cell_len

from perfcli.report.console import make_console, to_console
from perfcli.report.run import run_document
from perfcli.results import RunResult

pytestmark = pytest.mark.slow

MakeResult = Callable[..., RunResult]


class FakeTerminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "COLUMNS", "FORCE_COLOR", "TTY_COMPATIBLE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def report_on(stream: io.StringIO, result: RunResult) -> str:
    """What the report of `result` writes to `stream`."""
    make_console(file=stream).print(to_console(run_document(result)))
    return stream.getvalue()


def encoded_report(shown: RunResult | str, encoding: str) -> str:
    """What a reader of a stream in this encoding gets."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    make_console(file=stream).print(to_console(run_document(shown)) if isinstance(shown, RunResult) else shown)
    stream.flush()
    return raw.getvalue().decode(encoding)


class TestColours:
    """Where escape sequences go."""

    def test_a_terminal_has_colours_and_lines(self, make_result: MakeResult) -> None:
        text = report_on(FakeTerminal(), make_result())
        assert "\x1b[" in text
        assert "─" in text

    def test_no_color_is_plain_on_a_terminal(self, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NO_COLOR", "1")
        text = report_on(FakeTerminal(), make_result())
        assert "\x1b" not in text
        assert "─" not in text

    @pytest.mark.parametrize("loud", ["FORCE_COLOR", "TTY_COMPATIBLE"])
    def test_what_is_piped_is_plain_and_wide(
        self, loud: str, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(loud, "1")
        assert not make_console(file=io.StringIO()).is_terminal
        text = report_on(io.StringIO(), make_result())
        assert "\x1b" not in text
        assert "stddev" in text
        assert {char for char in text if not char.isascii()} <= {"µ", "–", "·"}

    def test_what_is_piped_keeps_to_columns_where_they_are_set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert make_console(file=io.StringIO()).width == 160
        monkeypatch.setenv("COLUMNS", "72")
        assert make_console(file=io.StringIO()).width == 72
        monkeypatch.setenv("COLUMNS", "wide")
        assert make_console(file=io.StringIO()).width == 160


class TestEncodings:
    """Characters that a stream cannot write."""

    @pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437"])
    def test_a_poor_encoding_gets_stand_ins_as_wide(self, encoding: str, make_result: MakeResult) -> None:
        result = make_result(name="naïve … – ✓ 日本")
        whole, poor = (encoded_report(result, name).splitlines() for name in ("utf-8", encoding))
        assert list(map(cell_len, poor)) == list(map(cell_len, whole))

    def test_ascii_says_us_and_a_dash(self) -> None:
        assert encoded_report("7.42 µs – 日 ≥", "ascii") == "7.42 us - ?? >\n"

    def test_a_lone_surrogate_is_written_as_a_question_mark(self) -> None:
        assert encoded_report("\udcff", "utf-8") == "?\n"
