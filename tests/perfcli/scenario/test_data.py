"""Lists from CSV files: where they are looked for, what is read, and every mistake with its file and line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from perfcli.operations.care import Care
from perfcli.operations.interact import Interact, InteractWithPet
from perfcli.plan import ExecutionPlan, plan_run
from perfcli.scenario.loader import load_scenario
from perfcli.scenario.overrides import parse_set

Mistakes = Callable[..., list[str]]
Write = Callable[[str], Path]
HEAD = "name: x\nsetup: {pets: 5}\nload: {executor: shared-iterations, iterations: 5}\n"


def talking_from(texts: str, operation: str = "interact") -> str:
    return f"{HEAD}flow: [{operation}: {{texts: {texts}}}]"


def texts_of(path: Path) -> list[str]:
    (step,) = load_scenario(path).flow
    assert isinstance(step, Interact | InteractWithPet)
    return step.texts


@pytest.mark.parametrize(
    ("csv", "column", "texts"),
    [
        ("text\nhello\ngood job\n", "", ["hello", "good job"]),
        ("text,mood\r\nhello,good\r\n\r\nstop it,bad\r\n", "text", ["hello", "stop it"]),
        ('mood,text\ngood,"Hello, you"\nbad,"two\nlines"\n', "text", ["Hello, you", "two\nlines"]),
        ("\ufefftext\nschön\u2028hier", "text", ["schön\u2028hier"]),
        ("text\n5\n", "", ["5"]),
        ("text;mood\nhello, you;good\n", "text", ["hello, you"]),
        ("\ufeffmood\ttext\r\ngood\thi; there\r\n", "text", ["hi; there"]),
        ("text\na;b\nc\td\n", "", ["a;b", "c\td"]),
        ('"a;b"\nx;y\n', "", ["x;y"]),
    ],
)
def test_a_column_of_a_file(written: Write, csv: str, column: str, texts: list[str]) -> None:
    path = written(talking_from(f"{{csv: words.csv{', column: ' + column if column else ''}}}"))
    path.with_name("words.csv").write_bytes(csv.encode())
    assert texts_of(path) == texts


def test_the_scenario_that_travels_holds_the_data_itself(written: Write) -> None:
    path = written(talking_from("{csv: words.csv}"))
    path.with_name("words.csv").write_text("text\nhello\n")
    plan = plan_run(load_scenario(path))
    path.with_name("words.csv").unlink()
    assert ExecutionPlan.model_validate_json(plan.model_dump_json()).scenario.flow == plan.scenario.flow


def test_a_file_is_looked_for_beside_the_file_that_names_it(written: Write) -> None:
    own = written("name: x\nextends: bases/base.yaml")
    bases = own.with_name("bases")
    bases.mkdir()
    (bases / "base.yaml").write_text(talking_from("{csv: words.csv}"))
    (bases / "words.csv").write_text("text\nfrom the base\n")
    assert texts_of(own) == ["from the base"]


def test_an_option_names_a_file_of_the_working_directory(written: Write) -> None:
    path = written(f"{HEAD}flow: [interact]")
    elsewhere = path.absolute().parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "s.yaml").write_text(path.read_text())
    path.with_name("words.csv").write_text("text\nhello\n")
    (step,) = load_scenario(elsewhere / "s.yaml", [parse_set("flow.0={interact: {texts: {csv: words.csv}}}")]).flow
    assert isinstance(step, Interact | InteractWithPet)
    assert step.texts == ["hello"]


def test_lists_actions_variables_and_phases(written: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORDS", "actions.csv")
    phase = (
        "phases: [{name: a, load: {executor: constant-vus, duration: 1s}, flow: [care: {actions: {csv: '${WORDS}'}}]}]"
    )
    talking = "{operation: interact, texts: {list: [hello]}, order: random}"
    path = written(f"name: x\nsetup: {{pets: 1}}\n{phase}\nflow: [{talking}]")
    path.with_name("actions.csv").write_text("action\nmeat\nrest\n")
    scenario = load_scenario(path)
    (care,), (talk,) = scenario.phases_to_run[0].flow, scenario.flow
    assert isinstance(care, Care)
    assert care.actions == ["meat", "rest"]
    assert isinstance(talk, Interact)
    assert (talk.texts, talk.picks_at_random) == (["hello"], True)


FORMS = "write a list, {list: [...]} or {csv: FILE, column: NAME}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ("{csv: word.csv}", "4:32: flow[0].interact.texts.csv: word.csv: no such file (did you mean 'words.csv'?)"),
        ("{csv: [a]}", "4:32: flow[0].interact.texts.csv: expected a name, not a list"),
        ("{csv: words.csv, column: 3}", "4:51: flow[0].interact.texts.column: expected a name, not 3"),
        (
            "{csv: words.csv, column: txt}",
            "4:51: flow[0].interact.texts.column: words.csv has no column 'txt' (did you mean 'text'?)",
        ),
        (
            "{csv: words.csv, colum: text}",
            f"4:43: flow[0].interact.texts.colum: unknown key (did you mean 'column'?): {FORMS}",
        ),
        ("{column: text}", f"4:26: flow[0].interact.texts: expected a list or a column of a file: {FORMS}"),
        ("{}", f"4:26: flow[0].interact.texts: expected a list or a column of a file: {FORMS}"),
        ("{list: hello}", "4:33: flow[0].interact.texts.list: expected a list, not 'hello'"),
        (
            "{list: [hello], csv: words.csv}",
            f"4:26: flow[0].interact.texts: expected a list or a column of a file: {FORMS}",
        ),
        ("{csv: words.csv}", "words.csv:1:1: flow[0].interact.texts: has several columns: choose one, e.g. "),
        ("{csv: /dev/zero}", "4:32: flow[0].interact.texts.csv: /dev/zero: is not a regular file"),
        ("{csv: .}", "4:32: flow[0].interact.texts.csv: .: is a directory: name a file in it"),
    ],
)
def test_mistakes_of_the_scenario(mistakes: Mistakes, tmp_path: Path, texts: str, told: str) -> None:
    (tmp_path / "words.csv").write_text("text,mood\nhello,good\n")
    (found,) = mistakes(talking_from(texts))
    assert found.removeprefix("s.yaml:").startswith(told)


@pytest.mark.parametrize(
    ("csv", "told"),
    [
        (b"", "s.yaml:4:32: flow[0].interact.texts.csv: words.csv is empty: it needs a header and rows below it"),
        (b"text\n", "s.yaml:4:32: flow[0].interact.texts.csv: words.csv has a header only: add rows below it"),
        (
            b"text\na\n\nb,c\n",
            "words.csv:4:1: flow[0].interact.texts: has 2 fields, but the header has 1: "
            "quote texts that hold the separator",
        ),
        (
            b'text\n"a\nb"\n" "\n',
            "words.csv:4:1: flow[0].interact.texts[1]: a text cannot be empty: write one, or remove it",
        ),
        (b'text\na\n"b', "words.csv:3:1: flow[0].interact.texts: not CSV: unexpected end of data"),
        (b'text\n"a"b\n', "words.csv:2:1: flow[0].interact.texts: not CSV: ',' expected after '\"'"),
        (b"text\ncaf\xe9\n", "s.yaml:4:32: flow[0].interact.texts.csv: words.csv:2: byte 0xe9 is not UTF-8: "),
        (
            b"text\n" + b"a\n" * 10_001,
            "words.csv:10002:1: flow[0].interact.texts: has too many rows: a step can choose",
        ),
        (b"x" * (1024 * 1024 + 1), "s.yaml:4:32: flow[0].interact.texts.csv: words.csv: is too large: a CSV file has "),
        (b"x" * 200_000, "words.csv:1:1: flow[0].interact.texts: not CSV: field larger than field limit (131072)"),
        (b"a\0b", "s.yaml:4:32: flow[0].interact.texts.csv: words.csv: is a binary file: byte 2 is NUL"),
    ],
    ids=[
        "empty",
        "header only",
        "fields",
        "blank text",
        "open quote",
        "quote",
        "latin",
        "rows",
        "size",
        "field",
        "nul",
    ],
)
def test_mistakes_of_the_file(mistakes: Mistakes, tmp_path: Path, csv: bytes, told: str) -> None:
    (tmp_path / "words.csv").write_bytes(csv)
    (found,) = mistakes(talking_from("{csv: words.csv}"))
    assert found.startswith(told)


@pytest.mark.parametrize(
    ("csv", "told"),
    [
        (
            "text,mood,text\na,b,c\n",
            "s.yaml:4:51: flow[0].interact.texts.column: words.csv has 2 columns 'text': rename",
        ),
        (
            "text;mood;text\na;b;c\n",
            "s.yaml:4:51: flow[0].interact.texts.column: words.csv has 2 columns 'text': rename",
        ),
        ("text,mood\na,b\ntext,mood\nc,d\n", "words.csv:3:1: flow[0].interact.texts: repeats the header: remove"),
        ("text;mood\na,b\n", "words.csv:2:1: flow[0].interact.texts: has 1 field, but the header has 2"),
    ],
)
def test_a_header_that_is_doubled_or_of_another_delimiter(
    mistakes: Mistakes, tmp_path: Path, csv: str, told: str
) -> None:
    (tmp_path / "words.csv").write_text(csv)
    (found,) = mistakes(talking_from("{csv: words.csv, column: text}"))
    assert found.startswith(told)


def test_the_home_directory_has_its_sign(written: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    (home / "words.csv").write_text("text\nfrom home\n")
    (home / "base.yaml").write_text(talking_from("{csv: ~/words.csv}"))
    assert texts_of(written("name: own\nextends: ~/base.yaml")) == ["from home"]


def test_an_action_that_is_none_is_told_at_its_line(mistakes: Mistakes, tmp_path: Path) -> None:
    (tmp_path / "actions.csv").write_text("action\nmeat\nplya\n")
    assert mistakes(f"{HEAD}flow: [care: {{actions: {{csv: actions.csv}}}}]") == [
        "actions.csv:3:1: flow[0].care.actions[1]: unknown care action 'plya' (did you mean 'play'?)"
    ]


def test_ten_thousand_rows_are_read(written: Write) -> None:
    path = written(talking_from("{csv: words.csv}", "interact_with_pet") + "\ntarget: mcp")
    path.with_name("words.csv").write_text("text\n" + "hello\n" * 10_000)
    assert len(texts_of(path)) == 10_000
