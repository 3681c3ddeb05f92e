"""`list` and `validate` say of files that they know already exactly what they say of files that they load."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from perfcli.__main__ import exit_code_of
from perfcli.commands.authoring import list_scenarios
from perfcli.commands.context import Context
from perfcli.commands.options import ListOptions, Selection
from perfcli.scenario import loader

Printed = tuple[int, str, str]
Command = Callable[..., Printed]

REST = "setup: {pets: 5}\nload: {executor: shared-iterations, iterations: 5}\n"
SOURCE = """from perfcli.operations import Context, operation


@operation
def rename(ctx: Context, length: int = 8) -> None:
    "Give the pet a new name."
    ctx.pet().name = ctx.text(length)
"""
FILES = {
    "words.csv": "text\nhello\nbye\n",
    "own.py": SOURCE,
    "broken.py": SOURCE.replace("def", "fed"),
    "base.yaml": f"name: base\n{REST}flow: [status]\n",
    "good.yaml": f"name: good\n{REST}flow: [status]\ntags: [quick]\n",
    "warns.yaml": f"name: warns\n{REST}flow: [status]\nthresholds: [success_rate >= 0%, latency.p99 < 1ms]\n",
    "extends.yaml": "extends: base.yaml\nname: over_base\ndescription: '${GREETING:-nobody} greets'\n",
    "extends_nothing.yaml": "extends: bsae.yaml\nname: over_nothing\n",
    "data.yaml": f"name: data\n{REST}flow: [{{interact: {{texts: {{csv: words.csv}}}}}}]\n",
    "no_data.yaml": f"name: no_data\n{REST}flow: [{{interact: {{texts: {{csv: wrods.csv}}}}}}]\n",
    "own.yaml": f"name: own\n{REST}operations: [own.py]\nflow: [rename]\n",
    "broken_own.yaml": f"name: broken_own\n{REST}operations: [broken.py]\nflow: [rename]\n",
    "module.yaml": f"name: module\n{REST}operations: [no.such.module]\nflow: [status]\n",
    "no_yaml.yaml": "name: [",
    "unknown.yaml": f"name: unknown\n{REST}flow: [statsu]\nthresholds: [latency.p99 < 1 apple]\n",
    "unset.yaml": f"name: unset\n{REST}flow: [status]\ndescription: ${{NEVER_SET}}\n",
    "empty.yaml": "",
    "binary.yaml": "a: \0",
}
RIGHT = ("base", "good", "warns", "extends", "data", "own")
WRONG = ("extends_nothing", "no_data", "broken_own", "module", "no_yaml", "unknown", "unset", "empty", "binary")
SELECTION = Selection(scenarios=tuple(f"{name}.yaml" for name in RIGHT))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    for command in ("LIST", "VALIDATE"):
        monkeypatch.delenv(f"DIGIPAL_PERF_{command}_NO_CACHE")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for name, content in FILES.items():
        Path(name).write_text(content, encoding="utf-8")


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Command:
    """Calls the command line: its exit code, and what it prints on stdout and stderr."""

    def call(*arguments: str) -> Printed:
        code = exit_code_of(list(arguments))
        return code, *capfd.readouterr()

    return call


@pytest.fixture
def nothing_loads(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From its call on, no scenario can be loaded."""

    def forbid() -> None:
        def refuse(path: Path, *others: object) -> None:
            raise AssertionError(f"{path} is loaded")

        monkeypatch.setattr(loader, "_loaded", refuse)

    return forbid


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [["list"], ["list", "--tag", "quick"], ["validate", str(Path(__file__).parents[3] / "scenarios")]],
    ids=["list", "list --tag", "validate"],
)
def test_of_shipped_scenarios(arguments: list[str], command: Command, nothing_loads: Callable[[], None]) -> None:
    loaded = command(*arguments, "--no-cache")
    assert loaded[0] == 0
    assert command(*arguments) == loaded
    nothing_loads()
    assert command(*arguments) == loaded


@pytest.mark.parametrize("verb", ["list", "validate"])
@pytest.mark.parametrize("name", RIGHT)
def test_of_a_file_without_mistakes(name: str, verb: str, command: Command, nothing_loads: Callable[[], None]) -> None:
    loaded = command(verb, f"{name}.yaml", "--no-cache")
    assert loaded[0] == 0
    assert name.split("_")[0] in loaded[1] or name == "extends"
    assert command(verb, f"{name}.yaml") == loaded
    nothing_loads()
    assert command(verb, f"{name}.yaml") == loaded


@pytest.mark.parametrize("verb", ["list", "validate"])
@pytest.mark.parametrize("names", [*([name] for name in WRONG), [*WRONG, *RIGHT]], ids=lambda names: names[0][:9])
def test_of_files_with_mistakes(names: list[str], verb: str, command: Command) -> None:
    files = [f"{name}.yaml" for name in names]
    loaded = command(verb, *files, "--no-cache")
    assert loaded[:2] == (2, "")
    assert all(name.replace("broken_own.yaml", "broken.py") in loaded[2] for name in files[: len(WRONG)])
    for _ in range(3):
        assert command(verb, *files) == loaded


def test_a_file_that_was_right_is_loaded_when_it_is_edited(command: Command) -> None:
    assert command("validate", "good.yaml") == (0, "good: ok\n", "")
    Path("good.yaml").write_text(FILES["good.yaml"].replace("status", "statsu"), encoding="utf-8")
    code, _, told = command("validate", "good.yaml")
    assert code == 2
    assert "good.yaml:4:8" in told
    Path("good.yaml").write_text(FILES["good.yaml"], encoding="utf-8")
    assert command("validate", "good.yaml") == (0, "good: ok\n", "")


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [("words.csv", "hello", '"'), ("own.py", "length", "weight"), ("base.yaml", "load:", "laod:")],
)
def test_a_mistake_in_a_file_that_is_brought_in_is_seen(file: str, before: str, after: str, command: Command) -> None:
    names = ("data.yaml", "own.yaml", "extends.yaml")
    assert [command("validate", *names)[0] for _ in range(2)] == [0, 0]
    Path(file).write_text(FILES[file].replace(before, after), encoding="utf-8")
    code, printed, told = command("validate", *names)
    assert (code, printed) == (2, "")
    assert file in told


def test_a_variable_is_put_in_anew(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for greeting, expected in (("", "nobody greets"), ("Ada", "Ada greets"), ("Bob", "Bob greets")):
        monkeypatch.setenv("GREETING", greeting)
        for _ in range(2):
            assert expected in command("list", "extends.yaml")[1]


def test_tags_choose_from_what_is_known(command: Command, nothing_loads: Callable[[], None]) -> None:
    files = [f"{name}.yaml" for name in RIGHT]
    command("list", *files)
    nothing_loads()
    assert command("list", "--tag", "quick", *files)[1].startswith("good  ")
    code, printed, told = command("list", "--tag", "quik", *files)
    assert (code, printed) == (2, "")
    assert told == "Error: no scenario has the tag 'quik' (did you mean 'quick'?)\nHint: tags in use: quick\n"


def test_neither_width_nor_colour_is_kept() -> None:
    def printed(color_system: str | None, width: int, *, no_cache: bool = False) -> str:
        file = io.StringIO()
        console = Console(file=file, width=width, color_system=color_system, force_terminal=True)  # type: ignore[arg-type]
        assert list_scenarios(ListOptions(selection=SELECTION, no_cache=no_cache), Context(console=console)) == 0
        return file.getvalue()

    looks = [(None, 30), ("truecolor", 30), (None, 160), ("truecolor", 160)]
    loaded = {look: printed(*look, no_cache=True) for look in looks}
    assert len(set(loaded.values())) == len(looks)
    assert {look: printed(*look) for look in [*looks, *reversed(looks)]} == loaded
