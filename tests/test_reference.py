"""Pages that are made from the code are as it makes them; pages that are written by hand are short and say why."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import click
import pytest
from pydantic import BaseModel

from perfcli import load_result
from perfcli.errors import ExitCode, Verdict
from perfcli.faults import fault_models
from perfcli.figures import METRICS
from perfcli.operations import STEP_MODELS
from perfcli.operations.own.syntax_tree import MEMBERS
from perfcli.reference import FOLDER, pages, write_pages
from perfcli.results import RunResult
from tests.test_docs import LEAVES, anchors, rows

ROOT = Path(__file__).parent.parent
WRITTEN = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MOST_WORDS = 22_000
NO_VERBS = re.compile(r"(an?|the|this|these|it|there|every|what|how|is|are|to|for|in|digipal-perf)\b", re.IGNORECASE)
"""Words that begin a description; what a reader can do begins with a verb."""


@cache
def made() -> dict[str, str]:
    """The pages as the code makes them."""
    return pages()


def intro(text: str) -> str:
    """The first paragraph of a page."""
    return next(part for part in text.split("\n\n") if not part.startswith(("#", "<!--", "![", "<")))


class TestMade:
    """docs/reference/."""

    @pytest.mark.slow
    def test_it_is_as_make_docs_writes_it(self) -> None:
        stored = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / FOLDER).iterdir()}
        assert [name for name in {*stored, *made()} if stored.get(name) != made().get(name)] == [], "run `make docs`"

    @pytest.mark.slow
    def test_writing_removes_what_is_no_page(self, tmp_path: Path) -> None:
        folder = tmp_path / FOLDER
        folder.mkdir(parents=True)
        (folder / "old.md").write_text("# Old\n", encoding="utf-8")
        write_pages(tmp_path)
        assert {path.name for path in folder.iterdir()} == set(made())

    def test_the_index_leads_to_every_page(self) -> None:
        linked = set(re.findall(r"\]\(([\w-]+\.md)\)", made()["index.md"]))
        assert linked == {name for name in made() if name.endswith(".md")} - {"index.md"}

    @pytest.mark.parametrize(
        ("page", "names"),
        [("operations.md", STEP_MODELS), ("faults.md", fault_models())],
    )
    def test_each_has_a_section(self, page: str, names: dict[str, Any]) -> None:
        assert set(names) <= anchors(made()[page])

    def test_every_operation_but_a_pause_says_when_its_answer_is_right(self) -> None:
        sections = re.split(r"^## ", made()["operations.md"], flags=re.MULTILINE)
        without = [part for part in sections if part[1:].partition("`")[0] in STEP_MODELS and "Right if" not in part]
        assert [part[1:].partition("`")[0] for part in without] == ["sleep"]

    def test_every_member_of_the_context_is_there(self) -> None:
        listed = [re.match(r"`?ctx\.(\w+)", row[0]) for row in rows(made()["operations.md"])]
        assert {match[1] for match in listed if match} == set(MEMBERS)

    def test_every_metric_is_there(self) -> None:
        assert [row[0] for row in rows(made()["metrics.md"])] == list(METRICS)

    def test_every_exit_code_is_there(self) -> None:
        assert [row[0] for row in rows(made()["exit-codes.md"])] == [str(code.value) for code in ExitCode]

    @pytest.mark.parametrize("command", LEAVES)
    def test_every_option_is_there(self, command: str) -> None:
        parts = re.split(r"^## `digipal-perf ", made()["options.md"], flags=re.MULTILINE)
        (part,) = [part for part in parts if re.match(rf"{command}[ `]", part)]
        given = [each for each in LEAVES[command].params if isinstance(each, click.Option)]
        assert len(rows(part)) == len(given)
        assert [name for option in given for name in option.opts if name not in part] == []

    def test_defaults_are_shown(self) -> None:
        by_option = {row[0].split()[0]: row for row in rows(made()["options.md"])}
        assert by_option["--store"][1] == ".digipal-perf"
        assert by_option["--seed"][3].startswith("DIGIPAL_PERF_")

    def test_no_field_is_without_a_meaning(self) -> None:
        names = ("results.md", "comparisons.md", "experiments.md")
        assert [row[0] for name in names for row in rows(made()[name]) if row[-1] == "–"] == []


class TestExample:
    """docs/reference/example.json."""

    def test_it_is_a_whole_result_that_passes(self) -> None:
        result = load_result(ROOT / FOLDER / "example.json")
        assert (result.verdict, result.exit_code) == (Verdict.PASS, ExitCode.PASS)
        assert result.operation("load_pet").ok == 20

    def test_it_names_every_field(self) -> None:
        assert missing(load_result(ROOT / FOLDER / "example.json").model_dump(mode="json"), RunResult) == []


def missing(document: Any, model: type[BaseModel]) -> list[str]:
    """The fields of a model, and of those within it, that a document lacks."""
    lacking = [f"{model.__name__}.{name}" for name in model.model_fields if name not in document]
    for name, field in model.model_fields.items():
        for inner in models_in(field.annotation):
            values = document.get(name) or []
            for value in values if isinstance(values, list) else [values]:
                lacking += missing(value, inner)
    return lacking


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The model that an annotation is, or holds in a list or beside None."""
    if get_origin(annotation) in (list, Union, UnionType):
        return [model for inner in get_args(annotation) for model in models_in(inner)]
    return [annotation] if isinstance(annotation, type) and issubclass(annotation, BaseModel) else []


class TestWritten:
    """README.md and docs/."""

    def test_they_are_short(self) -> None:
        words = {path.name: len(path.read_text(encoding="utf-8").split()) for path in WRITTEN}
        assert sum(words.values()) <= MOST_WORDS, words

    @pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
    def test_each_begins_with_what_its_reader_can_do(self, path: Path) -> None:
        first = intro(path.read_text(encoding="utf-8"))
        assert len(first.split()) >= 8
        assert not NO_VERBS.match(first.lstrip("`*"))
