"""Commands that do not run a scenario know its own operations, and execute none of their code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from perfcli.cli import cli
from perfcli.errors import UsageError

SOURCE = '''\
from pathlib import Path

Path(__file__).with_name("executed").touch()
open("executed", "w").close()

from perfcli.operations import Context, operation


def marked(function):
    Path("executed").touch()
    return function


@marked
@operation(counters={"letters": "count", "text": "size"})
def rename(ctx: Context, length: int = 8, *, style: str) -> None:
    """Give the pet a new name.

    It is drawn from the \\x1b[31mseed.

    Args:
        length: letters of the name
    """
    ctx.wrote(name=ctx.pet().name)


@operation
def idle(ctx: Context):
    pass
'''
SCENARIO = """\
name: own
setup: {pets: 2}
operations: [own.py]
load: {executor: shared-iterations, iterations: 50}
flow: [{rename: {style: loud, name: short}}, load_pet]
thresholds: [short.letters > 5]
"""


@pytest.fixture(autouse=True)
def _nothing_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text(SOURCE, encoding="utf-8")
    Path("own.yaml").write_text(SCENARIO, encoding="utf-8")
    yield
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own.py", "own.yaml"]


def printed(*arguments: str) -> str:
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    return result.output


def refused(*arguments: str) -> str:
    with pytest.raises(UsageError) as caught:
        CliRunner().invoke(cli, arguments, catch_exceptions=False)
    return f"{caught.value.message}\n{caught.value.hint}"


def completed(*words: str) -> list[str]:
    *before, incomplete = words
    found = ShellComplete(cli, {}, "digipal-perf", "_").get_completions(list(before), incomplete)
    return [item.value for item in found if item.type == "plain"]


@pytest.mark.parametrize("command", ["validate", "plan", "list"])
def test_scenarios_are_read(command: str) -> None:
    assert "own" in printed(command, "own.yaml")


def test_plan_names_the_steps() -> None:
    assert "short, load_pet" in printed("plan", "own.yaml")


@pytest.mark.parametrize("command", ["validate", "plan", "list", "run"])
def test_mistakes_of_the_source_end_every_command(command: str) -> None:
    Path("own.py").write_text(SOURCE.replace("length: int = 8", "length: set = 8"), encoding="utf-8")
    text = refused(command, "own.yaml")
    assert "own.py:16:34: 'length': 'set' is not a plain type" in text
    assert "   16 | def rename(ctx: Context, length: set = 8, *, style: str) -> None:" in text


def test_explain_says_what_the_source_says() -> None:
    lines = [line.strip() for line in printed("explain", "--scenario", "own.yaml", "rename").splitlines()]
    assert lines[0] == "rename  Give the pet a new name"
    text = "\n".join(lines)
    for told in (
        "It is drawn from the [31mseed.",
        "letters of the name (8)",
        "length: int, style: str",
        "counts: a size, for thresholds",
        "rename.latency.p95 < 100ms",
        "letters, letters_per_op, text, text_per_op, latency,",
        "own.py:16",
        "existing pets",
        "target      embedded\n",
    ):
        assert told in text, told
    assert "\x1b" not in text


def test_explain_lists_and_explains_counters() -> None:
    text = printed("explain", "--scenario", "own.yaml")
    listed = text.partition("your own operations\n")[2]
    assert [line.strip() for line in listed.splitlines()] == ["rename  Give the pet a new name", "idle"]
    assert "your own operations" not in printed("explain")
    counter = printed("explain", "--scenario", "own.yaml", "rename.letters_per_op")
    assert "rename.letters_per_op > 0 (one operation)" in counter
    assert "--scenario FILE adds your own operations" in refused("explain", "rename")


@pytest.mark.slow
def test_the_schema_knows_the_settings() -> None:
    schema = json.loads(printed("schema", "own.yaml"))
    assert schema["$defs"]["Own_rename"]["required"] == ["style"]
    assert "Own_rename" not in json.loads(printed("schema"))["$defs"]
    assert "drop own.yaml" in refused("schema", "--markdown", "own.yaml")


def test_a_shell_completes_operations_and_counters() -> None:
    assert completed("explain", "--scenario", "own.yaml", "ren") == ["rename"]
    assert completed("explain", "ren") == []
    assert completed("trend", "own.yaml", "--metric", "short.le") == ["short.letters"]
    assert "short.latency.p95" in completed("trend", "own.yaml", "--metric", "short.lat")
    Path("own.py").write_text("def", encoding="utf-8")
    assert completed("explain", "--scenario", "own.yaml", "ren") == []
    assert completed("trend", "no such", "--metric", "short.le") == []
