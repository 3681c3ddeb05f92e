"""What is printed on stdout and stderr steers no terminal, whatever the arguments hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import perfcli
from perfcli.__main__ import exit_code_of
from perfcli.streams import printable

RED = "\x1b[31mred\x1b]0;title\x07"
SCENARIO = "name: mine\nsetup: {pets: 1}\nload: {executor: shared-iterations, iterations: 2}\nflow: [load_pet]\n"


def test_printable_text_keeps_lines_emoji_and_markup() -> None:
    assert printable("ä\n\t👩‍👩‍👧 [bold]x[/bold]") == "ä\n\t👩‍👩‍👧 [bold]x[/bold]"
    assert printable("\x1b[2J\x00\x7f\x9b\u202e\udcff\r") == r"\x1b[2J\x00\x7f\x9b\u202e\udcff\r"


@pytest.mark.slow
def test_messages_are_written_in_one_place() -> None:
    """Reports have consoles of their own; anything else goes through `say` and `complain`, which show what it holds."""
    package = Path(perfcli.__file__).parent
    by_hand = re.compile(r"\bclick\.(echo|secho)\(|\bsys\.std(out|err)\.write\(|(?<![\w.])print\(")
    found = {
        str(module.relative_to(package)): len(by_hand.findall(module.read_text(encoding="utf-8")))
        for module in package.rglob("*.py")
    }
    assert not {module: count for module, count in found.items() if count}


@pytest.mark.parametrize(
    "command",
    [
        [RED],
        ["run", RED],
        ["run", f"./{RED}.yaml"],
        ["run", "pet_creation", f"--{RED}"],
        ["run", "pet_creation", "--set", f"a={RED}"],
        ["run", "pet_creation", "--set", f"{RED}=1"],
        ["run", "pet_creation", "--workers", RED],
        ["run", "pet_creation", "--json", f"{RED}/x"],
        ["run", "pet_creation", "--baseline", RED],
        ["run", "pet_creation", "--engine", RED],
        ["run", "--tag", RED],
        ["ab", "pet_creation", "--base", RED],
        ["report", RED],
        ["trend", RED],
        ["baseline", "show", RED],
        ["baseline", "save", RED],
        ["init", RED],
        ["explain", RED],
        ["completion", RED],
        ["plan", f"{RED}/mine.yaml", f"{RED}/mine.yaml"],
        ["validate", RED],
    ],
    ids=lambda command: " ".join(command).replace(RED, "…"),
)
def test_escape_sequences_in_arguments_are_not_echoed(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    if command[0] in ("plan", "validate"):
        Path(RED).mkdir()
        Path(RED, "mine.yaml").write_text(SCENARIO if command[0] == "plan" else f"{SCENARIO}'{RED}': 1\n")
    code = exit_code_of(command)
    told = capsys.readouterr()
    assert code == (0 if command[0] == "plan" else 2)
    printed = told.out + told.err
    assert printed
    assert [char for char in printed if not char.isprintable() and char != "\n"] == []
