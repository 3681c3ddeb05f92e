"""Reading the file: anything that is not a text of bounded size is named for what it is, and nothing blocks."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from perfcli.errors import ExitCode
from perfcli.scenario.loader import ScenarioFileError, load_scenario

Mistakes = Callable[..., list[str]]


def told(path: Path) -> str:
    with pytest.raises(ScenarioFileError) as caught:
        load_scenario(path)
    assert caught.value.exit_code is ExitCode.USAGE
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "s.yaml: is empty: a scenario needs a name, a load and a flow (digipal-perf init writes one)"),
        (
            b"# nothing but a comment\n",
            "s.yaml: is empty: a scenario needs a name, a load and a flow (digipal-perf init writes one)",
        ),
        (b"name: a\0b", "s.yaml: is a binary file: byte 8 is NUL"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "s.yaml: is a binary file: byte 9 is NUL"),
        ("name: x".encode("utf-16"), "s.yaml: is written in UTF-16 or UTF-32: save it as UTF-8"),
        (b"name: x\nflow: caf\xe9\n", "s.yaml:2:10: byte 0xe9 is not UTF-8: save the file as UTF-8"),
        (b"x" * (256 * 1024 + 1), "s.yaml: is too large: a scenario file has at most 256 KiB"),
        (b"- a\n- b\n", "s.yaml:1:1: expected keys such as name, load and flow, not a list"),
        (b"load", "s.yaml:1:1: expected keys such as name, load and flow, not 'load'"),
        (b"~", "s.yaml:1:1: expected keys such as name, load and flow, not nothing"),
    ],
)
def test_what_is_no_scenario_file_is_named(mistakes: Mistakes, content: bytes, message: str) -> None:
    assert mistakes(content) == [message]


@pytest.mark.parametrize("rewrite", [lambda s: "\ufeff" + s, lambda s: s.replace("\n", "\r\n"), lambda s: "---\n" + s])
def test_byte_order_mark_crlf_and_document_start_are_fine(
    mistakes: Mistakes, valid: str, rewrite: Callable[[str], str]
) -> None:
    assert mistakes(rewrite(valid)) == []


def test_columns_do_not_count_the_byte_order_mark(mistakes: Mistakes) -> None:
    assert mistakes("\ufeffnam: x\nload: 3\nflow: [status]")[1].startswith("s.yaml:1:1: nam: unknown key")


def test_missing_file_suggests_its_neighbour(written: Callable[[str], Path]) -> None:
    written("name: x")
    assert told(Path("t.yaml")) == "t.yaml: no such file (did you mean 's.yaml'?)"
    assert told(Path("nowhere/at_all")) == "nowhere/at_all: no such file: check the path"


def test_directory_pipe_and_device_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert told(tmp_path) == f"{tmp_path}: is a directory: name a file in it"
    assert told(tmp_path / "pipe").endswith("pipe: is not a regular file")
    assert told(Path("/dev/zero")) == "/dev/zero: is not a regular file"


def test_broken_symbolic_links_and_absurd_names_are_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert "cannot be read: " in told(tmp_path / "loop")
    assert "cannot be read: File name too long" in told(tmp_path / ("x" * 1_000))
    assert told(Path("a\0b")).endswith("is not a valid file name")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_permission_is_refused(written: Callable[[str], Path]) -> None:
    path = written("name: x")
    path.chmod(0)
    assert told(path) == "s.yaml: cannot be read: Permission denied"
