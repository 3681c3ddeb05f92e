"""Where reports go: places checked beforehand, stdout, and the summary of a CI job."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from perfcli.errors import UsageError
from perfcli.outputs import STDOUT, Outputs, write_text
from perfcli.report.report_files import (
    JOB_SUMMARY,
    add_job_summary,
    check_report_files,
    console_beside,
    rendered,
    write_reports,
)
from perfcli.results import RunResult


class TestPlaces:
    """Before anything runs."""

    def test_files_and_one_stdout_are_fine(self, tmp_path: Path) -> None:
        check_report_files({"junit": tmp_path / "a", "csv": tmp_path / "b", "markdown": STDOUT}, [])

    def test_a_missing_folder_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"^--junit .*/none/j\.xml: the directory .*none does not exist"):
            check_report_files({"junit": tmp_path / "none" / "j.xml"}, [])

    def test_two_reports_in_one_place_are_told(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="--junit and --csv both write to stdout"):
            check_report_files({"junit": STDOUT, "csv": STDOUT}, [])
        (tmp_path / "link").symlink_to(tmp_path / "file")
        with pytest.raises(UsageError, match="--json and --csv both write to "):
            check_report_files({"json": tmp_path / "file", "csv": tmp_path / "link"}, [])

    def test_people_read_stderr_where_a_report_goes_to_stdout(self, capsys: pytest.CaptureFixture[str]) -> None:
        console_beside([STDOUT]).print("to people")
        console_beside([Path("file")]).print("as ever")
        assert capsys.readouterr() == ("as ever\n", "to people\n")


class TestWriting:
    """The files."""

    def test_each_format_goes_to_its_place(
        self, all_results: dict[str, RunResult], tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
    ) -> None:
        results = [all_results["passed"]]
        write_reports(results, {"markdown": STDOUT, "junit": tmp_path / "j.xml"}, Outputs())
        assert (tmp_path / "j.xml").read_text(encoding="utf-8") == rendered("junit", results)
        assert capsysbinary.readouterr().out.decode() == rendered("markdown", results)

    def test_half_a_character_is_written_as_its_code(self, tmp_path: Path) -> None:
        write_text("a\udcffb 😀\n", tmp_path / "text")
        assert (tmp_path / "text").read_bytes() == "a\\udcffb 😀\n".encode()


class TestJobSummary:
    """GITHUB_STEP_SUMMARY."""

    def test_is_appended_to(
        self, all_results: dict[str, RunResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        summary = tmp_path / "summary.md"
        summary.write_text("before\n", encoding="utf-8")
        monkeypatch.setenv(JOB_SUMMARY, str(summary))
        results = [all_results["failed"]]
        add_job_summary(results, Outputs())
        add_job_summary([], Outputs())
        assert summary.read_text(encoding="utf-8") == "before\n" + rendered("markdown", results)

    def test_fails_nothing(
        self,
        make_result: Callable[..., RunResult],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setenv(JOB_SUMMARY, str(tmp_path))
        add_job_summary([make_result()], Outputs())
        assert capsys.readouterr().err == f"Warning: {JOB_SUMMARY}={tmp_path}: no summary of this job: Is a directory\n"

    def test_is_none_elsewhere(self, make_result: Callable[..., RunResult], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv(JOB_SUMMARY, raising=False)
        before = os.listdir()
        add_job_summary([make_result()], Outputs())
        assert os.listdir() == before
